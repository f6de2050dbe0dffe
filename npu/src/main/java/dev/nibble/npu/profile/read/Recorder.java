package dev.nibble.npu.profile.read;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Dialect;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.Offloaded;
import dev.nibble.npu.profile.Profile.Skipped;
import dev.nibble.npu.profile.Profile.Step;
import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import dev.nibble.npu.profile.Where;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Gathers what a reader finds. Memory grows with the nodes of a model, not with the runs of a file.
///
/// No dialect separates one execution from the next, so an execution ends where something that it already holds comes
/// again; readers that know better call [#endExecution]. Executions of the same nodes in the same order are of one
/// partition and are averaged; a run is one execution of each partition.
final class Recorder {
    /// Nodes beyond this are an error: no model has as many, and memory is not endless.
    static final int MOST_NODES = 4_000_000;

    final String file;
    final Dialect dialect;
    final Execution current = new Execution();
    final List<Partition> partitions = new ArrayList<>();
    final List<String> names = new ArrayList<>();
    final Map<Integer, String> operators = new HashMap<>();
    final Map<Integer, String> sources = new HashMap<>();
    final Map<Integer, String> resources = new HashMap<>();
    final Map<Integer, Where> places = new HashMap<>();
    final Map<String, Step> single = new LinkedHashMap<>();
    final List<Step> estimates = new ArrayList<>();
    final List<Offloaded> offloaded = new ArrayList<>();
    final Set<String> said = new LinkedHashSet<>();
    private final Map<String, Integer> numbers = new HashMap<>();
    private final Map<Long, Partition> bySignature = new HashMap<>();
    private final Map<String, Skipped> skipped = new LinkedHashMap<>();
    private final List<Step> finalizing = new ArrayList<>();
    private final Set<List<Step>> finalized = new HashSet<>();
    private int[] positions = new int[0];
    private long[] stamps = new long[0];
    private long stamp = 1;
    private int lastNode = -1;
    private boolean explicit;

    Recorder(String file, Dialect dialect) {
        this.file = file;
        this.dialect = dialect;
    }

    /// From now on an execution ends only where the reader says so: the same node may run twice in it.
    void endsAreTold() {
        explicit = true;
    }

    /// What was left out.
    ///
    /// @param where a line number, 0 where there are no lines
    void skip(String reason, long where) {
        skipped.merge(reason, new Skipped(reason, 1, where), (a, b) -> new Skipped(reason, a.count() + 1, a.first()));
    }

    List<Skipped> skipped() {
        return List.copyOf(skipped.values());
    }

    /// A figure outside the nodes. Figures of [Section#EXECUTE] are averaged over the runs.
    void figure(Section section, String identifier, Unit unit, double value, boolean root, long where) {
        if (refused(value, where)) {
            return;
        }
        if (section != Section.FINALIZE || root) {
            closeFinalize();
        }
        lastNode = -1;
        switch (section) {
            case EXECUTE -> {
                double[] before = current.figures.get(identifier);
                if (before != null && !explicit) {
                    endExecution();
                    before = null;
                }
                if (before == null) {
                    current.figures.put(identifier, new double[] {value});
                    current.units.add(unit);
                } else {
                    before[0] += value;
                }
            }
            case FINALIZE -> finalizing.add(new Step(section, identifier, unit, value));
            case ESTIMATES -> estimates.add(new Step(section, identifier, unit, value));
            case INIT, COMPOSE, DEINIT -> sum(new Step(section, identifier, unit, value));
        }
        if (single.size() + estimates.size() + current.figures.size() + finalizing.size() > MOST_NODES / 10) {
            throw tooMany();
        }
    }

    /// Names the partition whose execution begins.
    void graph(String name) {
        if (!explicit && !current.graph.isEmpty()) {
            endExecution();
        }
        current.graph = name;
    }

    /// A node's time or cycles in the current execution.
    ///
    /// @param unit micros or cycles
    void node(String name, Unit unit, double value, long where) {
        if (refused(value, where)) {
            return;
        }
        closeFinalize();
        int number = numberOf(name);
        boolean seen = stamps[number] == stamp;
        if (seen && !explicit && (current.has[positions[number]] & bit(unit)) != 0) {
            endExecution();
            seen = false;
        }
        if (!seen) {
            stamps[number] = stamp;
            positions[number] = current.add(number);
        }
        current.set(positions[number], unit, value);
        lastNode = number;
    }

    /// A node of the current execution of which the file gives no time.
    void listed(String name) {
        int number = numberOf(name);
        if (stamps[number] != stamp) {
            stamps[number] = stamp;
            positions[number] = current.add(number);
        }
    }

    private static byte bit(Unit unit) {
        return unit == Unit.CYCLES ? Execution.CYCLES : Execution.MICROS;
    }

    /// The number of the node that was recorded last, or of `name` when it comes.
    int numberOf(String name) {
        Integer known = numbers.get(name);
        if (known != null) {
            return known;
        }
        int number = names.size();
        if (number >= MOST_NODES) {
            throw tooMany();
        }
        numbers.put(name, number);
        names.add(name);
        if (number >= stamps.length) {
            stamps = Arrays.copyOf(stamps, Math.max(256, 2 * number));
            positions = Arrays.copyOf(positions, stamps.length);
        }
        return number;
    }

    /// Cycles for which the last node waited.
    void waited(double value) {
        if (lastNode >= 0 && value >= 0 && value < 0x1p63) {
            current.waits[positions[lastNode]] = value;
        }
    }

    /// What the last node ran on, such as `HVX, HMX`.
    void resources(String text) {
        if (lastNode >= 0) {
            resources.putIfAbsent(lastNode, text);
        }
    }

    /// Ends the current execution; one without anything does not count.
    void endExecution() {
        closeFinalize();
        if (current.isEmpty()) {
            return;
        }
        Partition partition = bySignature.computeIfAbsent(current.signature(), s -> {
            Partition made = new Partition(current);
            partitions.add(made);
            if (partitions.size() > 10_000) {
                throw new NibbleException(
                        "'" + file + "' holds more than 10,000 executions that are all of other nodes",
                        "give one profile of one model");
            }
            return made;
        });
        partition.add(current);
        current.clear();
        stamp++;
        lastNode = -1;
    }

    private boolean refused(double value, long where) {
        if (Double.isNaN(value) || Double.isInfinite(value) || value >= 0x1p63) {
            skip("a figure that is no number, or beyond 2⁶³", where);
            return true;
        }
        if (value < 0) {
            skip("a negative figure", where);
            return true;
        }
        return false;
    }

    /// With several partitions, ORT writes earlier events again: a block that was there before, to the digit, is not
    /// counted twice.
    private void closeFinalize() {
        if (finalizing.isEmpty()) {
            return;
        }
        List<Step> block = List.copyOf(finalizing);
        finalizing.clear();
        if (finalized.add(block)) {
            block.forEach(this::sum);
        } else {
            skip("events of FINALIZE that were written again", 0);
        }
    }

    private void sum(Step step) {
        single.merge(
                step.section() + "|" + step.name() + "|" + step.unit(),
                step,
                (a, b) -> new Step(a.section(), a.name(), a.unit(), a.value() + b.value()));
    }

    private NibbleException tooMany() {
        return new NibbleException(
                "'" + file + "' names more than " + MOST_NODES / 10 + " different things",
                "is it a profile of one model? Cut it, or profile at level basic");
    }

    /// @throws NibbleException where the file held nothing that a profile is made of
    Profile finish() {
        endExecution();
        return new Summary(this).profile();
    }
}
