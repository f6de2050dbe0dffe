package dev.nibble.pipeline.recover;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.weight.EqualizeCrossLayer;
import dev.nibble.quant.weight.WeightSteps;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/// A step of a recipe, by the name that command lines and recipe files use. The order is the order in which steps run.
public enum Algorithm {
    /// Channels of constant output moved into biases.
    ZERO_CONSTANT_CHANNELS("zero-constant-channels"),
    /// Ranges of weights balanced across layers.
    EQUALIZE("cle", Choice.CAPS),
    /// What channels have at least, moved into the biases behind; not exact with ReLU6 and padding.
    ABSORB("absorb-high-bias"),
    /// Keys and queries turned so that keys of all heads have one sign.
    ROTATE_KEYS("rotate-keys"),
    /// Ranges behind normalizations moved into the weights that read them.
    SMOOTH("smoothquant", Setting.ALPHA),
    /// Least-squares weights for the quantized inputs.
    RETARGET("retarget", Setting.DAMPING),
    /// Scales by the error at the layer's output.
    SEQUENTIAL_MSE("seqmse", Setting.CANDIDATES),
    /// Rounding column by column, each error carried over.
    GPTQ("gptq", Setting.DAMPING),
    /// Single codes changed while that lowers the error.
    COORDINATE_DESCENT("coordinate-descent", Setting.SWEEPS),
    /// Scales fitted to the codes.
    REFIT_SCALES("refit-scales"),
    /// The mean error taken out through the bias.
    CORRECT_BIAS("bias-correction");

    private final String id;
    private final List<Setting> settings;
    private final List<Choice> choices;

    Algorithm(String id, Setting... settings) {
        this.id = id;
        this.settings = List.of(settings);
        this.choices = List.of();
    }

    Algorithm(String id, Choice choice) {
        this.id = id;
        this.settings = List.of();
        this.choices = List.of(choice);
    }

    /// A word out of a few that a step can be given.
    public enum Choice {
        /// What becomes of the caps (ReLU6) of scaled channels; `auto` measures.
        CAPS("caps", "auto", "kept", "exact", "relu");

        private final String id;
        private final List<String> words;

        Choice(String id, String... words) {
            this.id = id;
            this.words = List.of(words);
        }

        public String id() {
            return id;
        }

        /// What can be said; the first holds where nothing is said.
        public List<String> words() {
            return words;
        }

        String standard() {
            return words.getFirst();
        }

        /// @throws NibbleException where `word` is none of [#words]
        void require(String word) {
            if (!words.contains(word)) {
                String all = String.join(", ", words);
                throw new NibbleException(
                        "%s must be one of %s, but is '%s'".formatted(id, all, word),
                        Nearest.didYouMean(word, words, "use %s, or leave it out".formatted(standard())));
            }
        }
    }

    /// A number that a step can be given.
    public enum Setting {
        /// The share of an activation's range that moves into the weights.
        ALPHA("alpha", EqualizeCrossLayer.Rule.Activations.ALPHA, 0, 1, false),
        /// What is added to the diagonal of a covariance, as a share of its mean.
        DAMPING("damping", WeightSteps.DAMPING, 1e-9, 1, false),
        /// Scales that are compared.
        CANDIDATES("candidates", WeightSteps.CANDIDATES, 2, 1000, true),
        /// Passes over the codes at most.
        SWEEPS("sweeps", WeightSteps.SWEEPS, 1, 1000, true);

        private final String id;
        private final double standard;
        private final double least;
        private final double most;
        private final boolean whole;

        Setting(String id, double standard, double least, double most, boolean whole) {
            this.id = id;
            this.standard = standard;
            this.least = least;
            this.most = most;
            this.whole = whole;
        }

        public String id() {
            return id;
        }

        /// What holds where nothing is said.
        double standard() {
            return standard;
        }

        /// @throws NibbleException where `value` is out of range
        void require(double value) {
            if (!(value >= least && value <= most) || whole && value != Math.rint(value)) {
                throw new NibbleException(
                        "%s must be %s from %s to %s, but was %s"
                                .formatted(
                                        id,
                                        whole ? "a whole number" : "a number",
                                        text(least),
                                        text(most),
                                        text(value)),
                        "use %s, or leave it out".formatted(text(standard)));
            }
        }

        private static String text(double value) {
            return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
        }
    }

    /// Numbers that a step of this algorithm can be told.
    public List<Setting> settings() {
        return settings;
    }

    /// Words that a step of this algorithm can be told.
    public List<Choice> choices() {
        return choices;
    }

    public String id() {
        return id;
    }

    /// What other tools call rounding that is trained.
    private static final Set<String> WITH_GRADIENTS = Set.of("adaround", "adaquant", "brecq", "adascale");

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
                        WITH_GRADIENTS.contains(name)
                                ? "there are no gradients here: gptq,coordinate-descent round by the error at the"
                                        + " layer's output as well, and --recipe w4 has all that goes with them"
                                : Nearest.didYouMean(name, names(), "choose from " + String.join(", ", names()))));
    }

    /// Whether this one changes the float model's channels before anything is quantized.
    public boolean preparesChannels() {
        return switch (this) {
            case ZERO_CONSTANT_CHANNELS, EQUALIZE, ABSORB, ROTATE_KEYS, SMOOTH -> true;
            case RETARGET, SEQUENTIAL_MSE, GPTQ, COORDINATE_DESCENT, REFIT_SCALES, CORRECT_BIAS -> false;
        };
    }

    /// Whether this one decides the codes of weights.
    public boolean decidesWeights() {
        return switch (this) {
            case SEQUENTIAL_MSE, RETARGET, GPTQ, COORDINATE_DESCENT, REFIT_SCALES -> true;
            case ZERO_CONSTANT_CHANNELS, EQUALIZE, ABSORB, ROTATE_KEYS, SMOOTH, CORRECT_BIAS -> false;
        };
    }
}
