package dev.nibble.graph.pass;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Model;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.shape.ShapeInference;
import java.util.Objects;
import java.util.stream.Stream;

/// Declares the types and shapes of all values, as far as they follow from the inputs ([ShapeInference]). It rewrites
/// nothing; the passes after it see ranks and sizes that the file does not state.
public final class InferShapes implements Pass {
    @Override
    public String name() {
        return "infer-shapes";
    }

    @Override
    public String description() {
        return "declare the shapes of all values, for the passes that need them";
    }

    @Override
    public PassResult apply(Model model) {
        if (model.opset() == 0) {
            return PassResult.unchanged(model);
        }
        Model inferred = ShapeInference.infer(model).model();
        long before = stated(model);
        long after = stated(inferred);
        if (after <= before) {
            return PassResult.unchanged(model);
        }
        Findings findings = new Findings();
        findings.changed(
                "declared what follows of shapes: %d values now have one",
                declared(inferred).filter(t -> t.dims() != null).count());
        return findings.result(inferred);
    }

    /// How much is said: ranks, and sizes of axes.
    private static long stated(Model model) {
        return declared(model)
                .map(ValueType.TensorType::dims)
                .filter(Objects::nonNull)
                .mapToLong(
                        d -> 1 + d.stream().filter(Dim.Known.class::isInstance).count())
                .sum();
    }

    private static Stream<ValueType.TensorType> declared(Model model) {
        return Stream.concat(model.graph().valueInfos().stream(), model.graph().outputs().stream())
                .flatMap(v -> v.tensorType().stream());
    }
}
