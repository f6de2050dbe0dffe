package dev.nibble.graph.pass;

import static dev.nibble.graph.Tensor.DOUBLE_LE;
import static dev.nibble.graph.Tensor.FLOAT_LE;
import static dev.nibble.graph.Tensor.INT_LE;
import static dev.nibble.graph.Tensor.LONG_LE;
import static dev.nibble.graph.Tensor.SHORT_LE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Elements of constants as double, and back in the constant's own type.
final class Numbers {
    private Numbers() {}

    /// Whether [#at] reads this type.
    static boolean readable(DataType type) {
        return isFloat(type) || isInteger(type) || type == DataType.BOOL;
    }

    static boolean isFloat(DataType type) {
        return type == DataType.FLOAT
                || type == DataType.DOUBLE
                || type == DataType.FLOAT16
                || type == DataType.BFLOAT16;
    }

    static boolean isInteger(DataType type) {
        return type == DataType.INT64 || type == DataType.UINT64 || type == DataType.UINT32 || type.isQuantized();
    }

    static double at(Tensor tensor, long index) {
        return switch (tensor.type()) {
            case DOUBLE -> tensor.data().get(DOUBLE_LE, index * 8);
            case FLOAT, FLOAT16, BFLOAT16 -> tensor.floatAt(index);
            default -> tensor.longAt(index);
        };
    }

    static double[] doubles(Tensor tensor) {
        double[] values = new double[Math.toIntExact(tensor.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = at(tensor, i);
        }
        return values;
    }

    /// `values` rounded to `type`, a float type or an integer type of at least 8 bits, or BOOL.
    static Tensor tensor(DataType type, Shape shape, double... values) {
        MemorySegment data = allocate(type, values.length);
        for (int i = 0; i < values.length; i++) {
            switch (type) {
                case FLOAT -> data.set(FLOAT_LE, 4L * i, (float) values[i]);
                case DOUBLE -> data.set(DOUBLE_LE, 8L * i, values[i]);
                case FLOAT16 -> data.set(SHORT_LE, 2L * i, Float.floatToFloat16((float) values[i]));
                case BFLOAT16 -> data.set(SHORT_LE, 2L * i, bfloat16((float) values[i]));
                default -> put(type, data, i, (long) values[i]);
            }
        }
        return new Tensor(type, shape, data.asReadOnly());
    }

    /// `values` cut to `type`, an integer type of at least 8 bits, or BOOL.
    static Tensor integers(DataType type, Shape shape, long... values) {
        MemorySegment data = allocate(type, values.length);
        for (int i = 0; i < values.length; i++) {
            put(type, data, i, values[i]);
        }
        return new Tensor(type, shape, data.asReadOnly());
    }

    private static MemorySegment allocate(DataType type, int elements) {
        long bytes = type.bytes(elements);
        return Arena.ofAuto().allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
    }

    private static void put(DataType type, MemorySegment data, int index, long value) {
        if (type == DataType.BOOL) {
            data.set(ValueLayout.JAVA_BYTE, index, (byte) (value == 0 ? 0 : 1));
            return;
        }
        switch (type.bits()) {
            case 8 -> data.set(ValueLayout.JAVA_BYTE, index, (byte) value);
            case 16 -> data.set(SHORT_LE, 2L * index, (short) value);
            case 32 -> data.set(INT_LE, 4L * index, (int) value);
            case 64 -> data.set(LONG_LE, 8L * index, value);
            default -> throw new IllegalArgumentException("not made here: " + type.onnxName());
        }
    }

    /// Round to nearest, ties to even.
    private static short bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }
}
