package dev.nibble.cli;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.htp.CompileDocument;
import dev.nibble.pipeline.htp.CompileModel;
import dev.nibble.report.Figures;
import dev.nibble.report.text.TerminalStyle;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `compile`: context binaries for chips.
@Command(
        name = "compile",
        description = {
            "Compile a model into a context binary for each target, with Qualcomm's own compiler (nibble htp install).",
            "",
            "Each binary is loaded back, run on the emulator and compared with the model before it is called done. That it"
                    + " fits a chip cannot be checked here."
        },
        optionListHeading = "%nOptions:%n")
final class CompileCommand extends NibbleCommand {
    @Parameters(paramLabel = "QDQ", description = "The model file: model.qdq.onnx.")
    private Path model;

    @Mixin
    private OutOption out;

    @Option(
            names = "--vtcm-mb",
            paramLabel = "N",
            description = "On-chip memory to use, MB (default: all that the chip has).")
    private @Nullable Integer vtcmMb;

    @Option(
            names = "--optimization",
            paramLabel = "0..3",
            description = "How hard the compiler tries (default: its own choice).")
    private @Nullable Integer optimization;

    @Override
    protected ExitCode run() {
        List<String> names = everywhere().targets().isEmpty()
                ? List.of(QuantizeCommand.DEFAULT_TARGET)
                : everywhere().targets();
        List<Target> targets = names.stream().map(Targets::find).toList();
        CompileDocument document = CompileModel.run(
                new CompileModel.Options(
                        terminal().resolve(model),
                        targets,
                        HtpLibraries.of(terminal().environment()).require(),
                        terminal().resolve(out.path()),
                        everywhere().shapesByName(),
                        vtcmMb == null ? OptionalInt.empty() : OptionalInt.of(vtcmMb),
                        optimization == null ? OptionalInt.empty() : OptionalInt.of(optimization),
                        everywhere().force(),
                        Version.current().nibble()),
                progress());
        print(document, () -> text(document, style()));
        return ExitCode.DONE;
    }

    /// The binaries, and how they get onto a phone.
    static String text(CompileDocument document, TerminalStyle style) {
        TextTable table = TextTable.of("target", "HTP", "binary", ">size", ">compiled in", "loaded back");
        for (CompileDocument.Artifact artifact : document.artifacts()) {
            table.row(
                    artifact.soc(),
                    artifact.arch(),
                    artifact.path(),
                    Figures.bytes(artifact.bytes()),
                    Figures.seconds(artifact.compileSeconds()),
                    artifact.identical() ? "the same bits" : Figures.decibels(artifact.checkDb()));
        }
        CompileDocument.Artifact first = document.artifacts().getFirst();
        return table.render(style)
                + """

                On a phone with ONNX Runtime for Android (onnxruntime-android-qnn), both files in one folder:
                  options.addQnn(Map.of("backend_path", "libQnnHtp.so"));
                  env.createSession("%s", options);
                With Qualcomm's own runner:
                  qnn-net-run --retrieve_context %s --backend libQnnHtp.so --input_list inputs.txt
                """.formatted(
                                Path.of(first.wrapper()).getFileName(),
                                Path.of(first.path()).getFileName());
    }
}
