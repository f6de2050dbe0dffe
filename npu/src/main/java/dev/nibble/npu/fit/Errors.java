package dev.nibble.npu.fit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/// How wrong predictions are: |predicted − measured| ÷ measured, in per cent.
///
/// @param spearman of predicted and measured latencies, mean rank for equals; within one device where there are several,
///     averaged
/// @param worst the ten largest errors, the largest first
public record Errors(
        String label,
        int rows,
        double meanPercent,
        double medianPercent,
        double spearman,
        SortedMap<String, Group> byPrecision,
        SortedMap<String, Group> byFamily,
        SortedMap<String, Group> byDevice,
        List<One> worst) {

    /// @param percent the mean of its errors
    public record Group(int rows, double percent) {}

    /// A single prediction.
    public record One(String topology, String precision, String device, double predictedMicros, double measuredMicros) {
        public double percent() {
            return 100 * Math.abs(predictedMicros - measuredMicros) / measuredMicros;
        }
    }

    /// @param device the name of the device at each index of [FitParameters.Row#device]
    public static Errors of(
            String label, List<FitParameters.Row> rows, double[] predicted, Function<Integer, String> device) {
        List<One> all = new ArrayList<>();
        List<String> families = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            Measurement m = rows.get(i).measurement();
            all.add(new One(
                    m.topology(), m.precisionName(), device.apply(rows.get(i).device()), predicted[i], m.micros()));
            families.add(m.family());
        }
        List<One> worst = all.stream()
                .sorted(Comparator.comparingDouble(One::percent).reversed())
                .limit(10)
                .toList();
        SortedMap<String, Group> byFamily = new TreeMap<>();
        for (int i = 0; i < all.size(); i++) {
            add(byFamily, families.get(i), all.get(i));
        }
        double[] sorted = all.stream().mapToDouble(One::percent).sorted().toArray();
        return new Errors(
                label,
                rows.size(),
                Arrays.stream(sorted).average().orElse(0),
                median(sorted),
                spearman(all),
                group(all, One::precision),
                byFamily,
                group(all, One::device),
                worst);
    }

    private static SortedMap<String, Group> group(List<One> all, Function<One, String> key) {
        SortedMap<String, Group> groups = new TreeMap<>();
        all.forEach(one -> add(groups, key.apply(one), one));
        return groups;
    }

    private static void add(SortedMap<String, Group> groups, String key, One one) {
        Group old = groups.getOrDefault(key, new Group(0, 0));
        int rows = old.rows() + 1;
        groups.put(key, new Group(rows, old.percent() + (one.percent() - old.percent()) / rows));
    }

    static double median(double[] sorted) {
        int n = sorted.length;
        return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    }

    private static double spearman(List<One> all) {
        SortedMap<String, List<One>> devices = new TreeMap<>();
        all.forEach(
                o -> devices.computeIfAbsent(o.device(), k -> new ArrayList<>()).add(o));
        return devices.values().stream()
                .filter(d -> d.size() > 2)
                .mapToDouble(d -> correlation(
                        ranks(d.stream().mapToDouble(One::predictedMicros).toArray()),
                        ranks(d.stream().mapToDouble(One::measuredMicros).toArray())))
                .average()
                .orElse(Double.NaN);
    }

    static double[] ranks(double[] values) {
        Integer[] order = new Integer[values.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingDouble(i -> values[i]));
        double[] ranks = new double[values.length];
        for (int i = 0; i < order.length; ) {
            int end = i;
            while (end + 1 < order.length && values[order[end + 1]] == values[order[i]]) {
                end++;
            }
            for (int k = i; k <= end; k++) {
                ranks[order[k]] = (i + end) / 2.0;
            }
            i = end + 1;
        }
        return ranks;
    }

    private static double correlation(double[] a, double[] b) {
        double ma = Arrays.stream(a).average().orElse(0);
        double mb = Arrays.stream(b).average().orElse(0);
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (a[i] - ma) * (b[i] - mb);
            aa += (a[i] - ma) * (a[i] - ma);
            bb += (b[i] - mb) * (b[i] - mb);
        }
        return aa == 0 || bb == 0 ? Double.NaN : ab / Math.sqrt(aa * bb);
    }
}
