package dev.nibble.cli;

import dev.nibble.report.Metric;
import dev.nibble.report.ResultDocument;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What a result must reach; where it does not, the command ends with exit code 1: `@Mixin GateOptions gates`.
final class GateOptions {
    @Option(
            order = 201,
            names = "--max-drop",
            paramLabel = "POINTS",
            description = "Fail where the metric loses more, in percentage points.")
    private @Nullable Double maxDrop;

    @Option(
            order = 202,
            names = "--min-sqnr",
            paramLabel = "DB",
            description = "Fail where the outputs' signal to noise ratio is lower.")
    private @Nullable Double minSqnr;

    @Option(
            order = 203,
            names = "--min-cosine",
            paramLabel = "C",
            description = "Fail where the outputs' cosine is lower.")
    private @Nullable Double minCosine;

    /// Says on stderr which gates failed.
    ///
    /// @param quiet leaves only the exit code
    ExitCode check(ResultDocument document, Terminal terminal, boolean quiet) {
        List<String> failed = failures(document.metric(), document.sqnrDb(), document.cosine());
        if (!quiet) {
            failed.forEach(failure -> terminal.err().println("gate failed: " + failure));
        }
        return failed.isEmpty() ? ExitCode.DONE : ExitCode.GATE_FAILED;
    }

    /// Why gates failed, a sentence each. A figure that was not measured fails its gate.
    List<String> failures(@Nullable Metric metric, @Nullable Double sqnrDb, @Nullable Double cosine) {
        List<String> failures = new ArrayList<>();
        if (maxDrop != null) {
            if (metric == null) {
                failures.add("--max-drop needs a metric, and there are no labels");
            } else if (!(100 * metric.drop() <= maxDrop)) {
                failures.add(String.format(
                        Locale.ROOT,
                        "%s lost %.2f points, more than %.2f",
                        metric.name(),
                        100 * metric.drop(),
                        maxDrop));
            }
        }
        atLeast(failures, "SQNR in dB", sqnrDb, minSqnr);
        atLeast(failures, "cosine", cosine, minCosine);
        return failures;
    }

    private static void atLeast(List<String> failures, String what, @Nullable Double value, @Nullable Double least) {
        if (least != null && (value == null || !(value >= least))) {
            failures.add("%s is %s, less than %s".formatted(what, value, least));
        }
    }
}
