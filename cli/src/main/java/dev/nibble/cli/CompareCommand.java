package dev.nibble.cli;

import dev.nibble.pipeline.Compare;
import dev.nibble.pipeline.Gates;
import dev.nibble.report.CompareDocument;
import dev.nibble.report.text.TerminalReport;
import java.nio.file.Path;
import java.util.OptionalLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `compare`: where a quantized model departs from its float twin.
@Command(
        name = "compare",
        description = "Show the error of each layer of a quantized model, worst first.",
        optionListHeading = "%nOptions:%n")
final class CompareCommand extends NibbleCommand {
    @Parameters(index = "0", paramLabel = "FLOAT", description = "The float twin: model.float.onnx.")
    private Path twin;

    @Parameters(index = "1", paramLabel = "QDQ", description = "The quantized model: model.qdq.onnx.")
    private Path quantized;

    @Mixin
    private SampleOptions samples;

    @Option(
            order = 132,
            names = "--on",
            paramLabel = "cpu|htp",
            defaultValue = "cpu",
            description = "Where to run (default: cpu).")
    private Device on;

    @Option(order = 133, names = "--all", description = "Every row of a table instead of the worst ten.")
    private boolean all;

    @Mixin
    private GateOptions gateOptions;

    @Override
    protected ExitCode run() {
        Gates gates = gateOptions.gates(null);
        Terminal terminal = terminal();
        CompareDocument document = Compare.run(
                new Compare.Options(
                        terminal.resolve(twin),
                        terminal.resolve(quantized),
                        samples.samples(terminal),
                        everywhere().shapesByName(),
                        everywhere().threads(),
                        everywhere()
                                .maxMemory()
                                .map(size -> OptionalLong.of(size.bytes()))
                                .orElse(OptionalLong.empty()),
                        on.htp(this),
                        Version.current().nibble()),
                progress());
        print(document, () -> TerminalReport.of(document, style(), all));
        alarm(document.findings());
        return gate(gates.failures(null, document.sqnrDb(), document.cosine()));
    }
}
