package dev.nibble.cli;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `estimate`: how long models take on targets, from the files alone.
@Command(
        name = "estimate",
        description = "Estimate how long models take on a target, and what their layers wait for.",
        optionListHeading = "%nOptions:%n")
final class EstimateCommand extends NibbleCommand {
    private static final int LISTED = 20;
    private static final int BAR = 10;

    @Parameters(
            paramLabel = "MODEL",
            arity = "1..*",
            description = "The models: .onnx files, float or with quantizers.")
    private List<Path> models;

    @Mixin
    private SpeedOptions speed;

    @Override
    protected ExitCode run() {
        List<String> targets = everywhere().targets().isEmpty()
                ? List.of(QuantizeCommand.DEFAULT_TARGET)
                : everywhere().targets();
        List<Estimate> estimates = speed.isCompiler() ? compiled(targets) : reckoned(targets);
        print(EstimateDocuments.of(estimates), () -> table(estimates));
        return ExitCode.DONE;
    }

    private List<Estimate> compiled(List<String> targets) {
        List<Target> chips =
                targets.stream().map(target -> Targets.find(resolved(target))).toList();
        chips.forEach(CompilerEstimates::requireOffered);
        HtpLibraries libraries = HtpLibraries.of(terminal().environment()).require();
        List<Estimate> estimates = new ArrayList<>();
        try (Progress.Stage stage = progress().begin("compiling", (long) models.size() * chips.size())) {
            for (Path file : models) {
                Path path = terminal().resolve(file);
                StaticModel model = StaticModel.read(path, everywhere().shapesByName());
                for (Target chip : chips) {
                    Estimate facts = speed.estimate(
                            speed.facts(chip),
                            model,
                            file.toString(),
                            terminal().workingDirectory());
                    estimates.add(CompilerEstimates.of(
                            facts,
                            CompilerEstimates.ask(
                                    path, chip, libraries, everywhere().shapesByName())));
                    stage.advance();
                }
            }
        }
        return estimates;
    }

    private List<Estimate> reckoned(List<String> targets) {
        List<Estimator> estimators = targets.stream()
                .map(target -> speed.estimator(resolved(target)))
                .toList();
        List<Estimate> estimates = new ArrayList<>();
        for (Path file : models) {
            StaticModel model =
                    StaticModel.read(terminal().resolve(file), everywhere().shapesByName());
            for (Estimator estimator : estimators) {
                estimates.add(speed.estimate(
                        estimator, model, file.toString(), terminal().workingDirectory()));
            }
        }
        return estimates;
    }

    private String resolved(String target) {
        return target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target;
    }

    private String table(List<Estimate> estimates) {
        StringBuilder text = new StringBuilder();
        if (estimates.size() > 1) {
            TextTable table = TextTable.of("model", "target", "precision", ">estimated, ms", ">from", ">to", ">GOP");
            estimates.forEach(e -> table.row(
                    e.path(),
                    e.target(),
                    e.precision(),
                    ms(e.totalMicros()),
                    ms(e.lowMicros()),
                    ms(e.highMicros()),
                    number("%.2f", e.gops())));
            text.append(table.render(style()));
            estimates.stream()
                    .filter(e -> e.layers().isEmpty())
                    .map(Estimate::basis)
                    .distinct()
                    .forEach(basis -> text.append(basis).append('\n'));
            return text.toString();
        }
        Estimate e = estimates.getFirst();
        text.append("%s on %s, %s, %s: estimated %s ms, likely %s to %s ms%n"
                .formatted(
                        e.path(),
                        e.target(),
                        e.precision(),
                        e.runtime(),
                        ms(e.totalMicros()),
                        ms(e.lowMicros()),
                        ms(e.highMicros())));
        text.append("interval: ").append(e.basis()).append('\n');
        text.append(number("%.2f GOP, ", e.gops()))
                .append(number("%.1f MB touched, ", e.megabytes()))
                .append(number("ridge at %.0f operations a byte, ", e.ridgeOperationsPerByte()))
                .append(number("%.0f µs beside the layers\n", e.runMicros()));
        if (e.layers().isEmpty()) {
            return text.append('\n').append(findings(e)).toString();
        }
        text.append("layers wait for: ");
        List<String> counts = e.bottlenecks().entrySet().stream()
                .map(c -> c.getKey().name().toLowerCase(Locale.ROOT) + " " + c.getValue())
                .toList();
        text.append(String.join(", ", counts)).append("\n\n");
        text.append(layers(e)).append('\n');
        long hidden = e.layers().stream()
                        .filter(l -> l.fusedInto() == null && l.micros() > 0)
                        .count()
                - LISTED;
        if (hidden > 0) {
            text.append("%d more layers: nibble roofline, or --format json%n%n".formatted(hidden));
        }
        return text.append(findings(e)).toString();
    }

    /// Findings and assumptions, one below the other.
    static String findings(Estimate e) {
        StringBuilder text = new StringBuilder();
        e.findings()
                .forEach(f -> text.append("- ")
                        .append(f.text())
                        .append("\n  ")
                        .append(f.fix())
                        .append('\n'));
        e.said().forEach(s -> text.append("- ").append(s).append('\n'));
        return text.toString();
    }

    private String layers(Estimate e) {
        TextTable table = TextTable.of("layer", "op", ">GOP", ">MB", ">µs", ">share", ">", "limit", ">use");
        List<LayerEstimate> top = e.layers().stream()
                .filter(l -> l.fusedInto() == null && l.micros() > 0)
                .sorted(Comparator.comparingDouble(LayerEstimate::micros).reversed())
                .limit(LISTED)
                .toList();
        double most = top.isEmpty() ? 1 : top.getFirst().micros();
        Map<String, String> names = LayerNames.of(e.layers());
        for (LayerEstimate l : top) {
            table.row(
                    names.getOrDefault(l.name(), l.name()),
                    l.op(),
                    number("%.3f", 2.0 * l.macs() / 1e9),
                    number("%.2f", l.bytes() / 1e6),
                    number("%.1f", l.micros()),
                    number("%.1f %%", 100 * l.share()),
                    bar(l.micros() / most),
                    EstimateDocuments.word(l.bottleneck()),
                    number("%.0f %%", 100 * l.utilization()));
        }
        return table.render(style());
    }

    /// Of fixed width, so that the table does not shorten it.
    private static String bar(double part) {
        int blocks = (int) Math.max(1, Math.round(BAR * part));
        return "█".repeat(blocks) + " ".repeat(BAR - blocks);
    }

    private static String ms(double micros) {
        return number(micros < 1000 ? "%.3f" : "%.2f", micros / 1e3);
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
