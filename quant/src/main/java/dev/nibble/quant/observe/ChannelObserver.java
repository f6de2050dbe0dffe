package dev.nibble.quant.observe;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Groups;
import dev.nibble.quant.Kernels;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Gathers the extremes of each channel of a tensor while samples stream by. Not for two threads at once: their
/// [ChannelExtremes] merge.
public final class ChannelObserver {
    private final Granularity.PerChannel granularity;
    private final Kernels kernels = Kernels.best();
    private int[] min = {};
    private int[] max = {};

    /// @param axis the channels' axis; may count from the end
    public ChannelObserver(int axis) {
        granularity = new Granularity.PerChannel(axis);
    }

    /// Takes in a tensor.
    ///
    /// @throws IllegalArgumentException where it has no such axis, or another number of channels than before
    public void observe(Tensor values) {
        Tensor floats = values.type() == DataType.FLOAT ? values : Tensor.of(values.shape(), values.toFloats());
        Groups groups = granularity.over(values.shape());
        if (min.length == 0) {
            min = filled(groups.size(), Extremes.NONE.minKey());
            max = filled(groups.size(), Extremes.NONE.maxKey());
        } else if (min.length != groups.size()) {
            throw new IllegalArgumentException(
                    "%d channels were seen before, now %d".formatted(min.length, groups.size()));
        }
        if (groups.inner() == 1) {
            observeRows(floats.data(), groups.elements(), groups.size());
        } else {
            groups.forEachRun((channel, from, to) -> {
                Extremes here = kernels.extremes(floats.data(), from, to);
                min[channel] = Math.min(min[channel], here.minKey());
                max[channel] = Math.max(max[channel], here.maxKey());
            });
        }
    }

    /// Channels last: rows are copied to an array, over which the JIT vectorizes these loops.
    private void observeRows(MemorySegment floats, long elements, int channels) {
        int[] row = new int[channels];
        for (long at = 0; at < elements; at += channels) {
            MemorySegment.copy(floats, Tensor.INT_LE, at * 4, row, 0, channels);
            for (int c = 0; c < channels; c++) {
                row[c] ^= row[c] >> 31 & Integer.MAX_VALUE;
            }
            for (int c = 0; c < channels; c++) {
                min[c] = Math.min(min[c], row[c]);
            }
            for (int c = 0; c < channels; c++) {
                max[c] = Math.max(max[c], row[c]);
            }
        }
    }

    private static int[] filled(int size, int value) {
        int[] filled = new int[size];
        Arrays.fill(filled, value);
        return filled;
    }

    /// What was seen so far.
    public ChannelExtremes extremes() {
        List<Extremes> channels = new ArrayList<>(min.length);
        for (int i = 0; i < min.length; i++) {
            channels.add(new Extremes(min[i], max[i]));
        }
        return new ChannelExtremes(channels);
    }
}
