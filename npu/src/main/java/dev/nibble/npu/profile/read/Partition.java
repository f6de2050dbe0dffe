package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Unit;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/// Sums over the executions of one partition.
final class Partition {
    /// A figure's sum, how often it stood there, and its unit.
    static final class Sum {
        final Unit unit;
        double sum;
        long count;

        Sum(Unit unit) {
            this.unit = unit;
        }

        double mean() {
            return sum / count;
        }
    }

    final int[] nodes;
    final double[] cycles;
    final double[] micros;
    final double[] waits;
    final double[] low;
    final double[] high;
    final byte[] has;
    final Map<String, Sum> figures = new LinkedHashMap<>();
    long executions;

    Partition(Execution first) {
        nodes = Arrays.copyOf(first.nodes, first.count);
        cycles = new double[nodes.length];
        micros = new double[nodes.length];
        waits = new double[nodes.length];
        Arrays.fill(waits, -1);
        low = new double[nodes.length];
        Arrays.fill(low, Double.POSITIVE_INFINITY);
        high = new double[nodes.length];
        has = new byte[nodes.length];
    }

    void add(Execution run) {
        executions++;
        for (int i = 0; i < nodes.length; i++) {
            cycles[i] += run.cycles[i];
            micros[i] += run.micros[i];
            if (run.waits[i] >= 0) {
                waits[i] = Math.max(0, waits[i]) + run.waits[i];
            }
            has[i] |= run.has[i];
            double value = (run.has[i] & Execution.MICROS) != 0 ? run.micros[i] : run.cycles[i];
            low[i] = Math.min(low[i], value);
            high[i] = Math.max(high[i], value);
        }
        int at = 0;
        for (Map.Entry<String, double[]> figure : run.figures.entrySet()) {
            Unit unit = run.units.get(at++);
            Sum sum = figures.computeIfAbsent(figure.getKey(), k -> new Sum(unit));
            sum.sum += figure.getValue()[0];
            sum.count++;
        }
    }

    /// Whether `other` begins as this one does, and stops before its end.
    boolean isCutBy(Partition other) {
        return other.nodes.length < nodes.length
                && Arrays.equals(other.nodes, 0, other.nodes.length, nodes, 0, other.nodes.length);
    }
}
