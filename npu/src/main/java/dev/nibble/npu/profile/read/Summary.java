package dev.nibble.npu.profile.read;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Advice;
import dev.nibble.npu.profile.Dialect;
import dev.nibble.npu.profile.Phase;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.Profile.Offloaded;
import dev.nibble.npu.profile.Profile.Step;
import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import dev.nibble.npu.profile.Where;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Makes a [Profile] of what a [Recorder] holds.
final class Summary {
    /// What the total of a run is taken from, in this order.
    private static final List<Phase> TOTALS =
            List.of(Phase.NET_RUN, Phase.EXECUTE, Phase.RPC, Phase.QNN_ACCELERATOR, Phase.ACCELERATOR);

    private final Recorder from;
    private final List<Partition> partitions;
    private final List<String> said;
    private @Nullable String basis;

    Summary(Recorder from) {
        this.from = from;
        this.said = new ArrayList<>(from.said);
        this.partitions = whole();
    }

    Profile profile() {
        if (partitions.isEmpty() && from.single.isEmpty() && from.offloaded.isEmpty() && from.estimates.isEmpty()) {
            throw new NibbleException(
                    "'%s' looks like %s, but holds no figure%s"
                            .formatted(
                                    from.file,
                                    from.dialect.title(),
                                    from.skipped().isEmpty()
                                            ? ""
                                            : "; left out: "
                                                    + from.skipped().getFirst().reason()),
                    "was it cut, or profiling off? qnn-net-run --profiling_level detailed writes one");
        }
        long runs = from.dialect == Dialect.QNN_OP_TRACE
                ? 0
                : partitions.stream().mapToLong(p -> p.executions).max().orElse(0);
        if (runs > 0 && partitions.stream().anyMatch(p -> p.executions != runs)) {
            said.add("not every partition ran equally often: totals are sums of each partition's mean");
        }
        Map<String, Double> phases = phases();
        Double total = total();
        Double cycles = cycles();
        List<NodeTime> nodes = nodes();
        List<Offloaded> offloaded = offloaded(nodes);
        facts(nodes, phases);
        return new Profile(
                from.file,
                from.dialect,
                runs,
                Math.max(1, partitions.size()),
                total,
                basis,
                cycles,
                phases,
                List.copyOf(from.single.values()),
                from.estimates,
                nodes,
                offloaded,
                from.skipped(),
                said);
    }

    /// Without the execution that the end of the file cut.
    private List<Partition> whole() {
        List<Partition> all = new ArrayList<>(from.partitions);
        if (all.size() > 1) {
            Partition last = all.getLast();
            boolean cut = last.executions == 1
                    && all.stream().anyMatch(p -> p != last && (p.isCutBy(last) || last.nodes.length == 0));
            if (cut && from.dialect != Dialect.ORT_CHROME_TRACE) {
                all.removeLast();
                said.add("the last execution is not whole and was left out: the file was cut");
            }
        }
        return all;
    }

    private void facts(List<NodeTime> nodes, Map<String, Double> phases) {
        if (!from.dialect.seen()) {
            said.add("this reader was made from documentation, not from a device's file");
        }
        if (nodes.isEmpty() && from.offloaded.isEmpty()) {
            said.add("no nodes: profiling level detailed writes them");
        }
        boolean device = from.dialect == Dialect.ORT_QNN_CSV
                || from.dialect == Dialect.QNN_CSV
                || from.dialect == Dialect.QNN_TEXT
                || from.dialect == Dialect.QNN_JSON;
        if (device
                && !nodes.isEmpty()
                && phases.keySet().stream().noneMatch(k -> k.startsWith("accel") || k.startsWith("hvx"))) {
            said.add("no accelerator and no HVX line beside the nodes: this was not the HTP");
        }
        if (from.dialect == Dialect.ORT_QNN_CSV && Objects.equals(phases.get(Phase.HVX_THREADS.key()), 0.0)) {
            said.add("0 HVX threads: HTP emulator on a host, not a device; its times are the host's");
        }
        if (nodes.stream().anyMatch(n -> n.cycles() != null)) {
            said.add("cycles are shares of a run: without the clock, which is not in the file, they are no time");
        }
        long zero = nodes.stream()
                .filter(n -> n.value() == 0 && (n.cycles() != null || n.micros() != null))
                .count();
        if (zero > 0) {
            said.add(zero + (zero == 1 ? " node shows" : " nodes show") + " 0: fused into a neighbour");
        }
    }

    private Map<String, Double> phases() {
        Map<String, Double> phases = new LinkedHashMap<>();
        for (Section section : List.of(Section.INIT, Section.COMPOSE, Section.FINALIZE, Section.DEINIT)) {
            Double micros = section(section);
            if (micros != null) {
                phases.put(section.name().toLowerCase(Locale.ROOT) + "Micros", micros);
            }
        }
        Map<Phase, Double> sums = new EnumMap<>(Phase.class);
        for (Partition partition : partitions) {
            byPhase(partition)
                    .forEach((phase, mean) -> sums.merge(
                            phase,
                            mean,
                            switch (phase) {
                                case HVX_THREADS -> Math::max;
                                case PER_SECOND -> Math::min;
                                default -> Double::sum;
                            }));
        }
        sums.forEach((phase, mean) -> phases.put(phase.key(), mean));
        return phases;
    }

    private static Map<Phase, Double> byPhase(Partition partition) {
        Map<Phase, Double> found = new EnumMap<>(Phase.class);
        partition.figures.forEach((name, sum) -> {
            Phase phase = Phase.of(name, sum.unit);
            if (phase != null) {
                found.putIfAbsent(phase, sum.mean());
            }
        });
        return found;
    }

    /// The widest clock of a section: the application's, else QNN's, else the accelerator's.
    private @Nullable Double section(Section section) {
        Double best = null;
        int rank = 0;
        for (Step step : from.single.values()) {
            if (step.section() != section || step.unit() != Unit.MICROS) {
                continue;
            }
            String name = step.name().toLowerCase(Locale.ROOT);
            int its = name.startsWith("netrun") || name.startsWith("session")
                    ? 5
                    : name.startsWith("qnn (")
                            ? 4
                            : name.startsWith("rpc") ? 3 : name.startsWith("qnn accelerator") ? 2 : 1;
            if (its > rank) {
                rank = its;
                best = step.value();
            }
        }
        return best;
    }

    private @Nullable Double total() {
        for (Phase phase : TOTALS) {
            double sum = 0;
            boolean all = !partitions.isEmpty();
            for (Partition partition : partitions) {
                Double mean = byPhase(partition).get(phase);
                all &= mean != null;
                sum += mean == null ? 0 : mean;
            }
            if (all) {
                basis = phase.title();
                return sum;
            }
        }
        double sum = 0;
        boolean any = false;
        for (Partition partition : partitions) {
            for (int i = 0; i < partition.nodes.length; i++) {
                any |= (partition.has[i] & Execution.MICROS) != 0;
                sum += partition.micros[i] / partition.executions;
            }
        }
        basis = any ? "sum of the nodes" : null;
        return any ? sum : null;
    }

    private @Nullable Double cycles() {
        double sum = 0;
        boolean any = false;
        for (Partition partition : partitions) {
            Double whole = byPhase(partition).get(Phase.CYCLES);
            if (whole != null) {
                any = true;
                sum += whole;
                continue;
            }
            for (int i = 0; i < partition.nodes.length; i++) {
                any |= (partition.has[i] & Execution.CYCLES) != 0;
                sum += partition.cycles[i] / partition.executions;
            }
        }
        return any ? sum : null;
    }

    private List<NodeTime> nodes() {
        boolean timed = partitions.stream().anyMatch(p -> {
            for (byte has : p.has) {
                if ((has & Execution.MICROS) != 0) {
                    return true;
                }
            }
            return false;
        });
        double all = 0;
        for (Partition p : partitions) {
            for (int i = 0; i < p.nodes.length; i++) {
                all += (timed ? p.micros[i] : p.cycles[i]) / p.executions;
            }
        }
        List<NodeTime> nodes = new ArrayList<>();
        for (int p = 0; p < partitions.size(); p++) {
            Partition partition = partitions.get(p);
            for (int i = 0; i < partition.nodes.length; i++) {
                double value = (timed ? partition.micros[i] : partition.cycles[i]) / partition.executions;
                nodes.add(node(partition, i, p, all > 0 ? value / all : 0));
            }
        }
        return nodes;
    }

    private NodeTime node(Partition p, int i, int number, double share) {
        int id = p.nodes[i];
        String name = from.names.get(id);
        String stripped = NodeName.of(name);
        String known = from.operators.get(id);
        boolean edge = NodeName.isEdge(stripped);
        String text = from.sources.getOrDefault(id, "");
        return new NodeTime(
                stripped,
                known != null ? known : edge ? stripped.substring(0, stripped.indexOf(' ')) : "",
                number,
                from.places.getOrDefault(id, from.dialect == Dialect.LOOSE_TEXT ? Where.UNKNOWN : Where.HTP),
                (p.has[i] & Execution.CYCLES) != 0 ? p.cycles[i] / p.executions : null,
                (p.has[i] & Execution.MICROS) != 0 ? p.micros[i] / p.executions : null,
                p.executions == 0 ? 0 : p.low[i],
                p.high[i],
                share,
                p.has[i] == 0 ? 0 : p.executions,
                text.isEmpty() ? List.of() : List.of(text.split(";")),
                p.waits[i] < 0 ? null : p.waits[i] / p.executions,
                from.resources.getOrDefault(id, ""),
                null);
    }

    private List<Offloaded> offloaded(List<NodeTime> nodes) {
        List<Offloaded> all = new ArrayList<>(from.offloaded);
        if (!nodes.isEmpty() && nodes.stream().allMatch(n -> n.where() == Where.CPU)) {
            said.add("all nodes ran on the CPU: right for a run on the CPU; else nibble profile --log says why");
            return all;
        }
        nodes.stream()
                .filter(n -> n.where() == Where.CPU)
                .forEach(n -> all.add(new Offloaded(n.name(), n.op(), n.micros(), "", Advice.of(n.op(), ""))));
        return all;
    }
}
