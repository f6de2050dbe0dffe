package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.PerformanceEstimate;
import dev.nibble.report.Figures;
import dev.nibble.report.Finding;
import dev.nibble.target.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// What the compiler's estimate tells beside a time: activations that do not fit the on-chip memory, other options that
/// avoid it, operators that it has no cost for.
final class SpillAdvice {
    private static final int MODES = 4;

    private SpillAdvice() {}

    /// What `estimate`, made with the options `asked`, gives rise to. Where activations spill, the model is compiled
    /// once more with each other optimization mode, and with all of the on-chip memory where less was asked for.
    ///
    /// @param version of Qualcomm's package
    static List<Finding> of(
            Model model,
            Target target,
            HtpCompiler compiler,
            String version,
            HtpCompiler.Options asked,
            PerformanceEstimate estimate) {
        List<Finding> findings = new ArrayList<>();
        if (estimate.operatorsWithoutCost() > 0) {
            findings.add(new Finding(
                    "H107",
                    Finding.Severity.NOTE,
                    "the compiler's estimate for %s leaves out %d operators that it has no cost for, so the model takes longer"
                            .formatted(target.name(), estimate.operatorsWithoutCost()),
                    "nibble estimate reckons all of them"));
        }
        if (estimate.spilledBytes() == 0) {
            return findings;
        }
        HtpCompiler.Options best = asked;
        PerformanceEstimate least = estimate;
        for (HtpCompiler.Options other : others(asked)) {
            Optional<PerformanceEstimate> tried =
                    CompilerEstimate.of(model, target, compiler, version, other).map(CompilerEstimate::estimate);
            if (tried.isPresent() && tried.get().spilledBytes() < least.spilledBytes()) {
                best = other;
                least = tried.get();
            }
            if (least.spilledBytes() == 0) {
                break;
            }
        }
        findings.add(finding(target, estimate, least, asked, best));
        return findings;
    }

    static Finding finding(
            Target target,
            PerformanceEstimate estimate,
            PerformanceEstimate least,
            HtpCompiler.Options asked,
            HtpCompiler.Options best) {
        String spilled =
                "%s: by the compiler's estimate %s of activations do not fit the on-chip memory and pass through DRAM"
                        .formatted(target.name(), Figures.bytes(estimate.spilledBytes()));
        return best.equals(asked)
                ? new Finding(
                        "H106",
                        Finding.Severity.WARNING,
                        spilled + "; no other optimization mode or size of that memory helps",
                        "nibble estimate shows the layers with the largest activations; a smaller input helps most")
                : new Finding(
                        "H106",
                        Finding.Severity.WARNING,
                        "%s; with %s %s, and the estimate is %s µs in place of %s"
                                .formatted(
                                        spilled,
                                        options(best),
                                        least.spilledBytes() == 0
                                                ? "all of them fit"
                                                : "it is " + Figures.bytes(least.spilledBytes()),
                                        Figures.number(least.micros()),
                                        Figures.number(estimate.micros())),
                        "compile with " + options(best));
    }

    private static List<HtpCompiler.Options> others(HtpCompiler.Options asked) {
        List<HtpCompiler.Options> others = new ArrayList<>();
        if (asked.vtcmMb().isPresent()) {
            others.add(new HtpCompiler.Options(OptionalInt.empty(), asked.optimization()));
        }
        for (int mode = MODES - 1; mode >= 0; mode--) {
            if (asked.optimization().isEmpty() || asked.optimization().getAsInt() != mode) {
                others.add(new HtpCompiler.Options(OptionalInt.empty(), OptionalInt.of(mode)));
            }
        }
        return others;
    }

    private static String options(HtpCompiler.Options options) {
        String vtcm =
                options.vtcmMb().isPresent() ? "--vtcm-mb " + options.vtcmMb().getAsInt() : "all of the on-chip memory";
        return options.optimization().isPresent()
                ? vtcm + " and --optimization " + options.optimization().getAsInt()
                : vtcm;
    }
}
