package dev.nibble.cli;

import dev.nibble.data.DataOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.Demo;
import dev.nibble.pipeline.Evaluate;
import dev.nibble.pipeline.QuantizeOptions;
import dev.nibble.pipeline.htp.CompileDocument;
import dev.nibble.pipeline.htp.CompileModel;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.text.TerminalReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `demo`: the main job, without any file of one's own.
@Command(
        name = "demo",
        description = "Quantize a real text recogniser, measure it on text lines drawn on the spot, write the report.",
        optionListHeading = "%nOptions:%n")
final class DemoCommand extends NibbleCommand {
    /// Text lines that are read on the emulator, which takes about a second for each.
    private static final long LINES = 32;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "nibble-demo",
            description = "Where to write everything (default: ${DEFAULT-VALUE}).")
    private Path out;

    @Option(
            order = 132,
            names = "--on",
            paramLabel = "cpu|htp",
            defaultValue = "cpu",
            description =
                    "With htp, the first text lines are read on the HTP's emulator too, and a context binary is compiled.")
    private Device on;

    @Override
    protected ExitCode run() {
        Optional<HtpDevice> htp = on.htp(this);
        if (htp.isPresent() && everywhere().format() == Format.JSON) {
            throw new NibbleException(
                    "demo --on htp shows several tables, and JSON is one document",
                    "leave out --format json, or use evaluate --on htp on what the demo leaves");
        }
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
        htp.ifPresent(device -> onHtp(device, folder));
        return ExitCode.DONE;
    }

    /// The same files by the commands that a user would take.
    private void onHtp(HtpDevice device, Path folder) {
        DataOptions data = DataOptions.NONE
                .withNormalization(null, List.of(127.5), List.of(127.5))
                .withChoice(0L, 1L, LINES);
        Path lines = folder.resolve("evaluation");
        EvaluateDocument measured = Evaluate.run(
                new Evaluate.Options(
                        folder.resolve("model.qdq.onnx"),
                        Optional.of(folder.resolve("model.onnx")),
                        new QuantizeOptions.Samples(lines, data, lines.toString()),
                        Map.of("x", new long[] {-1, 3, 48, 320}),
                        "auto",
                        OptionalInt.empty(),
                        everywhere().threads(),
                        everywhere().memory(),
                        Optional.of(device),
                        Version.current().nibble()),
                progress());
        CompileDocument compiled = CompileModel.run(
                new CompileModel.Options(
                        folder.resolve("model.qdq.onnx"),
                        List.of(device.target()),
                        device.libraries(),
                        folder.resolve("htp"),
                        Map.of("x", new long[] {1, 3, 48, 320}),
                        OptionalInt.empty(),
                        OptionalInt.empty(),
                        everywhere().force(),
                        Version.current().nibble()),
                progress());
        terminal().out().println();
        terminal()
                .out()
                .println("Float (the reference), the QDQ file on the CPU and on the HTP's emulator: the first " + LINES
                        + " text lines");
        terminal().out().println(TerminalReport.of(measured, style()).stripTrailing());
        terminal().out().println();
        terminal().out().print(CompileCommand.text(compiled, style()));
    }
}
