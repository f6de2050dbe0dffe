package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.FusionGain;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.page.LayerList;
import dev.nibble.npu.page.RooflinePage;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.pipeline.output.StagedFile;
import dev.nibble.report.text.TextTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `roofline`: every layer's operations and bytes against what the target can do.
@Command(
        name = "roofline",
        description = "Show every layer against the roofline of a target, as a table and as a page.",
        optionListHeading = "%nOptions:%n")
final class RooflineCommand extends NibbleCommand {
    private static final List<String> COMPARED = List.of("w8a8", "w8a16", "fp16");

    @Parameters(paramLabel = "MODEL", arity = "0..1", description = "The model, an .onnx file.")
    private @Nullable Path model;

    @Option(
            names = "--layers",
            paramLabel = "FILE",
            description = "Instead of a model, a CSV of name,operations,bytes (plain numbers).")
    private @Nullable Path layers;

    @Option(names = "--out", paramLabel = "DIR", description = "Where to write roofline.html.")
    private @Nullable Path out;

    @Option(names = "--fusions", description = "List each match of a fusion rule, not each rule alone.")
    private boolean fusions;

    @Mixin
    private SpeedOptions speed;

    @Override
    protected ExitCode run() throws IOException {
        if ((model == null) == (layers == null)) {
            throw new NibbleException("give a model, or --layers FILE", "see nibble roofline --help");
        }
        String target = everywhere().targets().isEmpty()
                ? QuantizeCommand.DEFAULT_TARGET
                : everywhere().targets().getFirst();
        Estimator estimator = speed.estimator(
                target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target);
        Estimate estimate;
        List<RooflinePage.Compared> compared = new ArrayList<>();
        if (layers != null) {
            estimate = LayerList.estimate(layers.toString(), terminal().resolve(layers), estimator, speed.precision());
        } else if (model != null) {
            StaticModel read =
                    StaticModel.read(terminal().resolve(model), everywhere().shapesByName());
            estimate =
                    speed.estimate(estimator, read, model.toString(), terminal().workingDirectory());
            for (String precision : COMPARED) {
                Estimate other = SpeedOptions.estimateAt(estimator, read, precision);
                compared.add(new RooflinePage.Compared(
                        precision, other.totalMicros(), other.lowMicros(), other.highMicros()));
            }
        } else {
            throw new IllegalStateException("neither a model nor layers");
        }
        if (out != null) {
            write(estimate, estimator, compared);
        }
        print(EstimateDocuments.of(List.of(estimate)), () -> table(estimate));
        return ExitCode.DONE;
    }

    private void write(Estimate estimate, Estimator estimator, List<RooflinePage.Compared> compared)
            throws IOException {
        if (out == null) {
            return;
        }
        Path folder = terminal().resolve(out);
        Path page = folder.resolve("roofline.html");
        StagedFile.write(page, everywhere().force(), RooflinePage.html(estimate, estimator, compared));
        if (!everywhere().quiet()) {
            terminal().err().println("wrote " + out.resolve("roofline.html"));
        }
    }

    private String table(Estimate e) {
        TextTable table =
                TextTable.of("layer", "op", ">GOP", ">MB", ">op/byte", "side", ">µs", "limit", ">tile", ">spill MB");
        Map<String, String> names = LayerNames.of(e.layers());
        for (LayerEstimate l : e.layers()) {
            if (l.fusedInto() != null) {
                continue;
            }
            boolean right = l.intensity() >= e.ridgeOperationsPerByte();
            table.row(
                    names.getOrDefault(l.name(), l.name()),
                    l.op(),
                    number("%.4f", 2.0 * l.macs() / 1e9),
                    number("%.3f", l.bytes() / 1e6),
                    number("%.1f", l.intensity()),
                    l.macs() == 0 ? "" : right ? "compute" : "memory",
                    number("%.2f", l.micros()),
                    EstimateDocuments.word(l.bottleneck()),
                    l.tile() == null
                            ? ""
                            : l.tile().height() + "×" + l.tile().width() + "×"
                                    + l.tile().channels() + (l.tile().fits() ? "" : " (too large)"),
                    l.spilledBytes() > 0 ? number("%.2f", l.spilledBytes() / 1e6) : "");
        }
        StringBuilder text = new StringBuilder(number(
                "%s on %s, %s: estimated %.3f ms, ridge at %.0f operations a byte\n\n",
                e.path(), e.target(), e.precision(), e.totalMicros() / 1e3, e.ridgeOperationsPerByte()));
        text.append(table.render(style())).append('\n');
        if (e.memory().peakBytes() > 0) {
            List<String> largest = new ArrayList<>();
            e.memory().peakTensors().forEach((name, bytes) -> largest.add(number("%s %.2f MB", name, bytes / 1e6)));
            text.append(number(
                    "most lives at '%s': %.2f MB, of which %s\n\n",
                    e.memory().peakLayer(), e.memory().peakBytes() / 1e6, String.join(", ", largest)));
        }
        return text.append(fusions ? matches(e) : rules(e))
                .append(nearMisses(e))
                .append(EstimateCommand.findings(e))
                .toString();
    }

    /// What each rule saves.
    private String rules(Estimate e) {
        Map<String, List<FusionGain>> byRule = new LinkedHashMap<>();
        e.fusions()
                .forEach(f ->
                        byRule.computeIfAbsent(f.rule(), r -> new ArrayList<>()).add(f));
        TextTable table =
                TextTable.of("fused", ">times", ">before, µs", ">after, µs", ">saved", ">traffic MB", ">spill MB");
        byRule.forEach((rule, all) -> {
            double before = all.stream().mapToDouble(FusionGain::beforeMicros).sum();
            double after = all.stream().mapToDouble(FusionGain::afterMicros).sum();
            table.row(
                    rule,
                    "" + all.size(),
                    number("%.1f", before),
                    number("%.1f", after),
                    number("%.0f %%", before > 0 ? 100 * (before - after) / before : 0),
                    number(
                            "%.2f",
                            all.stream()
                                            .mapToDouble(FusionGain::savedTrafficBytes)
                                            .sum()
                                    / 1e6),
                    number(
                            "%.2f",
                            all.stream()
                                            .mapToDouble(FusionGain::savedSpillBytes)
                                            .sum()
                                    / 1e6));
        });
        return table.isEmpty() ? "" : table.render(style()) + "each match: --fusions\n\n";
    }

    /// Each match.
    private String matches(Estimate e) {
        TextTable table = TextTable.of("fused", "layer", ">nodes", ">before, µs", ">after, µs", ">traffic MB");
        e.fusions()
                .forEach(f -> table.row(
                        f.rule(),
                        f.layer(),
                        "" + f.nodes().size(),
                        number("%.2f", f.beforeMicros()),
                        number("%.2f", f.afterMicros()),
                        number("%.3f", f.savedTrafficBytes() / 1e6)));
        return table.isEmpty() ? "nothing fuses\n\n" : table.render(style()) + "\n";
    }

    private static String nearMisses(Estimate e) {
        StringBuilder text = new StringBuilder();
        e.nearMisses()
                .forEach(m -> text.append("not fused: %s at '%s': %s%n".formatted(m.rule(), m.node(), m.reason())));
        return text.isEmpty() ? "" : text.append('\n').toString();
    }

    private static String number(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
