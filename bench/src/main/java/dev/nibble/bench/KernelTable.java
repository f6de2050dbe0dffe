package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/// Runs the JMH benchmarks of this module, and tables what they say: inner loops in GB/s of floats read beside copying
/// the same memory, and range searches in milliseconds.
final class KernelTable {
    private static final int BYTES = 4;

    private KernelTable() {}

    /// @param iterations measured iterations of each benchmark, a second each
    static String measure(int iterations) {
        String loops = table(
                List.of(QuantizationBenchmark.class, ObserverBenchmark.class),
                iterations,
                BYTES,
                "| loop | GB/s read | ± (99.9 %) | of copying |\n|---|---|---|---|\n",
                true);
        String searches = table(
                List.of(RangeSearchBenchmark.class),
                iterations,
                1,
                "| range search | ms | ± (99.9 %) |\n|---|---|---|\n",
                false);
        return loops + "\n" + searches;
    }

    private static String table(List<Class<?>> benchmarks, int iterations, double factor, String head, boolean beside) {
        StringBuilder text = new StringBuilder(head);
        for (Class<?> benchmark : benchmarks) {
            Options options = new OptionsBuilder()
                    .include(benchmark.getName() + "\\.")
                    .measurementIterations(iterations)
                    .measurementTime(TimeValue.seconds(1))
                    .warmupIterations(2)
                    .forks(1)
                    .build();
            TreeMap<String, RunResult> sorted = new TreeMap<>();
            for (RunResult result : run(options)) {
                sorted.put(name(result), result);
            }
            TreeMap<String, Double> copies = new TreeMap<>();
            sorted.forEach((name, result) -> {
                if (name.startsWith("memoryCopy")) {
                    copies.put(parameters(result), score(result));
                }
            });
            sorted.forEach((name, result) -> {
                double error = result.getPrimaryResult().getScoreError() * factor;
                text.append("| ").append(name).append(" | ").append(number(score(result) * factor));
                text.append(" | ").append(Double.isNaN(error) ? "–" : number(error));
                if (beside) {
                    double copy = copies.getOrDefault(parameters(result), Double.NaN);
                    text.append(" | ").append(String.format(Locale.ROOT, "%.2f×", score(result) / copy));
                }
                text.append(" |\n");
            });
        }
        return text.toString();
    }

    private static Collection<RunResult> run(Options options) {
        try {
            return new Runner(options).run();
        } catch (RunnerException e) {
            throw new NibbleException("a benchmark failed: " + e.getMessage(), "see what it printed above", e);
        }
    }

    private static String name(RunResult result) {
        String full = result.getParams().getBenchmark();
        String parameters = parameters(result);
        return full.substring(full.lastIndexOf('.') + 1) + (parameters.isEmpty() ? "" : " (" + parameters + ")");
    }

    private static String parameters(RunResult result) {
        return String.join(
                ", ",
                result.getParams().getParamsKeys().stream()
                        .map(key -> key + " " + result.getParams().getParam(key))
                        .toList());
    }

    private static double score(RunResult result) {
        return result.getPrimaryResult().getScore();
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value >= 10 ? "%.1f" : "%.2f", value);
    }
}
