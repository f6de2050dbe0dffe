package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.config.PerfProfile;
import dev.nibble.npu.config.Scenario;
import dev.nibble.pipeline.tune.MakeHtpConfig;
import dev.nibble.report.Finding;
import dev.nibble.report.HtpConfigDocument;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `htp-config`: QAIRT's configuration of the HTP, made or checked.
@Command(
        name = "htp-config",
        description = {
            "Write QAIRT's two configuration files of the HTP for a model, with the commands that use them; or read one and"
                    + " say which of its keys do nothing.",
            "",
            "A wrong graph name is ignored by the device without a word, so it is taken from the DLC, or from the model as"
                    + " the converter does."
        },
        optionListHeading = "%nOptions:%n")
final class HtpConfigCommand extends NibbleCommand {
    @Parameters(
            paramLabel = "MODEL",
            arity = "0..1",
            description = "The model: .onnx or .dlc. With --import, what the file's graph names are held against.")
    private @Nullable Path model;

    @Option(
            names = "--scenario",
            paramLabel = "camera|batch|background",
            description = "camera: frames in real time; batch: as fast as possible; background: nobody waits.")
    private @Nullable Scenario scenario;

    @Option(names = "--out", paramLabel = "DIR", description = "The folder to write.")
    private @Nullable Path out;

    @Option(names = "--import", paramLabel = "FILE", description = "Read this configuration instead.")
    private @Nullable Path imported;

    @Option(names = "--graph", paramLabel = "NAME", description = "The graph's name in the DLC or context binary.")
    private @Nullable String graph;

    @Option(
            names = "--perf-profile",
            paramLabel = "P",
            description = "Another performance profile than the scenario's.")
    private @Nullable String profile;

    @Option(names = "--vtcm-mb", paramLabel = "N", description = "On-chip memory, MB (default: all that there is).")
    private @Nullable Integer vtcmMb;

    @Option(names = "--hvx-threads", paramLabel = "N", description = "Vector threads (default: 4).")
    private @Nullable Integer hvxThreads;

    @Option(names = "--dlbc", description = "Compress activations that spill.")
    private boolean dlbc;

    @Option(
            names = "--optimization",
            paramLabel = "1..3",
            description = "How hard the compiler tries (default: 3; QAIRT's own is 2).")
    private @Nullable Integer optimization;

    @Override
    protected ExitCode run() {
        if (everywhere().targets().size() > 1) {
            throw new NibbleException("htp-config makes files for one target at a time", "choose one of them");
        }
        return imported == null ? make() : check(imported);
    }

    private ExitCode make() {
        if (model == null || scenario == null || out == null) {
            throw new NibbleException(
                    "htp-config needs a model, --scenario and --out",
                    "nibble htp-config model.onnx --target sm8650 --scenario camera --out config; or --import FILE");
        }
        HtpConfigDocument document = MakeHtpConfig.make(new MakeHtpConfig.Options(
                terminal().resolve(model),
                target().orElseGet(() -> Targets.find(QuantizeCommand.DEFAULT_TARGET)),
                scenario,
                Optional.ofNullable(graph),
                Optional.ofNullable(profile).map(PerfProfile::named),
                optional(vtcmMb),
                optional(hvxThreads),
                optional(optimization),
                dlbc,
                everywhere().shapesByName(),
                terminal().resolve(out),
                everywhere().force(),
                Version.current().nibble()));
        print(document, () -> made(document));
        return ExitCode.DONE;
    }

    private ExitCode check(Path file) {
        if (scenario != null || out != null || dlbc || vtcmMb != null || hvxThreads != null || optimization != null) {
            throw new NibbleException(
                    "--import reads a configuration; the other options make one",
                    "leave out --scenario, --out, --vtcm-mb, --hvx-threads, --dlbc and --optimization");
        }
        HtpConfigDocument document = MakeHtpConfig.look(
                terminal().resolve(file),
                Optional.ofNullable(model).map(m -> terminal().resolve(m)),
                target(),
                Version.current().nibble());
        print(document, () -> looked(document));
        return document.issues().stream().anyMatch(i -> i.severity() == Finding.Severity.ERROR)
                ? ExitCode.GATE_FAILED
                : ExitCode.DONE;
    }

    private Optional<Target> target() {
        return everywhere().targets().stream()
                .findFirst()
                .map(t -> Targets.find(
                        t.endsWith(".toml") ? terminal().resolve(Path.of(t)).toString() : t));
    }

    private static OptionalInt optional(@Nullable Integer value) {
        return value == null ? OptionalInt.empty() : OptionalInt.of(value);
    }

    private String made(HtpConfigDocument d) {
        StringBuilder text = new StringBuilder();
        text.append("graph %s on %s, %s%n".formatted(String.join(", ", d.graphNames()), d.target(), d.scenario()));
        HtpConfigDocument.Profile p = d.profile();
        if (p != null) {
            text.append("%s: sleeps after %d µs, %s corner, vote held %s; for %s%n%n"
                    .formatted(p.name(), p.sleepLatencyMicros(), p.corner(), p.held(), p.when()));
        }
        d.files().forEach(f -> text.append("wrote ").append(f.path()).append('\n'));
        text.append('\n');
        d.commands().forEach(c -> text.append(c).append('\n'));
        text.append("\nONNX Runtime: ").append(d.onnxRuntime()).append('\n');
        HtpConfigDocument.Vtcm v = d.vtcm();
        if (v != null) {
            text.append(String.format(
                    Locale.ROOT,
                    "%nVTCM (estimated): %.1f MB live at once, %d MB given, the largest tile fills %.0f %%%n",
                    v.peakMb(),
                    v.vtcmMb(),
                    100 * v.utilization()));
            v.advice().forEach(a -> text.append("- ").append(a).append('\n'));
            if (!v.spilling().isEmpty()) {
                TextTable table = TextTable.of("spills", "op", ">MB", ">tiles");
                v.spilling()
                        .forEach(s -> table.row(
                                s.layer(),
                                s.op(),
                                String.format(Locale.ROOT, "%.2f", s.megabytes()),
                                String.valueOf(s.tiles())));
                text.append(table.render(style()));
            }
        }
        d.findings()
                .forEach(f -> text.append("- ")
                        .append(f.code())
                        .append(' ')
                        .append(f.text())
                        .append("\n  ")
                        .append(f.fix())
                        .append('\n'));
        return text.append('\n').append(profiles(d)).toString();
    }

    private static String profiles(HtpConfigDocument d) {
        StringBuilder text = new StringBuilder("Performance profiles (--perf-profile):\n");
        d.profiles().forEach(p -> text.append("- %s: %s corner; %s%n".formatted(p.name(), p.corner(), p.when())));
        return text.toString();
    }

    private String looked(HtpConfigDocument d) {
        if (d.issues().isEmpty()) {
            return d.imported() + ": every key is one that QAIRT reads\n";
        }
        StringBuilder text = new StringBuilder();
        for (HtpConfigDocument.Issue i : d.issues()) {
            text.append("%s %s %s %s%n".formatted(i.severity().label(), i.code(), i.path(), i.text()));
            text.append("  instead: ").append(i.instead()).append('\n');
        }
        return text.toString();
    }
}
