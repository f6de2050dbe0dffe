package dev.nibble.report.text;

import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.EvaluateDocument.Entry;
import dev.nibble.report.Figures;
import java.util.ArrayList;
import java.util.List;

/// The figures of `evaluate` as a table. What was measured on the HTP stands beside the same file on the CPU and, where
/// there is one, the reference.
final class EvaluateTable {
    private static final String HTP = "htp";
    private static final String HTP_TO_CPU = "htpToCpu.";

    /// Metrics of a task that are no percentages.
    private static final List<String> TASK_METRICS = List.of("spearman", "nextTokenLoss", "perplexity");

    private final EvaluateDocument document;
    private final List<Entry> entries = new ArrayList<>();

    private EvaluateTable(EvaluateDocument document) {
        this.document = document;
        entries.add(new Entry(
                document.metric(),
                document.value(),
                document.n(),
                document.ci95(),
                document.reference(),
                document.difference(),
                document.optimization()));
        entries.addAll(document.others());
    }

    static TextTable of(EvaluateDocument document) {
        EvaluateTable table = new EvaluateTable(document);
        return document.on().equals(HTP) ? table.sideBySide() : table.onCpu();
    }

    /// A line for each metric: reference, file on the CPU, file on the HTP.
    private TextTable sideBySide() {
        boolean compared = document.reference() != null;
        TextTable table = compared
                ? TextTable.of(
                        "metric",
                        ">reference",
                        ">on the CPU",
                        ">on the HTP",
                        ">HTP − reference",
                        ">95 % interval",
                        ">samples")
                : TextTable.of("metric", ">on the CPU", ">on the HTP", ">95 % interval", ">samples");
        for (Entry entry : entries) {
            if (!entry.optimization().equals(HTP)) {
                continue;
            }
            String name = entry.metric();
            boolean task = isTask(entry);
            List<String> cells = new ArrayList<>();
            cells.add(Figures.metricName(name));
            if (compared) {
                cells.add(task ? Figures.metricValue(name, entry.reference()) : Figures.ABSENT);
            }
            cells.add(onCpu(name));
            cells.add(Figures.metricValue(name, entry.value()));
            if (compared) {
                cells.addAll(difference(entry));
            } else {
                cells.add(interval(entry));
            }
            cells.add(Figures.count(entry.n()));
            table.row(cells.toArray(String[]::new));
        }
        return table;
    }

    private String onCpu(String metric) {
        return entries.stream()
                .filter(entry ->
                        entry.metric().equals(metric) && !entry.optimization().equals(HTP))
                .findFirst()
                .map(entry -> Figures.metricValue(metric, entry.value()))
                .orElse(Figures.ABSENT);
    }

    private TextTable onCpu() {
        boolean compared = document.reference() != null;
        TextTable table = compared
                ? TextTable.of("metric", ">value", ">reference", ">difference", ">95 % interval", ">samples")
                : TextTable.of("metric", ">value", ">95 % interval", ">samples");
        for (Entry entry : entries) {
            String name = Figures.metricName(entry.metric())
                    + (entry.optimization().equals(document.optimization())
                            ? ""
                            : ", optimization " + entry.optimization());
            List<String> cells = new ArrayList<>(List.of(name, Figures.metricValue(entry.metric(), entry.value())));
            if (compared) {
                cells.add(Figures.metricValue(entry.metric(), entry.reference()));
                cells.addAll(difference(entry));
            } else {
                cells.add(interval(entry));
            }
            cells.add(Figures.count(entry.n()));
            table.row(cells.toArray(String[]::new));
        }
        return table;
    }

    /// The difference to the reference, and its interval.
    private static List<String> difference(Entry entry) {
        if (!isTask(entry) || entry.difference() == null) {
            return List.of(Figures.number(entry.difference()), Figures.ABSENT);
        }
        String name = entry.metric();
        return List.of(
                Figures.metricDifference(name, entry.difference()) + Figures.metricUnit(name),
                Figures.metricDifference(name, entry.ci95()));
    }

    private static String interval(Entry entry) {
        return entry.ci95() == null || !isTask(entry)
                ? Figures.ABSENT
                : Figures.metricInterval(entry.metric(), entry.ci95());
    }

    /// Whether the metric is of a task, not of two models' outputs in other units.
    private static boolean isTask(Entry entry) {
        return !entry.metric().startsWith(HTP_TO_CPU)
                && (Figures.metricValue(entry.metric(), entry.value()).endsWith("%")
                        || TASK_METRICS.contains(entry.metric()));
    }
}
