package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
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
import java.util.Objects;
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
                    + " fits a chip cannot be checked here. For the few chips that the compiler has costs for, its own"
                    + " estimate of the time is shown."
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

    @Option(
            names = "--as",
            paramLabel = "context|dlc",
            defaultValue = "context",
            description = {
                "What to write (default: ${DEFAULT-VALUE}): a context binary with the ONNX file that loads it, or a DLC,",
                "which Qualcomm's tools compile on the device. --format context and --format dlc are the same."
            })
    private CompileModel.Format form;

    @Option(
            names = "--io",
            paramLabel = "float|quantized",
            description = "What it takes and gives: floats, or codes where the model has quantizers at its inputs and"
                    + " outputs (default: as the model does).")
    private @Nullable String io;

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
                        form,
                        io(),
                        everywhere().force(),
                        Version.current().nibble()),
                progress());
        print(document, () -> text(document, style()));
        return ExitCode.DONE;
    }

    private CompileModel.Io io() {
        return switch (io == null ? "" : io) {
            case "" -> CompileModel.Io.AS_IS;
            case "float" -> CompileModel.Io.FLOAT;
            case "quantized" -> CompileModel.Io.QUANTIZED;
            default ->
                throw new NibbleException("--io must be float or quantized, but was '" + io + "'", "use --io float");
        };
    }

    /// The binaries, what was found, and how they get onto a phone.
    static String text(CompileDocument document, TerminalStyle style) {
        TextTable table = TextTable.of("target", "HTP", "binary", ">size", ">compiled in", "loaded back", ">estimate");
        for (CompileDocument.Artifact artifact : document.artifacts()) {
            table.row(
                    artifact.soc(),
                    artifact.arch(),
                    artifact.path(),
                    Figures.bytes(artifact.bytes()),
                    Figures.seconds(artifact.compileSeconds()),
                    loadedBack(artifact),
                    estimate(artifact.estimate()));
        }
        StringBuilder text = new StringBuilder(table.render(style));
        document.artifacts().stream()
                .map(CompileDocument.Artifact::estimate)
                .filter(Objects::nonNull)
                .findFirst()
                .ifPresent(
                        estimate -> text.append('\n').append(estimate.basis()).append('\n'));
        document.findings().forEach(finding -> {
            text.append("- ").append(finding.text()).append('\n');
            if (finding.fix() != null) {
                text.append("  ").append(finding.fix()).append('\n');
            }
        });
        CompileDocument.Artifact first = document.artifacts().getFirst();
        text.append("\nOn a device (%s; %s has the lines for each target):\n"
                .formatted(first.soc(), CompileModel.MANIFEST));
        first.onDevice().forEach(line -> text.append("  ").append(line).append('\n'));
        return text.toString();
    }

    private static String loadedBack(CompileDocument.Artifact artifact) {
        Boolean identical = artifact.identical();
        return identical == null ? "not run" : identical ? "the same bits" : Figures.decibels(artifact.checkDb());
    }

    private static String estimate(CompileDocument.@Nullable Estimate estimate) {
        return estimate == null
                ? "–"
                : "%.0f µs (%.0f to %.0f)".formatted(estimate.micros(), estimate.low(), estimate.high());
    }
}
