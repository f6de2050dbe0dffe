package dev.nibble.report.text;

import dev.nibble.report.CompareDocument;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.Figures;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.InspectDocument;
import dev.nibble.report.LadderRung;
import dev.nibble.report.LayerError;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import dev.nibble.report.NextStep;
import dev.nibble.report.PassRecord;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SimplifyDocument;
import dev.nibble.report.Skipped;
import dev.nibble.report.TensorRow;
import dev.nibble.report.Timings;
import dev.nibble.report.Verdict;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Documents as aligned tables, worst first, ten rows of each unless all are asked for.
public final class TerminalReport {
    /// Rows of a table unless all are asked for.
    public static final int TOP = 10;

    private static final Comparator<@Nullable Double> WORST_FIRST =
            Comparator.nullsLast(Comparator.<Double>naturalOrder());

    private TerminalReport() {}

    /// The outcome of `quantize`. @param all every row instead of the worst ten
    public static String of(ResultDocument document, TerminalStyle style, boolean all) {
        Text out = new Text(style);
        Verdict verdict = document.verdict();
        out.verdict(verdict);
        findings(out, document.findings());
        out.heading("Float against quantized", "");
        out.table(measurements(document));
        if (!document.ladder().isEmpty()) {
            out.heading("Ladder", "after each step and all before it");
            out.table(ladder(document.ladder()));
        }
        worth(out, document.passes());
        GeneratedSection.write(out, document.generated(), "float", "quantized", all);
        List<LayerError> layers = document.layers().stream()
                .sorted(Comparator.comparing(LayerError::blameDb, WORST_FIRST))
                .toList();
        TextTable layerTable = TextTable.of("layer", "op", ">layer-wise", ">graph-wise");
        top(layers, all)
                .forEach(l -> layerTable.row(
                        l.name(), l.op(), Figures.decibels(l.layerWiseDb()), Figures.decibels(l.graphWiseDb())));
        out.section("Worst layers", layers.size(), layerTable, all);
        List<TensorRow> tensors = document.tensors().stream()
                .sorted(Comparator.comparing(TensorRow::sqnrDb, WORST_FIRST))
                .toList();
        TextTable tensorTable = TextTable.of("tensor", "kind", ">bits", ">scale", ">min", ">max", "range by", ">SQNR");
        top(tensors, all).forEach(t -> tensorTable.row(tensorCells(t)));
        out.section("Worst tensors", tensors.size(), tensorTable, all);
        skipped(out, "Not quantized or not fused", document.skipped(), all);
        files(out, document);
        out.line(timings(document.timings(), document.peakRssBytes()));
        next(out, document.next());
        return out.toString();
    }

    /// The outcome of `evaluate`.
    public static String of(EvaluateDocument document, TerminalStyle style) {
        Text out = new Text(style);
        findings(out, document.findings());
        out.table(EvaluateTable.of(document));
        GeneratedSection.write(out, document.generated(), "reference", "model", false);
        out.line(document.model().path()
                + (document.on().equals("htp")
                        ? ", on the HTP's emulator; on the CPU graph optimization is off"
                        : ", on " + document.on() + ", graph optimization " + document.optimization()));
        return out.toString();
    }

    /// The outcome of `compare`, worst tensor first.
    public static String of(CompareDocument document, TerminalStyle style, boolean all) {
        Text out = new Text(style);
        // A collapse goes before anything else.
        findings(out, severe(document.findings(), true));
        out.line("Output SQNR " + Figures.decibels(document.sqnrDb()) + ", cosine " + Figures.cosine(document.cosine())
                + " over " + Figures.count(document.n(), "sample"));
        findings(out, severe(document.findings(), false));
        boolean htp = document.tensors().stream().anyMatch(t -> t.htpDb() != null || t.htpSteps() != null);
        TextTable table = htp
                ? TextTable.of("tensor", "op", ">graph-wise", ">layer-wise", ">cosine", ">HTP", ">HTP to CPU", ">steps")
                : TextTable.of("tensor", "op", ">graph-wise", ">layer-wise", ">cosine");
        for (CompareDocument.Row row : top(document.tensors(), all)) {
            String op = row.op() == null ? "" : row.op();
            String graphWise = Figures.decibels(row.graphWiseDb());
            String layerWise = Figures.decibels(row.layerWiseDb());
            String cosine = Figures.cosine(row.cosine());
            if (htp) {
                table.row(
                        row.name(),
                        op,
                        graphWise,
                        layerWise,
                        cosine,
                        Figures.decibels(row.htpDb()),
                        Figures.decibels(row.htpToCpuDb()),
                        Figures.number(row.htpSteps()));
            } else {
                table.row(row.name(), op, graphWise, layerWise, cosine);
            }
        }
        out.section("Worst tensors", document.tensors().size(), table, all);
        skipped(out, "Not compared", document.skipped(), all);
        return out.toString();
    }

    /// The outcome of `inspect`.
    public static String of(InspectDocument document, TerminalStyle style, boolean all) {
        Text out = new Text(style);
        out.line(document.model().path() + ": opset " + document.opset() + ", IR " + document.irVersion() + ", "
                + Figures.amount(document.parameters()) + " parameters, "
                + (document.macs() == null ? "MACs unknown" : Figures.amount(document.macs()) + " MACs")
                + (document.producer() == null ? "" : ", by " + document.producer()));
        findings(out, document.findings());
        TextTable ports = TextTable.of("", "name", "type", "shape");
        document.inputs().forEach(p -> ports.row("input", p.name(), p.type(), shape(p.shape())));
        document.outputs().forEach(p -> ports.row("output", p.name(), p.type(), shape(p.shape())));
        out.heading("Inputs and outputs", "");
        out.table(ports);
        List<Map.Entry<String, Long>> ops = document.ops().entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .toList();
        TextTable opTable = TextTable.of("op", ">nodes");
        top(ops, all).forEach(e -> opTable.row(e.getKey(), Figures.count(e.getValue())));
        out.section("Operators", ops.size(), opTable, all);
        weights(out, document.weights(), all);
        return out.toString();
    }

    private static void weights(Text out, List<InspectDocument.Weight> weights, boolean all) {
        // The weight with most forms first: it has them in order.
        List<String> forms = weights.stream()
                .sorted(Comparator.comparingInt(w -> -w.errors().size()))
                .flatMap(w -> w.errors().stream())
                .map(TerminalReport::form)
                .distinct()
                .toList();
        String[] titles = new String[forms.size() + 2];
        titles[0] = "weight";
        titles[1] = ">shape";
        for (int i = 0; i < forms.size(); i++) {
            titles[i + 2] = ">" + forms.get(i);
        }
        TextTable table = TextTable.of(titles);
        List<InspectDocument.Weight> sorted = weights.stream()
                .sorted(Comparator.comparing(TerminalReport::worstDb, WORST_FIRST))
                .toList();
        for (InspectDocument.Weight weight : top(sorted, all)) {
            Map<String, String> cells = weight.errors().stream()
                    .collect(Collectors.toMap(TerminalReport::form, TerminalReport::bareDecibels, (a, b) -> a));
            String[] row = new String[titles.length];
            row[0] = weight.name();
            row[1] = weight.shape().stream().map(String::valueOf).collect(Collectors.joining("×"));
            for (int i = 0; i < forms.size(); i++) {
                row[i + 2] = cells.getOrDefault(forms.get(i), Figures.ABSENT);
            }
            table.row(row);
        }
        out.section("Weights: SQNR in dB by width and granularity", weights.size(), table, all);
    }

    private static String bareDecibels(InspectDocument.WeightError e) {
        return Figures.decibels(e.sqnrDb()).replace(" dB", "");
    }

    private static String form(InspectDocument.WeightError e) {
        return "W" + e.bits() + " " + e.granularity();
    }

    private static @Nullable Double worstDb(InspectDocument.Weight weight) {
        return weight.errors().stream()
                .map(InspectDocument.WeightError::sqnrDb)
                .min(WORST_FIRST)
                .orElse(null);
    }

    private static String shape(List<String> shape) {
        return "[" + String.join(", ", shape) + "]";
    }

    /// The outcome of `simplify`.
    public static String of(SimplifyDocument document, TerminalStyle style, boolean all) {
        Text out = new Text(style);
        out.line(document.output().path() + ": " + Figures.count(document.nodesBefore()) + " → "
                + Figures.count(document.nodesAfter()) + " nodes, opset "
                + document.model().opset() + " → "
                + document.opsetAfter() + ", " + Figures.bytes(document.output().bytes()));
        if (document.maxDifference() != null) {
            out.line("Largest difference between both files' outputs: " + Figures.number(document.maxDifference()));
        }
        findings(out, document.findings());
        List<String> idle = document.passes().stream()
                .filter(pass -> pass.changes().isEmpty() && pass.skipped().isEmpty())
                .map(PassRecord::name)
                .toList();
        if (!idle.isEmpty()) {
            out.line("Nothing to do for " + String.join(", ", idle));
        }
        for (PassRecord pass : document.passes()) {
            if (idle.contains(pass.name())) {
                continue;
            }
            out.heading(
                    pass.name(),
                    Figures.count(pass.changes().size(), "change")
                            + (pass.skipped().isEmpty()
                                    ? ""
                                    : ", " + pass.skipped().size() + " left alone"));
            top(pass.changes(), all).forEach(c -> out.bullet("+", c));
            top(pass.skipped(), all).forEach(s -> out.bullet("-", s.node() + ": " + s.reason()));
            int hidden = Math.max(0, pass.changes().size() - TOP)
                    + Math.max(0, pass.skipped().size() - TOP);
            if (!all && hidden > 0) {
                out.more(hidden);
            }
        }
        return out.toString();
    }

    private static TextTable measurements(ResultDocument document) {
        TextTable table =
                TextTable.of("figure", ">float", ">quantized", ">difference", ">95 % interval", ">default opt.");
        Measurement other = document.defaultOptimization();
        Measurement headline = document.headline();
        metricRow(table, headline.metric(), other == null ? null : other.metric());
        for (Metric metric : headline.metrics()) {
            Metric twin = other == null
                    ? null
                    : other.metrics().stream()
                            .filter(m -> m.name().equals(metric.name()))
                            .findFirst()
                            .orElse(null);
            metricRow(table, metric, twin);
        }
        figureRow(table, "SQNR", Figures.decibels(headline.sqnrDb()), other, m -> Figures.decibels(m.sqnrDb()));
        figureRow(table, "cosine", Figures.cosine(headline.cosine()), other, m -> Figures.cosine(m.cosine()));
        if (headline.argmaxAgreement() != null) {
            figureRow(
                    table,
                    "arg-max agreement",
                    Figures.percent(headline.argmaxAgreement()),
                    other,
                    m -> Figures.percent(m.argmaxAgreement()));
        }
        return table;
    }

    private static TextTable ladder(List<LadderRung> rungs) {
        Metric named = rungs.getFirst().metric();
        TextTable table = named == null
                ? TextTable.of("step", ">SQNR", ">time")
                : TextTable.of(
                        "step",
                        ">" + Figures.metricName(named.name()),
                        ">95 % interval",
                        ">difference",
                        ">95 % interval",
                        ">SQNR",
                        ">time");
        if (named != null) {
            table.row(
                    "float",
                    Figures.metricValue(named.name(), named.floatValue()),
                    Figures.metricInterval(named.name(), named.floatCi95()),
                    "",
                    "",
                    "",
                    "");
        }
        for (LadderRung rung : rungs) {
            Metric metric = rung.metric();
            String step = rung == rungs.getFirst() ? rung.step() : "+ " + rung.step();
            String seconds = Figures.seconds(rung.seconds());
            if (metric == null) {
                table.row(step, Figures.decibels(rung.sqnrDb()), seconds);
            } else {
                table.row(
                        step,
                        Figures.metricValue(metric.name(), metric.quantized()),
                        Figures.metricInterval(metric.name(), metric.quantizedCi95()),
                        Figures.metricDifference(metric.name(), (Double) metric.difference()),
                        Figures.metricDifference(metric.name(), metric.differenceCi95()),
                        Figures.decibels(rung.sqnrDb()),
                        seconds);
            }
        }
        return table;
    }

    /// What each step that decides weights did to the error at the layers' outputs.
    private static void worth(Text out, List<PassRecord> passes) {
        for (PassRecord pass : passes) {
            List<String> steps = pass.changes().stream()
                    .filter(change -> change.contains("dB at the layers' outputs"))
                    .toList();
            if (pass.name().equals("decide-weights") && !steps.isEmpty()) {
                out.heading("Steps", "");
                steps.forEach(step -> out.bullet("+", step));
            }
        }
    }

    private static void metricRow(TextTable table, @Nullable Metric metric, @Nullable Metric other) {
        if (metric != null) {
            table.row(
                    Figures.metricName(metric.name()),
                    Figures.metricValue(metric.name(), metric.floatValue()),
                    Figures.metricValue(metric.name(), metric.quantized()),
                    Figures.metricDifference(metric.name(), (Double) metric.difference()),
                    Figures.metricDifference(metric.name(), metric.differenceCi95()),
                    other == null ? Figures.ABSENT : Figures.metricValue(metric.name(), other.quantized()));
        }
    }

    private static void figureRow(
            TextTable table,
            String name,
            String value,
            @Nullable Measurement other,
            java.util.function.Function<Measurement, String> figure) {
        table.row(name, "", value, "", "", other == null ? Figures.ABSENT : figure.apply(other));
    }

    private static String[] tensorCells(TensorRow t) {
        return new String[] {
            t.name(),
            t.kind().label(),
            Integer.toString(t.bits()),
            Figures.number(t.scale()),
            Figures.number(t.min()),
            Figures.number(t.max()),
            t.calibrator() == null ? "" : t.calibrator(),
            Figures.decibels(t.sqnrDb())
        };
    }

    private static List<Finding> severe(List<Finding> findings, boolean severe) {
        return findings.stream()
                .filter(finding -> (finding.severity() == Finding.Severity.ERROR) == severe)
                .toList();
    }

    private static void findings(Text out, List<Finding> findings) {
        findings.stream().sorted(Comparator.comparing(Finding::severity)).forEach(out::finding);
    }

    private static void skipped(Text out, String title, List<Skipped> skipped, boolean all) {
        TextTable table = TextTable.of("node", "op", "reason");
        top(skipped, all).forEach(s -> table.row(s.node(), s.op() == null ? "" : s.op(), s.reason()));
        out.section(title, skipped.size(), table, all);
    }

    private static void files(Text out, ResultDocument document) {
        TextTable table = TextTable.of("file", ">size", ">of the float file", "sha256");
        Long original = document.model().bytes();
        for (FileRecord file : document.files()) {
            String ratio = original == null || original == 0 || !file.path().endsWith(".onnx")
                    ? ""
                    : String.format(Locale.ROOT, "%.2f×", (double) file.bytes() / original);
            table.row(file.path(), Figures.bytes(file.bytes()), ratio, file.sha256());
        }
        out.section("Files", document.files().size(), table, true);
    }

    private static String timings(Timings t, @Nullable Long peakRssBytes) {
        return Figures.seconds(t.totalSeconds()) + " in all: load " + Figures.seconds(t.loadSeconds()) + ", calibrate "
                + Figures.seconds(t.calibrateSeconds()) + ", quantize " + Figures.seconds(t.quantizeSeconds())
                + ", evaluate " + Figures.seconds(t.evaluateSeconds())
                + (peakRssBytes == null ? "" : "; peak memory " + Figures.bytes(peakRssBytes));
    }

    private static void next(Text out, List<NextStep> steps) {
        if (!steps.isEmpty()) {
            out.heading("Next", "");
            steps.forEach(s -> out.step(s.command(), s.why()));
        }
    }

    private static <T> List<T> top(List<T> rows, boolean all) {
        return all ? rows : rows.subList(0, Math.min(TOP, rows.size()));
    }
}
