package dev.nibble.pipeline.recover;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.Arrays;
import java.util.List;

/// A step of a recipe, by the name that command lines and recipe files use. The order is the order in which steps run.
public enum Algorithm {
    /// Channels of constant output moved into biases.
    ZERO_CONSTANT_CHANNELS("zero-constant-channels"),
    /// Ranges of weights balanced across layers.
    EQUALIZE("cle"),
    /// Scales by the error at the layer's output.
    SEQUENTIAL_MSE("seqmse"),
    /// Least-squares weights for the quantized inputs.
    RETARGET("retarget"),
    /// Rounding column by column, each error carried over.
    GPTQ("gptq"),
    /// Single codes changed while that lowers the error.
    COORDINATE_DESCENT("coordinate-descent"),
    /// Scales fitted to the codes.
    REFIT_SCALES("refit-scales"),
    /// The mean error taken out through the bias.
    CORRECT_BIAS("bias-correction");

    private final String id;

    Algorithm(String id) {
        this.id = id;
    }

    public String id() {
        return id;
    }

    /// Every name, in the order of running.
    public static List<String> names() {
        return Arrays.stream(values()).map(Algorithm::id).toList();
    }

    /// The algorithm named `name`.
    ///
    /// @throws NibbleException where there is none
    public static Algorithm named(String name) {
        return Arrays.stream(values())
                .filter(algorithm -> algorithm.id.equals(name.replace('_', '-')))
                .findFirst()
                .orElseThrow(() -> new NibbleException(
                        "there is no algorithm '" + name + "'",
                        Nearest.didYouMean(name, names(), "choose from " + String.join(", ", names()))));
    }

    /// Whether this one decides the codes of weights.
    public boolean decidesWeights() {
        return switch (this) {
            case SEQUENTIAL_MSE, RETARGET, GPTQ, COORDINATE_DESCENT, REFIT_SCALES -> true;
            case ZERO_CONSTANT_CHANNELS, EQUALIZE, CORRECT_BIAS -> false;
        };
    }
}
