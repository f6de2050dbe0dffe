package dev.nibble.data.metric;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// The samples of a batched output.
final class Rows {
    private Rows() {}

    /// Values a sample.
    ///
    /// @throws NibbleException where the first axis is shorter than `size`
    static int perSample(Tensor output, int size) {
        if (output.shape().rank() == 0 || output.shape().dim(0) < size) {
            throw new NibbleException(
                    "an output of shape %s does not hold %d samples".formatted(output.shape(), size),
                    "choose an output whose first axis is the batch");
        }
        return output.shape().dim(0) == 0
                ? 0
                : Math.toIntExact(output.elements() / output.shape().dim(0));
    }

    /// Copies sample `row` into `into`.
    static void read(Tensor output, int row, float[] into) {
        long start = (long) row * into.length;
        if (output.type() == DataType.FLOAT) {
            MemorySegment.copy(output.data(), Tensor.FLOAT_LE, start * 4, into, 0, into.length);
            return;
        }
        for (int i = 0; i < into.length; i++) {
            into[i] = output.floatAt(start + i);
        }
    }

    /// The first index of the highest value; −1 where any is NaN.
    static int argMax(float[] values) {
        return argMax(values, 0, values.length, 1);
    }

    /// As [#argMax(float[])] over `count` values from `start`, `stride` apart.
    static int argMax(float[] values, int start, int count, int stride) {
        int best = 0;
        for (int i = 0; i < count; i++) {
            float value = values[start + i * stride];
            if (Float.isNaN(value)) {
                return -1;
            }
            if (value > values[start + best * stride]) {
                best = i;
            }
        }
        return best;
    }
}
