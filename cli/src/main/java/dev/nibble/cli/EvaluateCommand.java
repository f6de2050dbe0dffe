package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.Evaluate;
import dev.nibble.pipeline.Gates;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.text.TerminalReport;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `evaluate`: how good a model is on samples.
@Command(
        name = "evaluate",
        description = "Measure a model on samples, alone or against a reference.",
        optionListHeading = "%nOptions:%n")
final class EvaluateCommand extends NibbleCommand {
    @Parameters(paramLabel = "MODEL", description = "The model file.")
    private Path model;

    @Mixin
    private SampleOptions samples;

    @Option(
            order = 131,
            names = "--reference",
            paramLabel = "FILE",
            description = "A model to compare with on the same samples, such as the float one.")
    private @Nullable Path reference;

    @Option(
            order = 132,
            names = "--on",
            paramLabel = "cpu|htp",
            defaultValue = "cpu",
            description = "Where to run (default: cpu).")
    private Device on;

    @Option(
            order = 133,
            names = "--metric",
            paramLabel = "M",
            defaultValue = "auto",
            description = "top1, top5, characters, words, none, or auto (default): what suits the labels.")
    private String metric;

    @Option(
            order = 134,
            names = "--generate",
            paramLabel = "N",
            description = "Tokens that a language model writes after each of 20 prompts, beside the reference's "
                    + "(default: 100, unless that takes more than a minute; 0: none).")
    private @Nullable Integer generate;

    @Option(
            order = 140,
            names = "--max-drop",
            paramLabel = "POINTS",
            description = "Exit with 1 if the metric is more percentage points below the reference.")
    private @Nullable Double maxDrop;

    @Mixin
    private GateOptions gateOptions;

    @Override
    protected ExitCode run() {
        Gates gates = gateOptions.gates(maxDrop);
        if (!gates.isEmpty() && reference == null) {
            throw new NibbleException(
                    "--max-drop, --min-sqnr and --min-cosine compare with a reference, and there is none",
                    "give --reference FLOAT.onnx");
        }
        Terminal terminal = terminal();
        Optional<Path> other = Optional.ofNullable(reference).map(terminal::resolve);
        EvaluateDocument document = Evaluate.run(
                new Evaluate.Options(
                        terminal.resolve(model),
                        other,
                        samples.samples(terminal),
                        everywhere().shapesByName(),
                        metric,
                        GenerateOption.tokens(generate),
                        everywhere().threads(),
                        everywhere().memory(),
                        on.htp(this),
                        Version.current().nibble()),
                progress());
        if (maxDrop != null && document.difference() == null) {
            throw new NibbleException(
                    "--max-drop needs a task metric, and none was measured", "give --labels FILE, or use --min-sqnr");
        }
        print(document, () -> TerminalReport.of(document, style()));
        alarm(document.findings());
        return gate(Evaluate.failures(gates, document));
    }
}
