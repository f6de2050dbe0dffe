package dev.nibble.bench;

import dev.nibble.data.Samples;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// Seeded samples of one input, evenly spread between two numbers; the first holds both of them.
///
/// @param shape of the input, its batch first
record RandomSamples(long size, Shape shape, double low, double high) implements Samples {
    private long[] sample() {
        return Arrays.copyOfRange(shape.dims(), 1, shape.rank());
    }

    @Override
    public List<Field> fields() {
        return List.of(new Field("x", DataType.FLOAT, sample(), false));
    }

    @Override
    public Tensor read(long index, int field) {
        return Tensor.of(Shape.of(sample()), values(index));
    }

    /// Sample `index` as the model takes it.
    Tensor fed(long index) {
        return Tensor.of(shape, values(index));
    }

    private float[] values(long index) {
        SplittableRandom random = new SplittableRandom(index + 1);
        float[] values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(low, high);
        }
        if (index == 0) {
            values[0] = (float) low;
            values[values.length - 1] = (float) high;
        }
        return values;
    }
}
