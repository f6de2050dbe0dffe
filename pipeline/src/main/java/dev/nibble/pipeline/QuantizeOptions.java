package dev.nibble.pipeline;

import dev.nibble.data.DataOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;

/// Everything `quantize` is told.
///
/// @param model the float model
/// @param shownModel its path as results name it
/// @param calibration samples for calibration; weights alone are quantized without, and what has its ranges given
/// @param evaluation samples for measuring; empty: at most [#FALLBACK_EVALUATION] calibration samples
/// @param out folder of the results
/// @param precision number formats that are wanted
/// @param activations how the ranges of activations are chosen
/// @param parameters how the ranges of weights are chosen
/// @param recipe what is done to get accuracy back
/// @param target the device, such as `sm8650`
/// @param quantsimConfig placement rules in place of the target's
/// @param overrides a file of what is forced on single tensors, or the encodings of another tool's run
/// @param shapes sizes of inputs, by name
/// @param quantizedIo whether the written model takes and gives integers
/// @param encodingsVersion `0.6.1`, `1.0.0` or `2.0.0`
/// @param metric see [dev.nibble.pipeline.measure.TaskMetrics#NAMES]
/// @param generate tokens that a language model writes after each prompt, see [GenerateText]
/// @param maxMemory bytes that the samples of a batch and their activations may take
/// @param runDirectory where finished stages are kept
/// @param ladder whether the model is measured after each step of the recipe
/// @param force whether results may replace what exists
/// @param command the command line, for the report
/// @param version of Nibble, for the report
public record QuantizeOptions(
        Path model,
        String shownModel,
        Optional<Samples> calibration,
        Optional<Samples> evaluation,
        Path out,
        Precision precision,
        Calibrator activations,
        RangeSearch parameters,
        Recipe recipe,
        String target,
        Optional<Path> quantsimConfig,
        Optional<OverridesFile> overrides,
        Map<String, long[]> shapes,
        boolean quantizedIo,
        String encodingsVersion,
        String metric,
        OptionalInt generate,
        int threads,
        long seed,
        OptionalLong maxMemory,
        Optional<Path> runDirectory,
        boolean ladder,
        boolean force,
        String command,
        String version) {
    /// Calibration samples that are measured where no others were given.
    public static final long FALLBACK_EVALUATION = 256;

    /// The hint where a recipe has nothing to look at.
    public static final String WITHOUT_RECIPE = "name samples with --data, or leave --algorithms and --recipe away";

    /// What a report's folder holds.
    public static final List<String> FILES =
            List.of("model.qdq.onnx", "model.float.onnx", "model.encodings", "report.json", "report.html");

    /// The samples for calibration, where there are any.
    ///
    /// @throws java.util.NoSuchElementException where there are none
    Samples data() {
        return calibration.orElseThrow();
    }

    /// `--max-memory`, or the default.
    MemoryBudget memory() {
        return MemoryBudget.of(maxMemory);
    }

    /// What every stage of a run follows from, beside the model: versions, and the samples with how they are read.
    String followed(String executor) {
        DataOptions read = data().options();
        StringBuilder all = new StringBuilder();
        all.append(version).append(' ').append(executor).append(' ').append(batch());
        Stream.of(data().path(), read.text().tokenizer(), read.text().lengths())
                .filter(Objects::nonNull)
                .forEach(path -> all.append(' ').append(FileDigest.ofAll(path)));
        List<Object> numbers = new ArrayList<>();
        Stream.of(read.layout(), read.resize(), read.crop(), read.mean(), read.std(), read.scale())
                .forEach(value -> numbers.add(String.valueOf(value)));
        Stream.of(
                        read.skip(),
                        read.every(),
                        read.take(),
                        read.text().maxLength(),
                        read.text().padding())
                .forEach(value -> numbers.add(String.valueOf(value)));
        return all.append(numbers).toString();
    }

    /// How many samples run at once where that is said; else 0.
    int batch() {
        return calibration.map(samples -> samples.options().batch()).orElse(0);
    }

    /// `tensor`, `channel` or `block:N`.
    String granularity() {
        return switch (precision.granularity()) {
            case WeightGranularity.PerTensor() -> "tensor";
            case WeightGranularity.PerChannel() -> "channel";
            case WeightGranularity.PerBlock(int size) -> "block:" + size;
        };
    }

    /// What is forced on single tensors.
    ///
    /// @param shown the path as results name it
    /// @param ownBiases whether biases stay in float where the file gives every range: as the tool that wrote it has them
    public record OverridesFile(Path path, String shown, boolean ownBiases) {}

    /// Where samples are, and how they are read.
    ///
    /// @param shown the path as results name it
    public record Samples(Path path, DataOptions options, String shown) {
        public Samples(Path path, DataOptions options) {
            this(path, options, path.toString());
        }
    }

    public QuantizeOptions {
        shapes = Map.copyOf(shapes);
        if (calibration.isEmpty() && precision.activationBits().isPresent() && overrides.isEmpty()) {
            throw new NibbleException(
                    "--data is missing: the ranges of activations are found on samples",
                    "name samples with --data, or quantize the weights alone: --act-bitwidth float; or give every range:"
                            + " --quantization-overrides");
        }
        if (calibration.isEmpty() && !recipe.isStandard() && !recipe.steps().isEmpty()) {
            throw new NibbleException(
                    "--data is missing: '%s' looks at samples".formatted(recipe.shown()), WITHOUT_RECIPE);
        }
        if (calibration.isEmpty() && ladder) {
            throw new NibbleException(
                    "--ladder needs --data: after each step of a recipe the model is quantized and measured on samples",
                    "name samples with --data, or leave --ladder away");
        }
        if (calibration.isEmpty() && runDirectory.isPresent()) {
            throw new NibbleException(
                    "--run-dir needs --data: only stages that look at samples are kept there",
                    "name samples with --data, or leave --run-dir away");
        }
        if (!List.of("0.6.1", "1.0.0", "2.0.0").contains(encodingsVersion)) {
            throw new NibbleException(
                    "encodings version '" + encodingsVersion + "' cannot be written", "choose 0.6.1, 1.0.0 or 2.0.0");
        }
        if (encodingsVersion.equals("0.6.1") && precision.granularity() instanceof WeightGranularity.PerBlock) {
            throw new NibbleException(
                    "encodings 0.6.1 cannot express the blocks of --weight-granularity",
                    "use --encodings-version 1.0.0 or 2.0.0, or --weight-granularity channel");
        }
    }
}
