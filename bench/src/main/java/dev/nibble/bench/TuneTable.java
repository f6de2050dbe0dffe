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
import dev.nibble.report.TuneDocument;
import dev.nibble.report.TuneDocument.CodeGain;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.io.IOException;
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
import java.util.function.Consumer;
import java.util.stream.Stream;

/// `tools/bench.sh tune [GRAPH…]`: gains of `tune` by the latency model beside those by the compiler's own estimate, for
/// each kind of change alone, in float on IQ-9075. The page has what is done so far after each graph.
final class TuneTable {
    private static final String TARGET = "qcs9075";

    private final Path shared;
    private final HtpLibraries libraries;
    private final Consumer<String> said;

    TuneTable(Path shared, HtpLibraries libraries, Consumer<String> said) {
        this.shared = shared;
        this.libraries = libraries;
        this.said = said;
    }

    /// @param names of graphs; all of the data set where there are none
    /// @return whether each family that was looked at has a change whose gain both estimates see
    boolean write(Path page, List<String> names) {
        SortedMap<String, Boolean> confirmed = new TreeMap<>();
        List<String> rows = new ArrayList<>();
        int agreeing = 0;
        int all = 0;
        for (Path file : graphs(names)) {
            String name = String.valueOf(file.getFileName()).replace(".onnx", "");
            String family = Families.of(name);
            confirmed.putIfAbsent(family, false);
            try {
                TuneDocument.Verified verified = verified(file);
                for (CodeGain code : verified.codes()) {
                    all++;
                    agreeing += code.agree() ? 1 : 0;
                    boolean both = code.ourGainMicros() > 0 && code.compilerGainMicros() > 0;
                    confirmed.merge(family, both, Boolean::logicalOr);
                    rows.add(String.format(
                            Locale.ROOT,
                            "| %s | %s | %s | %.0f | %.1f | %.1f | %s |",
                            family,
                            name,
                            code.code(),
                            verified.beforeMicros(),
                            code.ourGainMicros(),
                            code.compilerGainMicros(),
                            code.agree() ? "" : "**disagree**"));
                }
            } catch (NibbleException e) {
                rows.add("| %s | %s | – | – | – | – | %s |".formatted(family, name, e.getMessage()));
            }
            said.accept(name);
            PageSection.replace(page, "tune", text(rows, confirmed, agreeing, all));
        }
        return confirmed.values().stream().allMatch(b -> b);
    }

    private static String text(List<String> rows, Map<String, Boolean> confirmed, int agreeing, int all) {
        List<String> without = confirmed.entrySet().stream()
                .filter(e -> !e.getValue())
                .map(Map.Entry::getKey)
                .toList();
        return "%d of %d kinds of change have the same sign in both estimates. A gain that both see: %d of %d families%s.%n%n"
                        .formatted(
                                agreeing,
                                all,
                                confirmed.size() - without.size(),
                                confirmed.size(),
                                without.isEmpty() ? "" : "; not " + String.join(", ", without))
                + "| family | graph | code | compiler: before, µs | gain: latency model, µs | compiler, µs | |\n|-|-|-|-|-|-|-|\n"
                + String.join("\n", rows)
                + "\n";
    }

    private TuneDocument.Verified verified(Path file) {
        Target target = Targets.find(TARGET);
        Machines machines = Machines.of(target);
        TuneModel.Options options = new TuneModel.Options(
                file,
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
        return VerifyGains.verified(options, target, libraries, Progress.none());
    }

    /// In the order of `names`; all by name where there are none.
    private List<Path> graphs(List<String> names) {
        Path folder = shared.resolve("npu/topologies");
        if (!names.isEmpty()) {
            return names.stream().map(n -> folder.resolve(n + ".onnx")).toList();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> f.toString().endsWith(".onnx")).sorted().toList();
        } catch (IOException e) {
            throw new NibbleException("the graphs cannot be listed: " + e.getMessage(), "set NIBBLE_SHARED", e);
        }
    }
}
