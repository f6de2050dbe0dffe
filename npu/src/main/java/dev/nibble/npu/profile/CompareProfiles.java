package dev.nibble.npu.profile;

import dev.nibble.npu.profile.Profile.NodeTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Two profiles of one model: what got slower, what disappeared.
///
/// @param unit what `before` and `after` count: `micros`, `cycles`, or `share` where the two have no unit in common
/// @param beforeTotal of a run, in `unit`; null where there is none
/// @param afterTotal of a run, in `unit`; null where there is none
/// @param changes by how much they changed, most first
/// @param said what the reader must know
public record CompareProfiles(
        String before,
        String after,
        String unit,
        @Nullable Double beforeTotal,
        @Nullable Double afterTotal,
        List<Change> changes,
        List<String> said) {
    public CompareProfiles {
        changes = List.copyOf(changes);
        said = List.copyOf(said);
    }

    /// What became of a node.
    public enum Fate {
        SLOWER,
        FASTER,
        SAME,
        GONE,
        NEW
    }

    /// One node, found by its name.
    ///
    /// @param before null where it is new
    /// @param after null where it is gone
    /// @param change `after − before`, nothing counting 0
    public record Change(
            String name,
            String op,
            @Nullable Double before,
            @Nullable Double after,
            double change,
            Fate fate) {}

    /// Within this share of the larger figure, or of a thousandth of the run, two figures are the same.
    private static final double NOISE = 0.02;

    /// @param before the older profile
    /// @param after the newer one
    public static CompareProfiles of(Profile before, Profile after) {
        boolean micros = before.timed() && after.timed();
        boolean cycles = before.totalCycles() != null && after.totalCycles() != null;
        String unit = micros ? "micros" : cycles ? "cycles" : "share";
        Map<String, NodeTime> old = byName(before);
        Map<String, NodeTime> fresh = byName(after);
        double scale = fresh.values().stream().mapToDouble(n -> value(n, unit)).sum();
        List<Change> changes = new ArrayList<>();
        old.forEach((name, node) -> {
            NodeTime now = fresh.get(name);
            double was = value(node, unit);
            if (now == null) {
                changes.add(new Change(name, node.op(), was, null, -was, Fate.GONE));
            } else {
                double is = value(now, unit);
                double change = is - was;
                boolean same = Math.abs(change) <= Math.max(NOISE * Math.max(is, was), scale / 1000);
                changes.add(new Change(
                        name, now.op(), was, is, change, same ? Fate.SAME : change > 0 ? Fate.SLOWER : Fate.FASTER));
            }
        });
        fresh.forEach((name, node) -> {
            if (!old.containsKey(name)) {
                changes.add(new Change(name, node.op(), null, value(node, unit), value(node, unit), Fate.NEW));
            }
        });
        changes.sort(
                Comparator.comparingDouble((Change c) -> Math.abs(c.change())).reversed());
        List<String> said = new ArrayList<>();
        long shared = changes.stream()
                .filter(c -> c.before() != null && c.after() != null)
                .count();
        if (shared == 0 && !changes.isEmpty()) {
            said.add("no node stands in both: are they of the same model?");
        }
        if (unit.equals("share")) {
            said.add("one has times and the other cycles: only shares can be compared");
        }
        if (before.runs() < 3 || after.runs() < 3) {
            said.add("%d and %d runs: small changes are noise".formatted(before.runs(), after.runs()));
        }
        Double was = unit.equals("cycles") ? before.totalCycles() : before.totalMicros();
        Double is = unit.equals("cycles") ? after.totalCycles() : after.totalMicros();
        return new CompareProfiles(before.file(), after.file(), unit, was, is, changes, said);
    }

    /// Those that got slower, vanished or are new, however little.
    public List<Change> notable() {
        return changes.stream().filter(c -> c.fate() != Fate.SAME).toList();
    }

    private static double value(NodeTime node, String unit) {
        return switch (unit) {
            case "micros" -> node.micros() == null ? 0 : node.micros();
            case "cycles" -> node.cycles() == null ? 0 : node.cycles();
            default -> node.share();
        };
    }

    /// A name in two partitions gets the partition's number.
    private static Map<String, NodeTime> byName(Profile profile) {
        Map<String, NodeTime> nodes = new LinkedHashMap<>();
        for (NodeTime node : profile.nodes()) {
            String name = MapNames.stripped(node.name());
            String key = nodes.containsKey(name) ? name + " (partition " + node.partition() + ")" : name;
            nodes.putIfAbsent(key, node);
        }
        return nodes;
    }
}
