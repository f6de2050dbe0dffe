package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.Demo;
import dev.nibble.report.ResultDocument;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `demo`: the main job, without any file of one's own.
@Command(
        name = "demo",
        description = "Quantize a real text recogniser, measure it on text lines drawn on the spot, write the report.",
        optionListHeading = "%nOptions:%n")
final class DemoCommand extends NibbleCommand {
    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "nibble-demo",
            description = "Where to write everything (default: ${DEFAULT-VALUE}).")
    private Path out;

    @Override
    protected ExitCode run() {
        if (everywhere().targets().size() > 1) {
            throw new NibbleException("demo takes one target", "choose one of them");
        }
        String target = everywhere().targets().isEmpty()
                ? QuantizeCommand.DEFAULT_TARGET
                : everywhere().targets().getFirst();
        Path folder = terminal().resolve(out);
        ResultDocument document = Demo.run(
                folder,
                target,
                everywhere().threads(),
                everywhere().seed(),
                everywhere().force(),
                Version.current().full(),
                progress());
        ResultOutput.print(this, document, folder);
        return ExitCode.DONE;
    }
}
