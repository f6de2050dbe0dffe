package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.Families;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.tune.TuneModel;
import dev.nibble.pipeline.tune.VerifyGains;
import dev.nibble.report.TuneDocument.CodeGain;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/// `tools/bench.sh tune [--fresh] [GRAPH…]`: gains of `tune` by the latency model beside those by the compiler's own
/// estimate, for each kind of change alone, on IQ-9075. A row is kept as soon as it is measured, so that an interrupted
/// run goes on where it stopped; the page always has all rows that are known.
final class TuneTable {
    private static final String TARGET = "qcs9075";

    private final KeptRows kept;
    private final HtpLibraries libraries;
    private final boolean fresh;
    private final String nibble;
    private final Consumer<String> said;

    /// @param work a folder outside version control
    /// @param fresh whether rows that are known are measured again
    /// @param nibble this build
    TuneTable(Path shared, Path work, HtpLibraries libraries, boolean fresh, String nibble, Consumer<String> said) {
        kept = new KeptRows(shared, work.resolve("tune"));
        this.libraries = libraries;
        this.fresh = fresh;
        this.nibble = nibble;
        this.said = said;
    }

    /// @param names of the graphs to measure; all of the data set where there are none
    /// @return whether each family has a change whose gain both estimates see
    boolean write(Path page, List<String> names) {
        SortedMap<String, TuneRow> rows = new TreeMap<>();
        List<String> graphs = kept.graphs(names);
        for (String graph : graphs) {
            if (Files.exists(kept.row(graph))) {
                rows.put(graph, TuneRow.read(kept.row(graph)));
            }
        }
        for (String graph : names.isEmpty() ? graphs : names) {
            if (fresh || !rows.containsKey(graph)) {
                TuneRow row = measured(graph);
                row.write(kept.row(graph));
                rows.put(graph, row);
                PageSection.replace(page, "tune", text(rows));
            }
            said.accept("%s: %s"
                    .formatted(
                            graph,
                            rows.get(graph).failure().isEmpty()
                                    ? rows.get(graph).confirmed() ? "confirmed" : "not confirmed"
                                    : rows.get(graph).failure()));
        }
        PageSection.replace(page, "tune", text(rows));
        return families(rows).values().stream().allMatch(b -> b);
    }

    private TuneRow measured(String graph) {
        long start = System.nanoTime();
        Target target = Targets.find(TARGET);
        Machines machines = Machines.of(target);
        TuneModel.Options options = new TuneModel.Options(
                kept.graph(graph),
                new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1),
                Optional.of(Precision.FP16),
                Map.of(),
                Set.of(),
                true,
                Optional.empty(),
                false,
                0,
                false,
                "bench");
        try {
            return TuneRow.of(
                    VerifyGains.verified(options, target, libraries, Progress.none()), seconds(start), nibble);
        } catch (NibbleException e) {
            return TuneRow.failed(e.getMessage(), seconds(start), nibble);
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static SortedMap<String, Boolean> families(Map<String, TuneRow> rows) {
        SortedMap<String, Boolean> confirmed = new TreeMap<>();
        rows.forEach((graph, row) -> confirmed.merge(Families.of(graph), row.confirmed(), Boolean::logicalOr));
        return confirmed;
    }

    static String text(SortedMap<String, TuneRow> rows) {
        Map<String, Boolean> confirmed = families(rows);
        List<String> without = confirmed.entrySet().stream()
                .filter(e -> !e.getValue())
                .map(Map.Entry::getKey)
                .toList();
        Predicate<CodeGain> compiled = c -> c.compilerGainMicros() != null;
        String summary = "%d graphs. %d of %d kinds of change have the same sign in both estimates%s%s.%n%n"
                        .formatted(
                                rows.size(),
                                count(rows, CodeGain::agree),
                                count(rows, compiled),
                                listed(rows, compiled.and(c -> !c.agree()), "they disagree on"),
                                listed(rows, compiled.negate(), "the compiler does not make"))
                + "A gain that both see: %d of %d families%s. "
                        .formatted(
                                confirmed.size() - without.size(),
                                confirmed.size(),
                                without.isEmpty() ? "" : "; not " + String.join(", ", without))
                + "Within %.0f %% of the compiler's gain: %d of %d.%n%n"
                        .formatted(100 * TuneRow.NEAR, count(rows, TuneRow::isNear), count(rows, compiled));
        List<String> lines = new ArrayList<>();
        List<String> byFamily = rows.keySet().stream()
                .sorted(Comparator.comparing(Families::of))
                .toList();
        byFamily.forEach(graph -> {
            TuneRow row = rows.getOrDefault(graph, TuneRow.failed("not measured", 0, ""));
            String head = "| %s | %s |".formatted(Families.of(graph), graph);
            if (!row.failure().isEmpty()) {
                lines.add("%s – | – | – | – | – | %s |"
                        .formatted(head, row.failure().replace("|", "\\|")));
            } else if (row.codes().isEmpty()) {
                lines.add("%s – | %s | %.0f | – | – | no change found |"
                        .formatted(head, row.precision(), row.beforeMicros()));
            }
            for (CodeGain code : row.codes()) {
                Double compiler = code.compilerGainMicros();
                lines.add(String.format(
                        Locale.ROOT,
                        "%s %s | %s | %.0f | %.1f | %s | %s |",
                        head,
                        code.code(),
                        row.precision(),
                        row.beforeMicros(),
                        code.ourGainMicros(),
                        compiler == null ? "–" : String.format(Locale.ROOT, "%.1f", compiler),
                        compiler == null
                                ? "**not compiled**: " + code.failure()
                                : code.agree() ? TuneRow.isNear(code) ? "near" : "" : "**disagree**"));
            }
        });
        return summary
                + "| family | graph | code | | compiler: before, µs | gain: latency model, µs | compiler, µs | |\n"
                + "|-|-|-|-|-|-|-|-|\n"
                + String.join("\n", lines)
                + "\n";
    }

    private static String listed(Map<String, TuneRow> rows, Predicate<CodeGain> which, String what) {
        List<String> named = new ArrayList<>();
        rows.forEach((graph, row) ->
                row.codes().stream().filter(which).forEach(c -> named.add("%s of %s".formatted(c.code(), graph))));
        return named.isEmpty() ? "" : "; %s %s".formatted(what, String.join(", ", named));
    }

    private static long count(Map<String, TuneRow> rows, Predicate<CodeGain> which) {
        return rows.values().stream()
                .flatMap(r -> r.codes().stream())
                .filter(which)
                .count();
    }
}
