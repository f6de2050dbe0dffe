package dev.nibble.cli;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.pipeline.recover.RecipeFile;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The number formats, and how their ranges are chosen: `@Mixin PrecisionOptions precision`.
final class PrecisionOptions {
    private static final SortedMap<String, Recipe> NAMED =
            new TreeMap<>(Map.of("plain", Recipe.PLAIN, "w4", Recipe.W4, "enhanced", Recipe.ENHANCED));
    private static final Map<String, Symmetry> SCHEMAS = Map.of(
            "asymmetric", Symmetry.ASYMMETRIC,
            "symmetric", Symmetry.SYMMETRIC,
            "strict-symmetric", Symmetry.STRICT_SYMMETRIC,
            "unsigned-symmetric", Symmetry.UNSIGNED_SYMMETRIC,
            "unsignedsymmetric", Symmetry.UNSIGNED_SYMMETRIC);

    @Option(
            order = 20,
            names = "--weights-bitwidth",
            paramLabel = "4|8|16",
            defaultValue = "8",
            description = "Bits of weights (default: 8).")
    private int weightsBitwidth;

    @Option(
            order = 21,
            names = "--act-bitwidth",
            paramLabel = "8|16|float",
            defaultValue = "8",
            description = "Bits of activations, or float to quantize weights only (default: 8).")
    private String actBitwidth;

    @Option(
            order = 22,
            names = "--bias-bitwidth",
            paramLabel = "32|float",
            description = "Bits of biases (default: 32; as it has them with the encodings of another tool's run).")
    private @Nullable String biasBitwidth;

    @Option(
            order = 23,
            names = "--weight-granularity",
            paramLabel = "tensor|channel|block:N",
            defaultValue = "channel",
            description = "What has a scale of its own in a weight (default: channel).")
    private String weightGranularity;

    @Option(
            order = 24,
            names = "--act-calibration",
            paramLabel = "METHOD",
            defaultValue = "auto",
            description = "min-max, percentile, mse, sqnr, entropy, or auto: the one with the least error at the "
                    + "consuming layer's output, tensor by tensor (default: auto).")
    private String actCalibration;

    @Option(
            order = 25,
            names = "--param-calibration",
            paramLabel = "METHOD",
            defaultValue = "auto",
            description = "The same for weights; auto is min-max from 8 bits on, mse below (default: auto).")
    private String paramCalibration;

    @Option(
            order = 26,
            names = "--percentile-calibration-value",
            paramLabel = "P",
            defaultValue = "99.99",
            description = "What percentile keeps on each side (default: 99.99).")
    private double percentile;

    @Option(
            order = 27,
            names = "--act-schema",
            paramLabel = "S",
            description = "asymmetric, symmetric or unsigned-symmetric (default: the target's).")
    private @Nullable String actSchema;

    @Option(
            order = 28,
            names = "--param-schema",
            paramLabel = "S",
            description = "symmetric, strict-symmetric or asymmetric (default: the target's).")
    private @Nullable String paramSchema;

    @Option(
            order = 29,
            names = "--algorithms",
            paramLabel = "A[,A…]",
            hideParamSyntax = true,
            split = ",",
            description =
                    "zero-constant-channels, cle, absorb-high-bias, rotate-keys, smoothquant, retarget, seqmse, gptq, coordinate-descent, refit-scales, bias-correction, or none for "
                            + "plain rounding (default: bias-correction; for W8A8 rotate-keys, bias-correction; for weights of 4 bits those of --recipe w4).")
    private @Nullable List<String> algorithms;

    @Option(
            order = 29,
            names = "--recipe",
            paramLabel = "R|FILE.toml",
            description =
                    "plain; w4: seqmse and all that follows it; enhanced: all of --algorithms but absorb-high-bias, rotate-keys and smoothquant, for one scale a "
                            + "tensor; or a TOML file: steps, each on the operators in its scope.")
    private @Nullable String recipe;

    @Option(
            order = 30,
            names = "--io",
            paramLabel = "float|quantized",
            defaultValue = "float",
            description = "What the written model takes and gives (default: float).")
    private String io;

    /// The formats.
    ///
    /// @throws NibbleException where a value is none of those that there are
    Precision precision() {
        OptionalInt biases = switch (biasBitwidth) {
            case null -> OptionalInt.of(32);
            case "32" -> OptionalInt.of(32);
            case "float" -> OptionalInt.empty();
            default ->
                throw new NibbleException(
                        "biases of " + biasBitwidth + " bits are not supported", "use --bias-bitwidth 32 or float");
        };
        if (!List.of(4, 8, 16).contains(weightsBitwidth)) {
            throw new NibbleException(
                    "weights of " + weightsBitwidth + " bits are not supported", "use --weights-bitwidth 4, 8 or 16");
        }
        OptionalInt activations = switch (actBitwidth) {
            case "float", "32" -> OptionalInt.empty();
            case "8", "16" -> OptionalInt.of(Integer.parseInt(actBitwidth));
            default ->
                throw new NibbleException(
                        "activations of '" + actBitwidth + "' bits are not supported",
                        "use --act-bitwidth 8, 16 or float");
        };
        return new Precision(
                weightsBitwidth,
                granularity(),
                activations,
                biases,
                schema("--param-schema", paramSchema),
                schema("--act-schema", actSchema),
                Overrides.NONE);
    }

    /// Weights by channel and activations of these widths.
    ///
    /// @throws NibbleException where there is no such width
    static Precision widths(int weights, int activations) {
        if (!List.of(4, 8, 16).contains(weights)) {
            throw new NibbleException(
                    "weights of " + weights + " bits are not supported", "use --weights-bitwidth 4, 8 or 16");
        }
        if (activations != 8 && activations != 16) {
            throw new NibbleException(
                    "activations of " + activations + " bits are not supported", "use --act-bitwidth 8 or 16");
        }
        return Precision.of(weights, WeightGranularity.CHANNEL, activations);
    }

    /// Whether the width of biases was said.
    boolean biasesGiven() {
        return biasBitwidth != null;
    }

    private WeightGranularity granularity() {
        if (weightGranularity.startsWith("block:")) {
            try {
                int size = Integer.parseInt(weightGranularity.substring("block:".length()));
                if (size >= 1) {
                    return new WeightGranularity.PerBlock(size);
                }
            } catch (NumberFormatException e) {
                // Falls through to the message below.
            }
        }
        return switch (weightGranularity) {
            case "tensor" -> WeightGranularity.TENSOR;
            case "channel" -> WeightGranularity.CHANNEL;
            default ->
                throw new NibbleException(
                        "there is no granularity '" + weightGranularity + "'",
                        "use --weight-granularity tensor, channel, or block:N such as block:32");
        };
    }

    private static Optional<Symmetry> schema(String option, @Nullable String name) {
        if (name == null) {
            return Optional.empty();
        }
        Symmetry symmetry = SCHEMAS.get(name);
        if (symmetry == null) {
            throw new NibbleException(
                    "there is no schema '%s' for %s".formatted(name, option),
                    Nearest.didYouMean(name, SCHEMAS.keySet(), "use asymmetric or symmetric"));
        }
        return Optional.of(symmetry);
    }

    /// How the ranges of activations are chosen.
    Calibrator activations() {
        return Calibrator.named(actCalibration, percentile);
    }

    /// How the ranges of weights are chosen.
    ///
    /// From 8 bits on clipping a weight costs more than its rounding, and min-max clips nothing.
    RangeSearch parameters() {
        if (paramCalibration.equals("auto")) {
            return weightsBitwidth >= 8 ? new RangeSearch.MinMax() : new RangeSearch.Mse();
        }
        return Calibrator.named(paramCalibration, percentile).searches().getFirst();
    }

    /// What is done to get accuracy back.
    ///
    /// @throws NibbleException for a name that there is not, or both options at once
    ///
    /// @param terminal resolves a recipe's file
    /// @param samples whether there are any
    Recipe recipe(Terminal terminal, boolean samples) {
        if (recipe == null) {
            return algorithms == null ? Recipe.standard(precision(), samples) : Recipe.ofAlgorithms(algorithms);
        }
        if (algorithms != null) {
            throw new NibbleException(
                    "--recipe and --algorithms were both given", "a recipe names its algorithms; leave one out");
        }
        if (recipe.endsWith(".toml")) {
            return RecipeFile.read(terminal.resolve(java.nio.file.Path.of(recipe)));
        }
        Recipe named = NAMED.get(recipe);
        if (named == null) {
            throw new NibbleException(
                    "there is no recipe '" + recipe + "'",
                    Nearest.didYouMean(
                            recipe,
                            NAMED.keySet(),
                            "choose one of " + String.join(", ", NAMED.keySet()) + ", or name a .toml file"));
        }
        return named;
    }

    /// Whether a recipe or algorithms were named.
    boolean recipeGiven() {
        return recipe != null || algorithms != null;
    }

    /// Whether the written model takes and gives integers.
    ///
    /// @throws NibbleException for another value, and where activations stay in float
    boolean quantizedIo() {
        return switch (io) {
            case "float" -> false;
            case "quantized" -> {
                if (precision().activationBits().isEmpty()) {
                    throw new NibbleException(
                            "--io quantized needs quantized activations, but --act-bitwidth is " + actBitwidth,
                            "leave --io away, or use --act-bitwidth 8 or 16");
                }
                yield true;
            }
            default ->
                throw new NibbleException("--io must be float or quantized, but was '" + io + "'", "use --io float");
        };
    }
}
