package dev.nibble.quant.export;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;

/// The float model that belongs to a quantized one: as it was prepared for placement, with every weight on
/// its grid. Encodings key on its names.
public final class FloatTwin {
    private static final long COMPUTED_FROM = 1 << 18;

    private FloatTwin() {}

    /// The twin of `plan`'s model under `quantization`.
    public static Model of(PlacementPlan plan, Quantization quantization) {
        LinearQuantization linear = new LinearQuantization();
        return plan.model()
                .withGraph(plan.model()
                        .graph()
                        .edit(edit -> quantization
                                .weights()
                                .forEach((name, codes) -> edit.put(weight(name, codes, linear)))));
    }

    /// Floats are four times as large as their codes: of large weights they are made when the file is written.
    private static Initializer weight(String name, QuantizedTensor codes, LinearQuantization linear) {
        return codes.shape().elements() < COMPUTED_FROM
                ? Initializer.of(name, linear.dequantize(codes))
                : Initializer.computed(
                        name,
                        DataType.FLOAT,
                        codes.shape(),
                        (from, piece) -> linear.dequantize(codes, from / 4, piece));
    }
}
