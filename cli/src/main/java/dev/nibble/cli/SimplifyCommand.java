package dev.nibble.cli;

import dev.nibble.pipeline.SimplifyFile;
import dev.nibble.report.SimplifyDocument;
import dev.nibble.report.text.TerminalReport;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `simplify`: the same function with fewer and larger operators.
@Command(
        name = "simplify",
        description = "Fold constants and batch norms, fuse operators, raise the opset.",
        optionListHeading = "%nOptions:%n")
final class SimplifyCommand extends NibbleCommand {
    @Parameters(paramLabel = "MODEL", description = "The model file.")
    private Path model;

    @Mixin
    private OutOption out;

    @Option(
            order = 131,
            names = "--passes",
            paramLabel = "a,b|none",
            hideParamSyntax = true,
            description = "Only these passes; none writes the model as it was read.")
    private @Nullable String passes;

    @Option(order = 132, names = "--all", description = "All that each pass did and did not do.")
    private boolean all;

    @Override
    protected ExitCode run() {
        SimplifyDocument document = SimplifyFile.run(
                new SimplifyFile.Options(
                        terminal().resolve(model),
                        terminal().resolve(out.path()),
                        Optional.ofNullable(passes),
                        everywhere().shapesByName(),
                        everywhere().seed(),
                        everywhere().force(),
                        Version.current().nibble()),
                progress());
        print(document, () -> TerminalReport.of(document, style(), all));
        return ExitCode.DONE;
    }
}
