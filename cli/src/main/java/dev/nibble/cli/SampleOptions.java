package dev.nibble.cli;

import dev.nibble.data.DataOptions;
import dev.nibble.data.Layout;
import dev.nibble.data.TextOptions;
import dev.nibble.pipeline.QuantizeOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/// `--data`, and how its samples are chosen, labelled and preprocessed: `@Mixin SampleOptions samples`.
final class SampleOptions {
    @Option(
            order = 101,
            names = "--data",
            paramLabel = "PATH",
            required = true,
            description = "Samples: .npy, .npz, a folder or zip of images, input_list.txt, text, or a data.toml.")
    private @Nullable Path data;

    @Option(
            order = 102,
            names = "--labels",
            paramLabel = "FILE",
            description = "Labels of the samples: .npy, .csv, or .txt with one a line.")
    private @Nullable Path labels;

    @Option(
            order = 103,
            names = "--label-column",
            paramLabel = "C",
            description = "The column of a .csv that holds the labels.")
    private @Nullable String labelColumn;

    @Option(
            order = 104,
            names = "--layout",
            paramLabel = "nhwc|nchw",
            description = "Where the channels of the stored samples lie.")
    private @Nullable Layout layout;

    @Option(
            order = 105,
            names = "--resize",
            paramLabel = "N",
            description = "Resize images so that the shorter side has N pixels.")
    private @Nullable Integer resize;

    @Option(order = 106, names = "--crop", paramLabel = "N", description = "Cut the middle N × N pixels out.")
    private @Nullable Integer crop;

    @Option(
            order = 107,
            names = "--mean",
            paramLabel = "a[,b,c]",
            hideParamSyntax = true,
            split = ",",
            description = "Preprocessing is x' = (x·scale − mean)/std, on 0–255 for bytes.")
    private @Nullable List<Double> mean;

    @Option(
            order = 108,
            names = "--std",
            paramLabel = "a[,b,c]",
            hideParamSyntax = true,
            split = ",",
            description = "See --mean.")
    private @Nullable List<Double> std;

    @Option(order = 109, names = "--scale", paramLabel = "S", description = "See --mean.")
    private @Nullable Double scale;

    @Option(order = 110, names = "--skip", paramLabel = "N", description = "Leave the first N samples out.")
    private @Nullable Long skip;

    @Option(order = 111, names = "--every", paramLabel = "K", description = "Then keep one of each K samples.")
    private @Nullable Long every;

    @Option(order = 112, names = "--take", paramLabel = "N", description = "Then use at most N samples.")
    private @Nullable Long take;

    @Option(
            order = 113,
            names = "--batch",
            paramLabel = "N",
            description = "Samples a run, where the model leaves that open.")
    private @Nullable Integer batch;

    @Option(
            order = 114,
            names = "--tokenizer",
            paramLabel = "FILE",
            description =
                    "tokenizer.json for samples that are text: .txt, .csv or .jsonl. With --lengths: for showing ids "
                            + "as text, also llama2.c's tokenizer.bin.")
    private @Nullable Path tokenizer;

    @Option(
            order = 115,
            names = "--max-length",
            paramLabel = "N",
            description = "Cut texts after N tokens (default: what the model or the tokenizer says).")
    private @Nullable Integer maxLength;

    @Option(
            order = 116,
            names = "--padding",
            negatable = true,
            description = "Fill texts up to --max-length instead of leaving them as long as they are.")
    private @Nullable Boolean padding;

    @Option(
            order = 117,
            names = "--lengths",
            paramLabel = "FILE",
            description = "For token ids in a .npy: how many of each row count, a .npy.")
    private @Nullable Path lengths;

    @Option(
            order = 118,
            names = "--pooling",
            paramLabel = "mean|cls",
            description = "How the tokens of a text become the embedding that is measured (default: mean).")
    private TextOptions.@Nullable Pooling pooling;

    /// As [#samples]; empty where `--data` was not given, which a command may allow (see [#notRequired]).
    Optional<QuantizeOptions.Samples> optional(Terminal terminal) {
        return data == null ? Optional.empty() : Optional.of(samples(terminal));
    }

    /// Lets the command of `spec` run without `--data`.
    static void notRequired(CommandSpec spec) {
        OptionSpec required = spec.findOption("--data");
        spec.remove(required);
        spec.addOption(required.toBuilder().required(false).build());
    }

    /// The samples, with relative paths resolved against the working directory.
    ///
    /// @throws dev.nibble.graph.NibbleException where a number is out of its range
    QuantizeOptions.Samples samples(Terminal terminal) {
        return new QuantizeOptions.Samples(
                terminal.resolve(Objects.requireNonNull(data, "--data is required")), options(terminal));
    }

    /// How the samples are read.
    ///
    /// @throws dev.nibble.graph.NibbleException where a number is out of its range
    DataOptions options(Terminal terminal) {
        return new DataOptions(
                labels == null ? null : terminal.resolve(labels),
                labelColumn,
                layout,
                resize,
                crop,
                mean == null ? List.of() : mean,
                std == null ? List.of() : std,
                scale,
                skip,
                every,
                take,
                batch,
                new TextOptions(
                        tokenizer == null ? null : terminal.resolve(tokenizer),
                        maxLength,
                        padding,
                        lengths == null ? null : terminal.resolve(lengths),
                        pooling));
    }
}
