package dev.nibble.quant.export;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;

/// The float model that belongs to a quantized one: as it was prepared for placement, with every weight on
/// its grid. Encodings key on its names.
public final class FloatTwin {
    private FloatTwin() {}

    /// The twin of `plan`'s model under `quantization`.
    public static Model of(PlacementPlan plan, Quantization quantization) {
        LinearQuantization linear = new LinearQuantization();
        return plan.model()
                .withGraph(plan.model()
                        .graph()
                        .edit(edit -> quantization
                                .weights()
                                .forEach((name, codes) -> edit.put(Initializer.of(name, linear.dequantize(codes))))));
    }
}
