package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Unit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One execution while it is being read: nodes by number, in order, and the figures beside them.
final class Execution {
    static final byte CYCLES = 1;
    static final byte MICROS = 2;

    int[] nodes = new int[64];
    double[] cycles = new double[64];
    double[] micros = new double[64];
    double[] waits = new double[64];
    byte[] has = new byte[64];
    int count;
    final Map<String, double[]> figures = new LinkedHashMap<>();
    final List<Unit> units = new ArrayList<>();
    String graph = "";

    boolean isEmpty() {
        return count == 0 && figures.isEmpty();
    }

    void clear() {
        count = 0;
        figures.clear();
        units.clear();
        graph = "";
    }

    int add(int node) {
        if (count == nodes.length) {
            int larger = 2 * count;
            nodes = Arrays.copyOf(nodes, larger);
            cycles = Arrays.copyOf(cycles, larger);
            micros = Arrays.copyOf(micros, larger);
            waits = Arrays.copyOf(waits, larger);
            has = Arrays.copyOf(has, larger);
        }
        nodes[count] = node;
        cycles[count] = 0;
        micros[count] = 0;
        waits[count] = -1;
        has[count] = 0;
        return count++;
    }

    void set(int at, Unit unit, double value) {
        if (unit == Unit.CYCLES) {
            cycles[at] += value;
            has[at] |= CYCLES;
        } else {
            micros[at] += value;
            has[at] |= MICROS;
        }
    }

    /// Tells partitions apart: their nodes in order, or where there are none, their name.
    long signature() {
        long hash = 1125899906842597L * (graph.hashCode() + 31L);
        for (int i = 0; i < count; i++) {
            hash = hash * 6364136223846793005L + nodes[i] + 1442695040888963407L;
        }
        return hash;
    }
}
