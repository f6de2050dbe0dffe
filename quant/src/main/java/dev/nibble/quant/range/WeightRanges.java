package dev.nibble.quant.range;

import static dev.nibble.graph.Tensor.FLOAT_LE;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Sweep;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Groups;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.observe.Histogram;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Chooses the encoding of a weight, whose values are all known: for each tensor, channel or block by itself.
///
/// Min-max looks at the weight in place. Squared-error searches measure candidates on the values themselves;
/// percentile and entropy go by a histogram of each group.
public final class WeightRanges {
    /// Candidate scales are a sixteenth of an octave apart, from the one that covers all down to a sixteenth of it:
    /// at 2 bits the best range of a Gaussian is about a third of its largest value, at more bits wider.
    private static final int CANDIDATES = 64;

    private static final double STEP = Math.pow(2, -1 / 16.0);

    /// Values that are copied at a time.
    private static final long HELD = 16L << 20;

    private static final long PIECE = Sweep.PIECE / 4;
    private static final int CHUNK = 4096;
    private static final float[] NONE = {};

    private WeightRanges() {}

    /// The encoding of `weight` under `scheme`.
    ///
    /// With unsigned symmetry all groups are unsigned if no value of the whole weight is negative, otherwise all
    /// are signed, since codes of one tensor share a type.
    ///
    /// @param name the weight's name, for the error
    /// @throws NibbleException where a value is NaN or infinite
    public static TensorEncoding.Affine choose(String name, Tensor weight, Scheme.Integer scheme, RangeSearch search) {
        Tensor floats = new LinearQuantization().finite(name, weight);
        Groups groups = scheme.granularity().over(weight.shape());
        Extremes[] extremes = extremes(floats.data(), groups);
        Symmetry symmetry = scheme.symmetry();
        if (symmetry == Symmetry.UNSIGNED_SYMMETRIC && Arrays.stream(extremes).anyMatch(e -> e.min() < 0)) {
            symmetry = Symmetry.SYMMETRIC;
        }
        List<Encoding> encodings = new ArrayList<>(extremes.length);
        boolean copies = !(search instanceof RangeSearch.MinMax);
        int together =
                (int) Math.clamp(HELD * groups.size() / Math.max(1, groups.elements()), 1, Math.max(1, groups.size()));
        float[][] values = new float[0][];
        for (int g = 0; g < extremes.length; g++) {
            Extremes e = extremes[g];
            if (copies && g % together == 0) {
                values = split(floats.data(), groups, g, Math.min(extremes.length, g + together));
            }
            float[] own = copies ? values[g % together] : NONE;
            encodings.add(
                    switch (search) {
                        case RangeSearch.MinMax _ -> Encoding.ofRange(e.min(), e.max(), scheme.bits(), symmetry);
                        case RangeSearch.Mse _ -> leastError(own, e, scheme.bits(), symmetry, 1);
                        case RangeSearch.Sqnr _ ->
                            leastError(own, e, scheme.bits(), symmetry, RangeSearch.Sqnr.CLIPPING_WEIGHT);
                        case RangeSearch.Percentile _, RangeSearch.Entropy _, RangeSearch.Limit _ ->
                            search.choose(Histogram.of(own), scheme.bits(), symmetry)
                                    .encoding();
                    });
        }
        if (encodings.isEmpty()) {
            throw new NibbleException(
                    "weight '%s' (%s) has no elements along the axis of its scales".formatted(name, weight.shape()),
                    "remove the node that uses it, or leave it unquantized");
        }
        return TensorEncoding.Affine.of(scheme.granularity(), encodings);
    }

    private static Extremes[] extremes(MemorySegment floats, Groups groups) {
        int[] least = new int[groups.size()];
        int[] most = new int[groups.size()];
        Arrays.fill(least, Extremes.NONE.minKey());
        Arrays.fill(most, Extremes.NONE.maxKey());
        Kernels kernels = Kernels.best();
        int[] bits = new int[CHUNK];
        try (Sweep sweep = new Sweep(floats)) {
            groups.forEachSpan(0, groups.elements(), (group, step, from, to) -> {
                for (long at = from; at < to; at += PIECE) {
                    long end = Math.min(to, at + PIECE);
                    if (step == 0) {
                        Extremes seen = kernels.extremes(floats, at, end);
                        least[group] = Math.min(least[group], seen.minKey());
                        most[group] = Math.max(most[group], seen.maxKey());
                    } else {
                        rising(floats, at, end, group + (int) (at - from), bits, least, most);
                    }
                    sweep.passed(end * 4);
                }
            });
        }
        Extremes[] extremes = new Extremes[least.length];
        for (int i = 0; i < least.length; i++) {
            extremes[i] = new Extremes(least[i], most[i]);
        }
        return extremes;
    }

    /// Elements of groups of their own, one after the other.
    private static void rising(
            MemorySegment floats, long from, long to, int group, int[] bits, int[] least, int[] most) {
        for (long at = from; at < to; at += CHUNK) {
            int count = (int) Math.min(CHUNK, to - at);
            int first = group + (int) (at - from);
            MemorySegment.copy(floats, Tensor.INT_LE, at * 4, bits, 0, count);
            for (int i = 0; i < count; i++) {
                int key = Extremes.key(bits[i]);
                least[first + i] = Math.min(least[first + i], key);
                most[first + i] = Math.max(most[first + i], key);
            }
        }
    }

    /// The values of the groups `[first, last)`, each group's side by side.
    private static float[][] split(MemorySegment floats, Groups groups, int first, int last) {
        float[][] values = new float[last - first][];
        // Groups are equally large, but for the last blocks of an axis that the block's size does not divide.
        int size = Math.toIntExact(Math.ceilDiv(groups.elements(), groups.size()));
        int[] next = new int[values.length];
        try (Sweep sweep = new Sweep(floats)) {
            groups.forEachSpan(0, groups.elements(), (group, step, from, to) -> {
                int end = step == 0 ? group + 1 : group + (int) (to - from);
                for (int g = Math.max(first, group); g < Math.min(last, end); g++) {
                    long at = step == 0 ? from : from + g - group;
                    int count = step == 0 ? Math.toIntExact(to - from) : 1;
                    float[] into = values[g - first];
                    int used = next[g - first];
                    if (into == null || used + count > into.length) {
                        int wanted = Math.max(used + count, into == null ? size : into.length * 2);
                        into = into == null ? new float[wanted] : Arrays.copyOf(into, wanted);
                        values[g - first] = into;
                    }
                    MemorySegment.copy(floats, FLOAT_LE, at * 4, into, used, count);
                    next[g - first] += count;
                }
                sweep.passed(to * 4);
            });
        }
        for (int g = 0; g < values.length; g++) {
            if (values[g] == null || values[g].length != next[g]) {
                values[g] = values[g] == null ? new float[0] : Arrays.copyOf(values[g], next[g]);
            }
        }
        return values;
    }

    private static Encoding leastError(float[] values, Extremes extremes, int bits, Symmetry symmetry, double weight) {
        Encoding best = Encoding.ofRange(extremes.min(), extremes.max(), bits, symmetry);
        if (extremes.min() == extremes.max() || best.scale() <= Encoding.MINIMUM_SCALE) {
            return best;
        }
        double least = squaredError(values, best, weight);
        double lo = 1;
        double hi = 1;
        // Both bounds together, then each by itself, then in quarter steps.
        for (int pass = 0; pass < 4; pass++) {
            double fromLo = lo;
            double fromHi = hi;
            boolean low = pass != 2;
            boolean high = pass != 1;
            if (symmetry != Symmetry.ASYMMETRIC && !(low && high)) {
                continue;
            }
            int first = pass == 0 ? 0 : -6;
            int last = pass == 0 ? CANDIDATES : 6;
            double step = pass == 3 ? Math.sqrt(Math.sqrt(STEP)) : STEP;
            for (int i = first; i <= last; i++) {
                double factor = Math.pow(step, i);
                double newLo = low ? Math.min(1, fromLo * factor) : fromLo;
                double newHi = high ? Math.min(1, fromHi * factor) : fromHi;
                Encoding candidate = Encoding.ofRange(
                        Math.min(0, extremes.min()) * newLo, Math.max(0, extremes.max()) * newHi, bits, symmetry);
                double error = squaredError(values, candidate, weight);
                if (error < least) {
                    least = error;
                    best = candidate;
                    lo = newLo;
                    hi = newHi;
                }
            }
        }
        return best;
    }

    private static double squaredError(float[] values, Encoding encoding, double weight) {
        float scale = encoding.scale();
        float lo = encoding.grid().qMin() - encoding.zeroPoint();
        float hi = encoding.grid().qMax() - encoding.zeroPoint();
        double sum = 0;
        double clipped = 0;
        for (float x : values) {
            float steps = x / scale;
            float inside = Math.min(Math.max(steps, lo), hi);
            double error = x - Math.rint(inside) * scale;
            sum += error * error;
            if (inside != steps) {
                clipped += error * error;
            }
        }
        return sum + (weight - 1) * clipped;
    }
}
