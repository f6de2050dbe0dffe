package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.FusionGain;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.Ablation;
import dev.nibble.npu.fit.Errors;
import dev.nibble.npu.fit.Validation;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// The part of `docs/latency-model.md` that is measured: how wrong the latency model is, what each term is worth, what
/// fusion saves.
final class LatencyTables {
    private static final String BEGIN = "<!-- generated: tools/bench.sh latency -->\n";
    private static final String END = "<!-- end -->\n";
    private static final String GEN3 = "sm8650";

    private final Path data;
    private final Consumer<String> say;
    private boolean holds = true;

    /// @param data the folder of measurements and graphs
    LatencyTables(Path data, Consumer<String> say) {
        this.data = data;
        this.say = say;
    }

    /// Prints the tables and puts them into `page`; true where every gate holds.
    boolean write(Path page) {
        String text;
        try {
            text = Files.readString(page);
        } catch (IOException e) {
            throw new NibbleException("'" + page + "' cannot be read", "check out the whole repository", e);
        }
        int from = text.indexOf(BEGIN) + BEGIN.length();
        int to = text.indexOf(END, from);
        if (from < BEGIN.length() || to < from) {
            throw new NibbleException("'" + page + "' has no part for the tables", "put the two markers back");
        }
        String tables = tables();
        say.accept(tables);
        Scratch.write(page, text.substring(0, from) + tables + text.substring(to));
        return holds;
    }

    private String tables() {
        Validation validation = Validation.of(data);
        return "\n" + gates(validation)
                + "\n" + devices(validation)
                + "\n" + groups(validation)
                + "\n" + worst(validation)
                + "\n" + terms(validation)
                + "\n" + fusions()
                + "\n" + parameters(validation) + "\n";
    }

    private String gates(Validation v) {
        Errors model = v.errors(v.oneModel(), GEN3);
        Errors family = v.errors(v.oneFamily(), GEN3);
        Errors all = v.errors(v.oneFamily(), "");
        Errors holdout = v.holdoutErrors("");
        Errors holdoutGen3 = v.holdoutErrors(GEN3);
        StringBuilder text = new StringBuilder("| measure | rows | gate | goal | mean | median |\n|-|-|-|-|-|-|\n");
        text.append(line("leaving one model out, 8 Gen 3", model, "13.6", "10", model.meanPercent() <= 13.6));
        text.append(line("leaving one family out, 8 Gen 3", family, "14.6", "12", family.meanPercent() <= 14.6));
        text.append(line("leaving one model out, 13 devices", v.errors(v.oneModel(), ""), "–", "–", true));
        text.append(line("leaving one family out, 13 devices", all, "20", "15", all.meanPercent() <= 20));
        text.append(line(
                "`npu/holdout`, 13 devices",
                holdout,
                "20, median 12",
                "15, median 8",
                holdout.meanPercent() <= 20 && holdout.medianPercent() <= 12));
        text.append(line("`npu/holdout`, 8 Gen 3", holdoutGen3, "–", "–", true));
        v.compared(data.resolve("htp_estimates.csv"), "qcs9075").forEach((precision, c) -> {
            holds &= c.ours() < c.theirs();
            text.append(format(
                    "| IQ-9075 %s, the graph left out%s | %d | < %.1f (Qualcomm's estimator) | %s | %.1f | – |\n",
                    precision,
                    c.ours() < c.theirs() ? "" : " **missed**",
                    c.rows(),
                    c.theirs(),
                    Map.of("w8a8", "12", "float", "13", "w8a16", "15").getOrDefault(precision, "–"),
                    c.ours()));
            text.append(format(
                    "| IQ-9075 %s, its family left out | %d | – | – | %.1f | – |\n",
                    precision, c.rows(), c.oursOneFamily()));
        });
        holds &= all.spearman() >= 0.98;
        text.append(format(
                "\nSpearman, leaving one family out, averaged over the devices: %.3f (gate 0.98, goal 0.99).\n",
                all.spearman()));
        return text.toString();
    }

    private String line(String what, Errors errors, String gate, String goal, boolean good) {
        holds &= good;
        return format(
                "| %s%s | %d | %s | %s | %.1f | %.1f |\n",
                what,
                good ? "" : " **missed**",
                errors.rows(),
                gate,
                goal,
                errors.meanPercent(),
                errors.medianPercent());
    }

    private static String devices(Validation v) {
        StringBuilder text = new StringBuilder(
                "| device | rows | one family out: mean | median | holdout: mean | median |\n|-|-|-|-|-|-|\n");
        for (String device : new java.util.TreeSet<>(v.machines().keySet())) {
            Errors family = v.errors(v.oneFamily(), device);
            Errors holdout = v.holdoutErrors(device);
            text.append(format(
                    "| %s | %d | %.1f | %.1f | %.1f | %.1f |\n",
                    device,
                    family.rows(),
                    family.meanPercent(),
                    family.medianPercent(),
                    holdout.meanPercent(),
                    holdout.medianPercent()));
        }
        return text.toString();
    }

    private static String groups(Validation v) {
        Errors family = v.errors(v.oneFamily(), "");
        List<String> precisions = new ArrayList<>();
        family.byPrecision().forEach((name, g) -> precisions.add(format("%s %.1f", name, g.percent())));
        List<String> families = new ArrayList<>();
        family.byFamily().forEach((name, g) -> families.add(format("%s %.1f", name, g.percent())));
        return "Leaving one family out, by precision: " + String.join(", ", precisions) + ".\n\nBy family: "
                + String.join(", ", families) + ".\n";
    }

    private static String worst(Validation v) {
        List<String> worst = new ArrayList<>();
        v.errors(v.oneFamily(), "")
                .worst()
                .forEach(w -> worst.add(format(
                        "%s %s on %s %.1f for %.1f ms",
                        w.topology(), w.precision(), w.device(), w.predictedMicros() / 1e3, w.measuredMicros() / 1e3)));
        return "Worst: " + String.join("; ", worst) + ".\n";
    }

    private String terms(Validation v) {
        StringBuilder text = new StringBuilder(
                "| left out, and all else fitted anew | 13 devices, one family out: mean | median | 8 Gen 3: mean |\n"
                        + "|-|-|-|-|\n");
        for (Ablation ablation : Ablation.all(v.fitted())) {
            Errors errors = ablation.errors(v.loaded(), data.resolve("topologies"));
            text.append(format(
                    "| %s | %.1f | %.1f | %.1f |\n",
                    ablation.term(),
                    errors.meanPercent(),
                    errors.medianPercent(),
                    Objects.requireNonNull(errors.byDevice().get(GEN3)).percent()));
        }
        return text.toString();
    }

    /// What fusion saves in the graphs of the data set.
    private String fusions() {
        Machines machines = Machines.of(Targets.find(GEN3));
        Estimator estimator = new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1);
        Map<String, double[]> byRule = new LinkedHashMap<>();
        Map<String, Integer> folklore = new TreeMap<>();
        for (Path file : graphs()) {
            StaticModel model = StaticModel.read(file, Map.of());
            int column = 0;
            for (Precision precision : List.of(Precision.W8A8, Precision.FP16)) {
                Estimate e = estimator.estimate("", model.model(), LayerPrecisions.uniform(precision));
                for (FusionGain gain : e.fusions()) {
                    double[] sums = byRule.computeIfAbsent(gain.rule(), r -> new double[6]);
                    sums[column]++;
                    sums[column + 1] += gain.beforeMicros();
                    sums[column + 2] += gain.afterMicros();
                    folklore.merge(gain.rule(), gain.folklorePercent(), Math::max);
                }
                column += 3;
            }
        }
        StringBuilder text = new StringBuilder(
                "| fused, in the graphs of the data set on 8 Gen 3 | times | saved w8a8, % | saved float, % | folklore, % |\n"
                        + "|-|-|-|-|-|\n");
        byRule.forEach((rule, s) -> text.append(format(
                "| %s | %.0f | %.0f | %.0f | %s |\n",
                rule,
                s[0],
                100 * (s[1] - s[2]) / Math.max(1e-9, s[1]),
                100 * (s[4] - s[5]) / Math.max(1e-9, s[4]),
                folklore.getOrDefault(rule, 0) > 0 ? "" + folklore.get(rule) : "–")));
        return text.toString();
    }

    private List<Path> graphs() {
        try (Stream<Path> files = Files.list(data.resolve("topologies"))) {
            return files.filter(f -> f.toString().endsWith(".onnx")).sorted().toList();
        } catch (IOException e) {
            throw new NibbleException("'" + data + "' has no graphs", "see NIBBLE_SHARED", e);
        }
    }

    private static String parameters(Validation v) {
        StringBuilder text = new StringBuilder("| parameter | unit | meaning | 8 Gen 3 | all devices |\n|-|-|-|-|-|\n");
        for (Parameter parameter : Parameter.values()) {
            double[] values = v.machines().values().stream()
                    .mapToDouble((Machine m) -> m.get(parameter))
                    .sorted()
                    .toArray();
            boolean assumed = parameter == Parameter.INT4_TOPS;
            text.append(format(
                    "| `%s` | %s | %s | %s | %s |\n",
                    parameter.key(),
                    parameter.unit(),
                    parameter.meaning(),
                    assumed
                            ? "= int8"
                            : format(
                                    "%.3g",
                                    Objects.requireNonNull(v.machines().get(GEN3))
                                            .get(parameter)),
                    assumed ? "assumed" : format("%.3g … %.3g", values[0], values[values.length - 1])));
        }
        return text.toString();
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
