package dev.nibble.quant.weight;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;

/// What each channel (axis 1) of a value did over samples: extremes, and how often it went beyond a cap. Add up by
/// [#add]; the order does not matter.
public final class ChannelActivity {
    private final float cap;
    private float[] min = {};
    private float[] max = {};
    private long[] above = {};
    private long perChannel;

    /// @param cap infinite where there is none
    public ChannelActivity(float cap) {
        this.cap = cap;
    }

    /// Takes in the first `samples` samples of `values`, a FLOAT tensor with samples on axis 0.
    public void add(Tensor values, int samples) {
        Shape shape = values.shape();
        int channels = (int) shape.dim(1);
        int inner = (int) shape.product(2, shape.rank());
        if (min.length == 0) {
            min = new float[channels];
            max = new float[channels];
            above = new long[channels];
            Arrays.fill(min, Float.POSITIVE_INFINITY);
            Arrays.fill(max, Float.NEGATIVE_INFINITY);
        }
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
