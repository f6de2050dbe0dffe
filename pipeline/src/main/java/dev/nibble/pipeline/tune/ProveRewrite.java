package dev.nibble.pipeline.tune;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.pass.SimplifyCheck;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/// Runs a model and what was made of it on the same seeded inputs. Inputs and outputs of rank 4 whose channels moved to
/// the end are turned to be compared.
///
/// Of an output that an ArgMax gives, what the ArgMax reads is compared: two values that tie but for a rounding may fall
/// either way.
final class ProveRewrite {
    private static final Set<DataType> FLOATS =
            Set.of(DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE);

    private final Executor executor;
    private final Map<String, Tensor> inputs;
    private final Map<String, Tensor> expected;

    private ProveRewrite(Executor executor, Map<String, Tensor> inputs, Map<String, Tensor> expected) {
        this.executor = executor;
        this.inputs = inputs;
        this.expected = expected;
    }

    /// What came of comparing.
    record Verdict(List<SimplifyCheck.Difference> differences) {
        Verdict {
            differences = List.copyOf(differences);
        }

        boolean within() {
            return differences.stream().allMatch(SimplifyCheck.Difference::within);
        }

        double largest() {
            return differences.stream()
                    .mapToDouble(SimplifyCheck.Difference::maxRelative)
                    .max()
                    .orElse(0);
        }
    }

    /// Runs `before` once.
    ///
    /// @throws NibbleException where it does not run
    static ProveRewrite of(Model before, Executor executor, long seed) {
        Map<String, Tensor> inputs = SimplifyCheck.inputs(before, new Random(seed));
        return new ProveRewrite(executor, inputs, run(before, executor, inputs));
    }

    /// The outputs that hold NaN or infinity.
    List<String> notFinite() {
        List<String> names = new ArrayList<>();
        expected.forEach((name, tensor) -> {
            if (FLOATS.contains(tensor.type())) {
                for (long i = 0; i < tensor.elements(); i++) {
                    if (!Float.isFinite(tensor.floatAt(i))) {
                        names.add(name);
                        return;
                    }
                }
            }
        });
        return names;
    }

    /// @param moved inputs and outputs that lie channels last in `after`
    /// @throws NibbleException where `after` does not run
    Verdict compare(Model after, Set<String> moved) {
        Map<String, Tensor> fed = new LinkedHashMap<>();
        inputs.forEach((name, tensor) -> fed.put(name, moved.contains(name) ? turned(tensor, 0, 2, 3, 1) : tensor));
        Map<String, Tensor> actual = run(after, executor, fed);
        List<SimplifyCheck.Difference> differences = new ArrayList<>();
        expected.forEach((name, tensor) -> {
            Tensor got = actual.get(name);
            if (got == null) {
                throw new NibbleException("output '" + name + "' did not come out", "report this as a defect");
            }
            Tensor comparable = moved.contains(name) ? turned(got, 0, 3, 1, 2) : got;
            differences.add(SimplifyCheck.difference(name, comparable, tensor, SimplifyCheck.Tolerance.DEFAULT));
        });
        return new Verdict(differences);
    }

    /// By the outputs' names, whatever is fetched for them.
    private static Map<String, Tensor> run(Model model, Executor executor, Map<String, Tensor> inputs) {
        Map<String, String> fetched = new LinkedHashMap<>();
        for (ValueInfo output : model.graph().outputs()) {
            Optional<Node> maker = model.graph().producer(output.name());
            boolean place = maker.filter(n -> n.isAny("ArgMax", "ArgMin")).isPresent()
                    && model.graph().producer(maker.get().input(0)).isPresent();
            fetched.put(output.name(), place ? maker.get().input(0) : output.name());
        }
        Map<String, Tensor> results = new LinkedHashMap<>();
        List<String> names = fetched.values().stream().distinct().toList();
        try (Executor.Session session =
                executor.open(model, names, new Executor.Options(0, Executor.Optimization.OFF))) {
            Map<String, Tensor> all = session.run(inputs);
            fetched.forEach((output, name) -> {
                Tensor tensor = all.get(name);
                if (tensor != null) {
                    results.put(output, tensor.copy());
                }
            });
        }
        return results;
    }

    /// A float tensor of rank 4 with its axes in another order.
    private static Tensor turned(Tensor tensor, int... perm) {
        Shape in = tensor.shape();
        Shape out = Shape.of(in.dim(perm[0]), in.dim(perm[1]), in.dim(perm[2]), in.dim(perm[3]));
        long[] strides = {in.product(1, 4), in.product(2, 4), in.dim(3), 1};
        float[] values = new float[Math.toIntExact(out.elements())];
        int at = 0;
        for (long a = 0; a < out.dim(0); a++) {
            for (long b = 0; b < out.dim(1); b++) {
                for (long c = 0; c < out.dim(2); c++) {
                    for (long d = 0; d < out.dim(3); d++) {
                        long from = a * strides[perm[0]]
                                + b * strides[perm[1]]
                                + c * strides[perm[2]]
                                + d * strides[perm[3]];
                        values[at++] = tensor.floatAt(from);
                    }
                }
            }
        }
        return Tensor.of(out, values);
    }
}
