package dev.nibble.quant.range;

import static dev.nibble.graph.Tensor.FLOAT_LE;

import dev.nibble.graph.NibbleException;
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
        float[][] values = search instanceof RangeSearch.MinMax ? new float[0][] : split(floats.data(), groups);
        for (int g = 0; g < extremes.length; g++) {
            Extremes e = extremes[g];
            encodings.add(
                    switch (search) {
                        case RangeSearch.MinMax _ -> Encoding.ofRange(e.min(), e.max(), scheme.bits(), symmetry);
                        case RangeSearch.Mse _ -> leastError(values[g], e, scheme.bits(), symmetry, 1);
                        case RangeSearch.Sqnr _ ->
                            leastError(values[g], e, scheme.bits(), symmetry, RangeSearch.Sqnr.CLIPPING_WEIGHT);
                        case RangeSearch.Percentile _, RangeSearch.Entropy _ ->
                            search.choose(Histogram.of(values[g]), scheme.bits(), symmetry)
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
        Extremes[] extremes = new Extremes[groups.size()];
        Arrays.fill(extremes, Extremes.NONE);
        Kernels kernels = Kernels.best();
        groups.forEachRun(
                (group, from, to) -> extremes[group] = extremes[group].merge(kernels.extremes(floats, from, to)));
        return extremes;
    }

    private static float[][] split(MemorySegment floats, Groups groups) {
        int[] sizes = new int[groups.size()];
        groups.forEachRun((group, from, to) -> sizes[group] = Math.toIntExact(sizes[group] + to - from));
        float[][] values = new float[sizes.length][];
        for (int g = 0; g < sizes.length; g++) {
            values[g] = new float[sizes[g]];
        }
        int[] next = new int[sizes.length];
        groups.forEachRun((group, from, to) -> {
            int count = (int) (to - from);
            MemorySegment.copy(floats, FLOAT_LE, from * 4, values[group], next[group], count);
            next[group] += count;
        });
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
