package dev.nibble.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.read.ReadProfile;
import dev.nibble.pipeline.RunModel;
import dev.nibble.pipeline.RunModel.Profiling;
import dev.nibble.pipeline.RunResult;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.report.text.TextTable;
import dev.nibble.run.soak.Latencies;
import dev.nibble.run.soak.SoakResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `run`: outputs, latency, profile, and whether a thousand runs hold.
@Command(
        name = "run",
        description = "Run a model: outputs, latencies, a profile, and whether many runs in a row hold.",
        optionListHeading = "%nOptions:%n")
final class RunCommand extends NibbleCommand {
    private static final int TOP = 20;

    @Parameters(paramLabel = "MODEL", description = "The model file.")
    private Path model;

    @Mixin
    private SampleOptions samples;

    @Option(
            order = 131,
            names = "--on",
            paramLabel = "cpu|htp",
            defaultValue = "cpu",
            description = "Where to run; htp is Qualcomm's emulator (default: cpu).")
    private Device on;

    @Option(
            order = 132,
            names = "--iterations",
            paramLabel = "N",
            defaultValue = "100",
            description = "Runs to measure (default: 100).")
    private int iterations;

    @Option(
            order = 133,
            names = "--perf-profile",
            paramLabel = "P",
            description = "A device's clocks, for the qnn-net-run line: burst, balanced, power_saver, ….")
    private @Nullable String perfProfile;

    @Option(
            order = 134,
            names = "--profiling-level",
            paramLabel = "off|basic|detailed",
            defaultValue = "off",
            description = "basic: the time of each run; detailed: of each kernel (default: off).")
    private Profiling profiling;

    @Option(
            order = 135,
            names = "--soak",
            paramLabel = "N",
            defaultValue = "0",
            description = "Then N runs that are watched: memory, latency, outputs; exit code 1 where one fails.")
    private int soak;

    @Mixin
    private OutOption out;

    /// The JSON document: what was measured, the verdict of a soak, and the profile's nodes where there are some.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Document(
            @JsonUnwrapped RunResult run, @Nullable Boolean soakPassed, ProfileDocument.@Nullable One profile) {}

    @Override
    protected ExitCode run() {
        Optional<HtpDevice> htp = on.htp(this);
        String clocks =
                perfProfile == null ? "" : perfProfile.toLowerCase(Locale.ROOT).replace('-', '_');
        if (!clocks.isEmpty() && !RunModel.PERF_PROFILES.contains(clocks)) {
            throw new NibbleException(
                    "there is no perf profile '" + perfProfile + "'",
                    Nearest.didYouMean(
                            clocks, RunModel.PERF_PROFILES, "use one of " + String.join(", ", RunModel.PERF_PROFILES)));
        }
        Terminal terminal = terminal();
        RunResult result = RunModel.run(
                new RunModel.Options(
                        terminal.resolve(model),
                        samples.samples(terminal),
                        everywhere().shapesByName(),
                        everywhere().threads(),
                        iterations,
                        soak,
                        clocks,
                        profiling,
                        terminal.resolve(out.path()),
                        everywhere().force(),
                        htp),
                progress());
        Profile profile = null;
        if (result.profileFile() != null) {
            Path file = out.path().resolve(result.profileFile());
            profile = ReadProfile.of(terminal.resolve(file), file.toString());
        }
        Profile measured = profile;
        SoakResult soaked = result.soak();
        print(
                new Document(
                        result,
                        soaked == null ? null : soaked.passed(),
                        profile == null ? null : ProfileDocument.one(profile)),
                () -> table(result, measured));
        return soaked == null
                ? ExitCode.DONE
                : gate(soaked.checks().stream()
                        .filter(c -> Boolean.FALSE.equals(c.passed()))
                        .map(c -> c.name() + ": " + c.text())
                        .toList());
    }

    private String table(RunResult r, @Nullable Profile profile) {
        StringBuilder text = new StringBuilder();
        SoakResult soaked = r.soak();
        if (soaked != null) {
            text.append(soaked.passed() ? "soak passed: " : "soak FAILED: ")
                    .append(soaked.iterations())
                    .append(" runs\n");
            soaked.checks()
                    .forEach(c -> text.append("- ")
                            .append(c.name())
                            .append(c.passed() == null ? " (not checked): " : c.passed() ? ": " : " FAILED: ")
                            .append(c.text())
                            .append('\n'));
            text.append('\n');
        }
        text.append(r.model())
                .append(" on ")
                .append(r.on())
                .append(": ")
                .append(r.samples())
                .append(r.samples() == 1 ? " sample" : " samples")
                .append(r.on().equals(HtpDevice.NAME) ? ", the host's time for emulating it\n" : ", the host's time\n");
        Latencies l = r.latency();
        TextTable table = TextTable.of(">runs", ">first, µs", ">mean", ">min", ">p50", ">p90", ">p99", ">max");
        table.row(
                Integer.toString(l.n()),
                micros(l.firstMicros()),
                micros(l.meanMicros()),
                micros(l.minMicros()),
                micros(l.p50Micros()),
                micros(l.p90Micros()),
                micros(l.p99Micros()),
                micros(l.maxMicros()));
        text.append(table.render(style())).append('\n');
        r.said().forEach(s -> text.append("- ").append(s).append('\n'));
        if (profile != null) {
            text.append('\n').append(new ProfileText(style(), TOP).of(List.of(profile), List.of(), null, null));
        }
        text.append("\non a device: ").append(r.qnnNetRun()).append('\n');
        text.append("report       ").append(out.path().resolve("run.html")).append('\n');
        return text.toString();
    }

    private static String micros(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
