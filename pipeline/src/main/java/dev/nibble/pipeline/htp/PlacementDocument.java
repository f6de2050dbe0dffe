package dev.nibble.pipeline.htp;

import dev.nibble.report.Finding;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `placement`. QuantizeLinear and DequantizeLinear are not counted: they belong to the operators between
/// them.
///
/// @param source `rules`, or `compiler` where Qualcomm's own was asked
public record PlacementDocument(
        int schemaVersion, String nibble, String model, String source, List<OfTarget> targets, List<Finding> findings) {
    public PlacementDocument {
        targets = List.copyOf(targets);
        findings = List.copyOf(findings);
    }

    /// One chip.
    ///
    /// @param onHtp operators that the HTP takes
    /// @param onCpu operators that are left to the CPU
    /// @param partitions parts of the graph on the HTP; null where only the rules were asked
    /// @param finalized whether the compiler finished; null where only the rules were asked
    /// @param nodes those that are not simply on the HTP
    public record OfTarget(
            String soc,
            int onHtp,
            int onCpu,
            @Nullable Integer partitions,
            @Nullable Boolean finalized,
            List<Row> nodes) {
        public OfTarget {
            nodes = List.copyOf(nodes);
        }

        /// Whether all of the model is on the HTP, in one piece and compiled to the end.
        public boolean whole() {
            return onCpu == 0 && (finalized == null || finalized);
        }
    }

    /// @param where `cpu`, `htp in float` (inside a quantized model), or `not finalizable`
    /// @param reason quoted from the compiler, or the rule
    public record Row(String name, String op, String where, String reason, String advice) {}
}
