package dev.nibble.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.profile.CompareProfiles;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.log.LogEvidence;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The JSON document of `profile`: one profile stands at the top, several in `profiles`.
final class ProfileDocument {
    private ProfileDocument() {}

    /// One profile.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record One(
            String file,
            String dialect,
            boolean dialectSeenFromTool,
            long runs,
            int partitions,
            @Nullable Double totalMicros,
            @Nullable String totalBasis,
            @Nullable Double totalCycles,
            Map<String, Double> phases,
            List<StepRow> steps,
            List<StepRow> compilerEstimates,
            List<NodeRow> nodes,
            List<Profile.Offloaded> onCpu,
            @Nullable Estimated estimate,
            @Nullable Comparison comparison,
            List<Profile.Skipped> skipped,
            List<String> said,
            @Nullable List<LogEvidence> logs) {}

    /// Several profiles, or none but logs.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Many(List<One> profiles, @Nullable Comparison comparison, List<LogEvidence> logs) {}

    /// A figure outside the runs.
    record StepRow(String section, String name, String unit, double value) {
        static StepRow of(Profile.Step s) {
            return new StepRow(word(s.section()), s.name(), word(s.unit()), s.value());
        }
    }

    /// A node.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record NodeRow(
            String name,
            String op,
            @Nullable Double cycles,
            @Nullable Double micros,
            double share,
            String where,
            int partition,
            long samples,
            double low,
            double high,
            List<String> onnx,
            @Nullable Double waitCycles,
            String resources,
            @Nullable Double estimatedMicros) {
        static NodeRow of(NodeTime n) {
            return new NodeRow(
                    n.name(),
                    n.op(),
                    n.cycles(),
                    n.micros(),
                    n.share(),
                    n.where().id(),
                    n.partition(),
                    n.samples(),
                    n.low(),
                    n.high(),
                    n.onnx(),
                    n.waitCycles(),
                    n.resources(),
                    n.estimatedMicros());
        }
    }

    /// Nibble's estimate of a run.
    record Estimated(String badge, String target, double totalMicros, double lowMicros, double highMicros) {}

    /// Two profiles; `unit` is what `before`, `after` and the totals count.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Comparison(
            String before,
            String after,
            String unit,
            @Nullable Double beforeTotal,
            @Nullable Double afterTotal,
            List<ChangeRow> changes,
            List<String> said) {
        static @Nullable Comparison of(@Nullable CompareProfiles c) {
            return c == null
                    ? null
                    : new Comparison(
                            c.before(),
                            c.after(),
                            c.unit(),
                            c.beforeTotal(),
                            c.afterTotal(),
                            c.changes().stream()
                                    .map(r -> new ChangeRow(
                                            r.name(), r.op(), r.before(), r.after(), r.change(), word(r.fate())))
                                    .toList(),
                            c.said());
        }
    }

    /// What became of a node: slower, faster, same, gone, new.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record ChangeRow(
            String name,
            String op,
            @Nullable Double before,
            @Nullable Double after,
            double change,
            String fate) {}

    static Object of(
            List<Profile> profiles,
            List<LogEvidence> logs,
            @Nullable CompareProfiles compared,
            @Nullable Estimate estimate) {
        if (profiles.size() == 1) {
            return one(profiles.getFirst(), estimate, compared, logs.isEmpty() ? null : logs);
        }
        return new Many(
                profiles.stream().map(p -> one(p, estimate, null, null)).toList(), Comparison.of(compared), logs);
    }

    /// A profile by itself.
    static One one(Profile profile) {
        return one(profile, null, null, null);
    }

    private static One one(
            Profile p,
            @Nullable Estimate estimate,
            @Nullable CompareProfiles compared,
            @Nullable List<LogEvidence> logs) {
        return new One(
                p.file(),
                p.dialect().id(),
                p.dialect().seen(),
                p.runs(),
                p.partitions(),
                p.totalMicros(),
                p.totalBasis(),
                p.totalCycles(),
                p.phases(),
                p.steps().stream().map(StepRow::of).toList(),
                p.estimates().stream().map(StepRow::of).toList(),
                p.nodes().stream().map(NodeRow::of).toList(),
                p.offloaded(),
                estimate == null
                        ? null
                        : new Estimated(
                                "estimated",
                                estimate.target(),
                                estimate.totalMicros(),
                                estimate.lowMicros(),
                                estimate.highMicros()),
                Comparison.of(compared),
                p.skipped(),
                p.said(),
                logs);
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
