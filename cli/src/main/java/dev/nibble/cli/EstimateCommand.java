package dev.nibble.cli;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.Finding;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.report.text.TextTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
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
    private static final int BAR = 20;

    @Parameters(
            paramLabel = "MODEL",
            arity = "1..*",
            description = "The models: .onnx files, float or with quantizers.")
    private List<Path> models;

    @Mixin
    private SpeedOptions speed;

    /// The JSON document.
    record Document(List<Entry> models) {}

    /// One model on one target.
    record Entry(
            String path,
            String target,
            String badge,
            String precision,
            String runtime,
            String model,
            double totalMicros,
            double lowMicros,
            double highMicros,
            String basis,
            double runMicros,
            double gops,
            double megabytes,
            double ridgeOperationsPerByte,
            Object bottlenecks,
            List<Layer> layers,
            Object fusions,
            Object nearMisses,
            Object memory,
            List<Finding> findings,
            List<String> said) {}

    /// A layer of the JSON document; without `fusedInto` it runs itself.
    record Layer(
            String name,
            String op,

            @com.fasterxml.jackson.annotation.JsonInclude(com.fasterxml.jackson.annotation.JsonInclude.Include.NON_NULL)
            @Nullable
            String fusedInto,

            String precision,
            long macs,
            double bytes,
            double micros,
            double share,
            String bottleneck,
            double utilization) {
        static Layer of(LayerEstimate l) {
            return new Layer(
                    l.name(),
                    l.op(),
                    l.fusedInto(),
                    l.precision(),
                    l.macs(),
                    l.bytes(),
                    l.micros(),
                    l.share(),
                    l.bottleneck().name().toLowerCase(Locale.ROOT),
                    l.utilization());
        }
    }

    @Override
    protected ExitCode run() {
        List<String> targets = everywhere().targets().isEmpty()
                ? List.of(QuantizeCommand.DEFAULT_TARGET)
                : everywhere().targets();
        List<Estimate> estimates = new ArrayList<>();
        for (String target : targets) {
            Estimator estimator = speed.estimator(resolved(target));
            for (Path model : models) {
                estimates.add(speed.estimate(
                        estimator,
                        terminal().resolve(model),
                        model.toString(),
                        everywhere().shapesByName(),
                        terminal().workingDirectory()));
            }
        }
        print(new Document(estimates.stream().map(EstimateCommand::entry).toList()), () -> table(estimates));
        return ExitCode.DONE;
    }

    private String resolved(String target) {
        return target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target;
    }

    static Entry entry(Estimate e) {
        return new Entry(
                e.path(),
                e.target(),
                "estimated",
                e.precision(),
                e.runtime(),
                e.model(),
                e.totalMicros(),
                e.lowMicros(),
                e.highMicros(),
                e.basis(),
                e.runMicros(),
                e.gops(),
                e.megabytes(),
                e.ridgeOperationsPerByte(),
                e.bottlenecks(),
                e.layers().stream().map(Layer::of).toList(),
                e.fusions(),
                e.nearMisses(),
                e.memory(),
                e.findings(),
                e.said());
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
            return text.append(table.render(style())).toString();
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
        text.append("layers wait for: ");
        List<String> counts = e.bottlenecks().entrySet().stream()
                .map(c -> c.getKey().name().toLowerCase(Locale.ROOT) + " " + c.getValue())
                .toList();
        text.append(String.join(", ", counts)).append("\n\n");
        text.append(layers(e)).append('\n');
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
        TextTable table = TextTable.of("layer", "op", ">GOP", ">MB", ">µs", ">share", "", "waits for", ">utilization");
        List<LayerEstimate> top = e.layers().stream()
                .filter(l -> l.fusedInto() == null && l.micros() > 0)
                .sorted(Comparator.comparingDouble(LayerEstimate::micros).reversed())
                .limit(LISTED)
                .toList();
        double most = top.isEmpty() ? 1 : top.getFirst().micros();
        for (LayerEstimate l : top) {
            table.row(
                    l.name(),
                    l.op(),
                    number("%.3f", 2.0 * l.macs() / 1e9),
                    number("%.2f", l.bytes() / 1e6),
                    number("%.1f", l.micros()),
                    number("%.1f %%", 100 * l.share()),
                    "█".repeat((int) Math.max(1, Math.round(BAR * l.micros() / most))),
                    l.bottleneck().name().toLowerCase(Locale.ROOT),
                    number("%.0f %%", 100 * l.utilization()));
        }
        return table.render(style());
    }

    private static String ms(double micros) {
        return number(micros < 1000 ? "%.3f" : "%.2f", micros / 1e3);
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
