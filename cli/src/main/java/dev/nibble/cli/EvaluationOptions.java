package dev.nibble.cli;

import dev.nibble.data.DataOptions;
import dev.nibble.data.TextOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.QuantizeOptions;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--eval-data` and its kin: samples for measuring, beside those for calibration. They are preprocessed as those are.
final class EvaluationOptions {
    @Option(
            order = 121,
            names = "--eval-data",
            paramLabel = "PATH",
            description = "Samples to measure with (default: some of --data).")
    private @Nullable Path data;

    @Option(order = 122, names = "--eval-labels", paramLabel = "FILE", description = "Their labels.")
    private @Nullable Path labels;

    @Option(
            order = 123,
            names = "--eval-label-column",
            paramLabel = "C",
            description = "The column of a .csv that holds them.")
    private @Nullable String labelColumn;

    @Option(order = 127, names = "--eval-lengths", paramLabel = "FILE", description = "As --lengths, for measuring.")
    private @Nullable Path lengths;

    @Option(order = 124, names = "--eval-skip", paramLabel = "N", description = "As --skip, for measuring.")
    private @Nullable Long skip;

    @Option(order = 125, names = "--eval-every", paramLabel = "K", description = "As --every, for measuring.")
    private @Nullable Long every;

    @Option(order = 126, names = "--eval-take", paramLabel = "N", description = "As --take, for measuring.")
    private @Nullable Long take;

    /// Whether any option of these was given.
    boolean given() {
        return data != null
                || labels != null
                || lengths != null
                || labelColumn != null
                || skip != null
                || every != null
                || take != null;
    }

    /// The samples to measure with; empty where no option of these was given. Preprocessing and batch are those of
    /// `base`, the options of the calibration samples. Without `--eval-data` the samples are chosen from the same data, with the same labels; the choice
    /// is always their own.
    ///
    /// @throws dev.nibble.graph.NibbleException where a number is out of its range
    Optional<QuantizeOptions.Samples> samples(
            Optional<QuantizeOptions.Samples> calibration, DataOptions base, Terminal terminal) {
        if (!given()) {
            return Optional.empty();
        }
        // The same file once more has the same labels and lengths.
        Path named = data == null ? null : terminal.resolve(data);
        boolean same =
                named == null || calibration.map(c -> c.path().equals(named)).orElse(false);
        Path sameLabels = same ? base.labels() : null;
        DataOptions options = base.withChoice(skip, every, take)
                .withLabels(
                        labels == null ? sameLabels : terminal.resolve(labels),
                        labelColumn == null ? base.labelColumn() : labelColumn);
        if (!same || lengths != null) {
            TextOptions text = base.text();
            Path own = lengths == null ? null : terminal.resolve(lengths);
            options = options.withText(
                    new TextOptions(text.tokenizer(), text.maxLength(), text.padding(), own, text.pooling()));
        }
        Path path = data != null
                ? terminal.resolve(data)
                : calibration
                        .map(QuantizeOptions.Samples::path)
                        .orElseThrow(() -> new NibbleException(
                                "the samples to measure with are chosen, but there are none", "give --eval-data"));
        return Optional.of(new QuantizeOptions.Samples(path, options));
    }
}
