package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machines;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.tune.TuneModel;
import dev.nibble.report.TuneDocument;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/// `tools/bench.sh tune-proof [--fresh] [GRAPH…]`: `tune --apply --io-layout nhwc` on the graphs, at W8A8 for 8 Gen 3:
/// what was applied, and by how much the outputs of both models differ. Rows are kept as those of [TuneTable].
final class ProofTable {
    private static final String TARGET = "sm8650";

    private final KeptRows kept;
    private final Path scratch;
    private final boolean fresh;
    private final String nibble;
    private final Consumer<String> said;

    /// What came of one graph.
    ///
    /// @param failure why it could not be done; empty where it could
    /// @param applied codes, with blanks between
    /// @param refused codes that were not proved, with blanks between
    /// @param difference the largest of an output, over the output's largest value
    private record Row(String failure, String applied, String refused, double difference, double seconds) {
        boolean holds() {
            return failure.isEmpty() && refused.isEmpty();
        }

        void write(Path file, String nibble) {
            Scratch.Fields text = new Scratch.Fields();
            text.put("failure", failure.replace("\\", "/"));
            text.put("applied", applied);
            text.put("refused", refused);
            text.put("difference", difference);
            text.put("seconds", seconds);
            text.put("nibble", nibble);
            text.write(file);
        }

        static Row read(Path file) {
            Scratch.Fields in = Scratch.Fields.read(file);
            return new Row(
                    in.text("failure"),
                    in.text("applied"),
                    in.text("refused"),
                    in.number("difference"),
                    in.number("seconds"));
        }
    }

    /// @param work a folder outside version control
    /// @param fresh whether rows that are known are measured again
    /// @param nibble this build
    ProofTable(Path shared, Path work, boolean fresh, String nibble, Consumer<String> said) {
        kept = new KeptRows(shared, work.resolve("tune-proof"));
        scratch = work.resolve("tune-proof");
        this.fresh = fresh;
        this.nibble = nibble;
        this.said = said;
    }

    /// @param names of the graphs to measure; all of the data set where there are none
    /// @return whether all changes of all graphs that are known were proved
    boolean write(Path page, List<String> names) {
        SortedMap<String, Row> rows = new TreeMap<>();
        List<String> graphs = kept.graphs(names);
        for (String graph : graphs) {
            if (Files.exists(kept.row(graph))) {
                rows.put(graph, Row.read(kept.row(graph)));
            }
        }
        for (String graph : names.isEmpty() ? graphs : names) {
            if (fresh || !rows.containsKey(graph)) {
                Row row = measured(graph);
                row.write(kept.row(graph), nibble);
                rows.put(graph, row);
                PageSection.replace(page, "tune-proof", text(rows));
            }
            said.accept(line(graph, rows.get(graph)));
        }
        PageSection.replace(page, "tune-proof", text(rows));
        return rows.values().stream().allMatch(Row::holds);
    }

    private Row measured(String graph) {
        long start = System.nanoTime();
        Target target = Targets.find(TARGET);
        Machines machines = Machines.of(target);
        Path out = scratch.resolve(graph + ".onnx");
        try {
            TuneDocument tuned = TuneModel.run(
                            new TuneModel.Options(
                                    kept.graph(graph),
                                    new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1),
                                    Optional.empty(),
                                    Map.of(),
                                    Set.of(),
                                    true,
                                    Optional.of(out),
                                    false,
                                    0,
                                    true,
                                    "bench"),
                            Progress.none())
                    .document();
            double difference = Optional.ofNullable(tuned.proof()).map(TuneDocument.Proof::compared).stream()
                    .flatMap(List::stream)
                    .mapToDouble(TuneDocument.Compared::maxRelative)
                    .max()
                    .orElse(0);
            String failure =
                    tuned.output() == null ? tuned.findings().getFirst().text() : "";
            return new Row(failure, codes(tuned, "applied"), codes(tuned, "refused"), difference, seconds(start));
        } catch (NibbleException e) {
            return new Row(e.getMessage().lines().findFirst().orElse("it failed"), "", "", 0, seconds(start));
        } finally {
            Scratch.delete(out);
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static String codes(TuneDocument tuned, String state) {
        return String.join(
                " ",
                new TreeSet<>(tuned.gains().stream()
                        .filter(g -> g.state().equals(state))
                        .map(TuneDocument.Gain::code)
                        .toList()));
    }

    private static String text(SortedMap<String, Row> rows) {
        List<String> lines = new ArrayList<>();
        rows.forEach((graph, row) -> lines.add(line(graph, row)));
        return "%d of %d graphs: every change that was applied is proved, and none was refused.%n%n"
                        .formatted(rows.values().stream().filter(Row::holds).count(), rows.size())
                + "| graph | applied | largest difference of an output | refused |\n|-|-|-|-|\n"
                + String.join("\n", lines)
                + "\n";
    }

    private static String line(String graph, Row row) {
        return row.failure().isEmpty()
                ? String.format(
                        Locale.ROOT,
                        "| %s | %s | %.1e | %s |",
                        graph,
                        row.applied().isEmpty() ? "nothing" : row.applied(),
                        row.difference(),
                        row.refused())
                : "| %s | – | – | %s |".formatted(graph, row.failure().replace("|", "\\|"));
    }
}
