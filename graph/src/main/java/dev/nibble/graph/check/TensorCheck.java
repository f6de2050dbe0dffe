package dev.nibble.graph.check;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import java.util.List;
import java.util.Optional;

/// Whether a stored tensor holds as many elements as its shape says.
final class TensorCheck {
    private TensorCheck() {}

    static void check(Initializer tensor, String where, List<Problem> problems) {
        Optional<DataType> type = DataType.ofCode(tensor.typeCode());
        if (type.isEmpty()) {
            problems.add(
                    tensor.typeCode() == 0
                            ? Problem.error(where, "has no element type", "the file is damaged; export it again")
                            : Problem.warning(
                                    where,
                                    "has element type " + tensor.typeCode() + ", which is not known",
                                    "it is carried as it is; nothing can be computed with it"));
            return;
        }
        if (!tensor.hasData()) {
            // Stripped weights are listed once for the whole model.
            return;
        }
        if (type.get() == DataType.STRING) {
            if (tensor.storage() instanceof Initializer.Storage.Strings(var values)
                    && values.size() != tensor.shape().elements()) {
                problems.add(Problem.error(
                        where,
                        "holds %d strings, but its shape is %s".formatted(values.size(), tensor.shape()),
                        "the file is damaged or was cut short; export or copy it again"));
            }
            return;
        }
        if (tensor.storage() instanceof Initializer.Storage.Computed) {
            return;
        }
        try {
            tensor.tensor();
        } catch (NibbleException e) {
            problems.add(Problem.error(where, e.getMessage(), e.hint()));
        }
    }
}
