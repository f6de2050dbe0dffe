package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.PerformanceEstimate;
import dev.nibble.npu.Estimate;
import dev.nibble.pipeline.htp.CompilerEstimate;
import dev.nibble.report.Figures;
import dev.nibble.target.Target;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// The compiler's own estimate in the form of the others: a total and no layers.
final class CompilerEstimates {
    private CompilerEstimates() {}

    /// @throws NibbleException where the compiler makes no estimates for `target`
    static void requireOffered(Target target) {
        if (!CompilerEstimate.isOffered(target)) {
            throw new NibbleException(
                    "Qualcomm's compiler makes no estimates for %s".formatted(target.name()),
                    "it does for %s; for others use --model calibrated"
                            .formatted(String.join(", ", CompilerEstimate.targets())));
        }
    }

    /// Asks the compiler.
    ///
    /// @throws NibbleException where it makes no estimates for the chip, or the libraries are not there
    static CompilerEstimate ask(Path file, Target target, HtpLibraries libraries, Map<String, long[]> shapes) {
        requireOffered(target);
        return CompilerEstimate.of(file, target, libraries.require(), shapes).orElseThrow();
    }

    /// `compiler`'s total with what `facts` knows of the model itself.
    static Estimate of(Estimate facts, CompilerEstimate compiler) {
        PerformanceEstimate figures = compiler.estimate();
        List<Estimate.Finding> findings = new ArrayList<>();
        if (figures.spilledBytes() > 0) {
            findings.add(new Estimate.Finding(
                    "H106",
                    "warning",
                    "by the compiler's estimate %s of activations do not fit the on-chip memory and pass through DRAM"
                            .formatted(Figures.bytes(figures.spilledBytes())),
                    "nibble compile looks for another optimization mode that avoids it",
                    0));
        }
        if (figures.operatorsWithoutCost() > 0) {
            findings.add(new Estimate.Finding(
                    "H107",
                    "note",
                    "the compiler's estimate leaves out %d operators that it has no cost for, so the model takes longer"
                            .formatted(figures.operatorsWithoutCost()),
                    "--model calibrated reckons all of them",
                    0));
        }
        List<String> said = new ArrayList<>(facts.said());
        said.add("the compiler tells nothing of layers; it reads %s of weights and inputs from DRAM"
                .formatted(Figures.bytes(figures.inputFillBytes())));
        return new Estimate(
                facts.path(),
                facts.target(),
                facts.precision(),
                "qnn_context_binary",
                "compiler",
                figures.micros(),
                figures.lowMicros(),
                figures.highMicros(),
                compiler.basis(),
                0,
                facts.gops(),
                facts.megabytes(),
                facts.ridgeOperationsPerByte(),
                Map.of(),
                List.of(),
                List.of(),
                List.of(),
                facts.memory(),
                findings,
                said);
    }
}
