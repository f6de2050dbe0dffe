package dev.nibble.graph;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A dense array in memory: element type, shape, and the elements in ONNX's packed little-endian row-major
/// layout.
///
/// The data is a slice of a memory segment (a mapped model file, a runtime's buffer, or the heap), so a
/// tensor costs nothing to pass on. Whoever made the segment says how long it lives; a tensor from an
/// [Executor] is valid only until the next run.
///
/// @param type the element type; never [DataType#STRING]
/// @param data exactly `type.bytes(shape.elements())` bytes
public record Tensor(DataType type, Shape shape, MemorySegment data) {
    public static final ValueLayout.OfFloat FLOAT_LE =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfDouble DOUBLE_LE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfInt INT_LE = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfLong LONG_LE = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfShort SHORT_LE =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public Tensor {
        if (type == DataType.STRING) {
            throw new IllegalArgumentException("a string tensor has no packed layout");
        }
        long expected = type.bytes(shape.elements());
        if (data.byteSize() != expected) {
            throw new IllegalArgumentException("a tensor of %s %s takes %d bytes, but has %d"
                    .formatted(type.onnxName(), shape, expected, data.byteSize()));
        }
    }

    /// A FLOAT tensor over a copy of `values`.
    public static Tensor of(Shape shape, float... values) {
        MemorySegment data = Arena.ofAuto().allocate(Math.max(1, 4L * values.length), 64);
        MemorySegment.copy(values, 0, data, FLOAT_LE, 0, values.length);
        return new Tensor(
                DataType.FLOAT, shape, data.asSlice(0, 4L * values.length).asReadOnly());
    }

    /// An INT64 tensor over a copy of `values`.
    public static Tensor of(Shape shape, long... values) {
        MemorySegment data = Arena.ofAuto().allocate(Math.max(1, 8L * values.length), 64);
        MemorySegment.copy(values, 0, data, LONG_LE, 0, values.length);
        return new Tensor(
                DataType.INT64, shape, data.asSlice(0, 8L * values.length).asReadOnly());
    }

    /// An INT32 tensor over a copy of `values`.
    public static Tensor of(Shape shape, int... values) {
        MemorySegment data = Arena.ofAuto().allocate(Math.max(1, 4L * values.length), 64);
        MemorySegment.copy(values, 0, data, INT_LE, 0, values.length);
        return new Tensor(
                DataType.INT32, shape, data.asSlice(0, 4L * values.length).asReadOnly());
    }

    public long elements() {
        return shape.elements();
    }

    /// Element `index` (row-major) as a float: FLOAT, DOUBLE, FLOAT16, BFLOAT16, and every integer type up to
    /// 64 bits (rounded to float).
    ///
    /// @throws NibbleException for complex and FP8/FP4 types, whose numbers Nibble only carries
    public float floatAt(long index) {
        return switch (type) {
            case FLOAT -> data.get(FLOAT_LE, index * 4);
            case DOUBLE -> (float) data.get(DOUBLE_LE, index * 8);
            case FLOAT16 -> Float.float16ToFloat(data.get(SHORT_LE, index * 2));
            case BFLOAT16 -> Float.intBitsToFloat(data.get(SHORT_LE, index * 2) << 16);
            case UINT8, INT8, UINT16, INT16, INT32, INT64, BOOL, UINT32, UINT64, UINT4, INT4, UINT2, INT2 ->
                longAt(index);
            case STRING,
                    COMPLEX64,
                    COMPLEX128,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    FLOAT4E2M1,
                    FLOAT8E8M0 -> throw unreadable();
        };
    }

    /// Element `index` (row-major) as a whole number: every integer type and BOOL. UINT64 wraps.
    ///
    /// @throws NibbleException for other types
    public long longAt(long index) {
        return switch (type) {
            case UINT8, BOOL -> data.get(JAVA_BYTE, index) & 0xFF;
            case INT8 -> data.get(JAVA_BYTE, index);
            case UINT16 -> data.get(SHORT_LE, index * 2) & 0xFFFF;
            case INT16 -> data.get(SHORT_LE, index * 2);
            case INT32 -> data.get(INT_LE, index * 4);
            case UINT32 -> data.get(INT_LE, index * 4) & 0xFFFF_FFFFL;
            case INT64, UINT64 -> data.get(LONG_LE, index * 8);
            case UINT4 -> data.get(JAVA_BYTE, index / 2) >> (index % 2 * 4) & 0xF;
            case INT4 -> (byte) (data.get(JAVA_BYTE, index / 2) >> (index % 2 * 4) << 4) >> 4;
            case UINT2 -> data.get(JAVA_BYTE, index / 4) >> (index % 4 * 2) & 0x3;
            case INT2 -> (byte) (data.get(JAVA_BYTE, index / 4) >> (index % 4 * 2) << 6) >> 6;
            case FLOAT,
                    DOUBLE,
                    FLOAT16,
                    BFLOAT16,
                    STRING,
                    COMPLEX64,
                    COMPLEX128,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    FLOAT4E2M1,
                    FLOAT8E8M0 -> throw unreadable();
        };
    }

    /// All elements as floats, copied.
    public float[] toFloats() {
        float[] values = new float[Math.toIntExact(elements())];
        if (type == DataType.FLOAT) {
            MemorySegment.copy(data, FLOAT_LE, 0, values, 0, values.length);
        } else {
            for (int i = 0; i < values.length; i++) {
                values[i] = floatAt(i);
            }
        }
        return values;
    }

    /// All elements as whole numbers, copied.
    public long[] toLongs() {
        long[] values = new long[Math.toIntExact(elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = longAt(i);
        }
        return values;
    }

    /// The same elements under another shape of as many elements.
    public Tensor reshaped(Shape other) {
        return new Tensor(type, other, data);
    }

    /// A tensor of its own memory with the same content.
    public Tensor copy() {
        MemorySegment own = Arena.ofAuto().allocate(Math.max(1, data.byteSize()), 64);
        MemorySegment.copy(data, 0, own, 0, data.byteSize());
        return new Tensor(type, shape, own.asSlice(0, data.byteSize()).asReadOnly());
    }

    private NibbleException unreadable() {
        return new NibbleException(
                "a tensor of type " + type.onnxName() + " cannot be read as numbers",
                "Nibble carries this type through unchanged; leave the tensor out of what is to be computed");
    }
}
