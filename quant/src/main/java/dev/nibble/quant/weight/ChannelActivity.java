package dev.nibble.quant.weight;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;

/// What each channel (axis 1, or the last one) of a value did over samples: extremes, and how often it went beyond a cap. Add up by
/// [#add]; the order does not matter.
public final class ChannelActivity {
    private final float cap;
    private final boolean last;
    private float[] min = {};
    private float[] max = {};
    private long[] above = {};
    private long perChannel;

    /// @param cap infinite where there is none
    /// @param last whether channels lie on the last axis
    public ChannelActivity(float cap, boolean last) {
        this.cap = cap;
        this.last = last;
    }

    /// Takes in the first `samples` samples of `values`, a FLOAT tensor with samples on axis 0.
    public void add(Tensor values, int samples) {
        Shape shape = values.shape();
        if (last) {
            addRows(values, (int) (samples * shape.product(1, shape.rank() - 1)));
            return;
        }
        int channels = (int) shape.dim(1);
        int inner = (int) shape.product(2, shape.rank());
        begin(channels);
        float[] row = new float[inner];
        for (int n = 0; n < samples; n++) {
            for (int c = 0; c < channels; c++) {
                java.lang.foreign.MemorySegment.copy(
                        values.data(), Tensor.FLOAT_LE, 4L * ((long) n * channels + c) * inner, row, 0, inner);
                float low = min[c];
                float high = max[c];
                int beyond = 0;
                for (float value : row) {
                    low = Math.min(low, value);
                    high = Math.max(high, value);
                    beyond += value > cap ? 1 : 0;
                }
                min[c] = low;
                max[c] = high;
                above[c] += beyond;
            }
        }
        perChannel += (long) samples * inner;
    }

    private void begin(int channels) {
        if (min.length == 0) {
            min = new float[channels];
            max = new float[channels];
            above = new long[channels];
            Arrays.fill(min, Float.POSITIVE_INFINITY);
            Arrays.fill(max, Float.NEGATIVE_INFINITY);
        }
    }

    private void addRows(Tensor values, int rows) {
        int channels = (int) values.shape().dim(-1);
        begin(channels);
        float[] row = new float[channels];
        for (int i = 0; i < rows; i++) {
            java.lang.foreign.MemorySegment.copy(values.data(), Tensor.FLOAT_LE, 4L * i * channels, row, 0, channels);
            for (int c = 0; c < channels; c++) {
                min[c] = Math.min(min[c], row[c]);
                max[c] = Math.max(max[c], row[c]);
                above[c] += row[c] > cap ? 1 : 0;
            }
        }
        perChannel += rows;
    }

    /// The same as before anything was added.
    public ChannelActivity fresh() {
        return new ChannelActivity(cap, last);
    }

    public int channels() {
        return min.length;
    }

    public float cap() {
        return cap;
    }

    public float min(int channel) {
        return min[channel];
    }

    public float max(int channel) {
        return max[channel];
    }

    /// The share of positions at which the channel exceeds the cap.
    public double shareAbove(int channel) {
        return perChannel == 0 ? 0 : (double) above[channel] / perChannel;
    }
}
