package dev.nibble.cli;

import dev.nibble.pipeline.Inspect;
import dev.nibble.report.InspectDocument;
import dev.nibble.report.text.TerminalReport;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `inspect`: what a model holds.
@Command(name = "inspect", description = "Print what a model holds.", optionListHeading = "%nOptions:%n")
final class InspectCommand extends NibbleCommand {
    @Parameters(paramLabel = "MODEL", description = "The model file; its weights may be missing.")
    private Path model;

    @Option(
            order = 131,
            names = "--weights",
            description = "Also the error of each weight by granularity and width, worst first.")
    private boolean weights;

    @Option(order = 132, names = "--all", description = "Every row of a table instead of the first ten.")
    private boolean all;

    @Override
    protected ExitCode run() {
        InspectDocument document = Inspect.run(
                terminal().resolve(model),
                everywhere().shapesByName(),
                weights,
                Version.current().nibble());
        print(document, () -> TerminalReport.of(document, style(), all));
        return ExitCode.DONE;
    }
}
