package dev.nibble.data;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// Elements in bulk, between the types files hold and the types models take.
final class Elements {
    private Elements() {}

    /// All elements as floats; `into` may be longer than needed.
    static void toFloats(Tensor from, float[] into) {
        int count = Math.toIntExact(from.elements());
        switch (from.type()) {
            case FLOAT -> MemorySegment.copy(from.data(), Tensor.FLOAT_LE, 0, into, 0, count);
            case UINT8, BOOL -> {
                byte[] bytes = from.data().toArray(JAVA_BYTE);
                for (int i = 0; i < count; i++) {
                    into[i] = bytes[i] & 0xFF;
                }
            }
            case INT8 -> {
                byte[] bytes = from.data().toArray(JAVA_BYTE);
                for (int i = 0; i < count; i++) {
                    into[i] = bytes[i];
                }
            }
            case STRING,
                    UINT16,
                    INT16,
                    INT32,
                    INT64,
                    FLOAT16,
                    DOUBLE,
                    UINT32,
                    UINT64,
                    COMPLEX64,
                    COMPLEX128,
                    BFLOAT16,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> {
                for (int i = 0; i < count; i++) {
                    into[i] = from.floatAt(i);
                }
            }
        }
    }

    /// Writes floats as `type`, which must be a floating-point type.
    static void writeFloats(float[] from, int count, DataType type, MemorySegment into) {
        switch (type) {
            case FLOAT -> MemorySegment.copy(from, 0, into, Tensor.FLOAT_LE, 0, count);
            case DOUBLE -> {
                for (int i = 0; i < count; i++) {
                    into.set(Tensor.DOUBLE_LE, 8L * i, from[i]);
                }
            }
            case FLOAT16 -> {
                for (int i = 0; i < count; i++) {
                    into.set(Tensor.SHORT_LE, 2L * i, Float.floatToFloat16(from[i]));
                }
            }
            case BFLOAT16 -> {
                for (int i = 0; i < count; i++) {
                    int bits = Float.floatToRawIntBits(from[i]);
                    into.set(Tensor.SHORT_LE, 2L * i, (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16));
                }
            }
            case UINT8,
                    INT8,
                    UINT16,
                    INT16,
                    INT32,
                    INT64,
                    STRING,
                    BOOL,
                    UINT32,
                    UINT64,
                    COMPLEX64,
                    COMPLEX128,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> throw new IllegalArgumentException(type + " is no floating-point type");
        }
    }

    /// Whether the type is a floating-point type that samples can be fed as.
    static boolean isFloat(DataType type) {
        return type == DataType.FLOAT
                || type == DataType.DOUBLE
                || type == DataType.FLOAT16
                || type == DataType.BFLOAT16;
    }

    /// Whether the type is a whole-number type (or BOOL) that samples can be fed as.
    static boolean isWhole(DataType type) {
        return switch (type) {
            case UINT8, INT8, UINT16, INT16, INT32, INT64, BOOL, UINT32, UINT64 -> true;
            case FLOAT,
                    STRING,
                    FLOAT16,
                    DOUBLE,
                    COMPLEX64,
                    COMPLEX128,
                    BFLOAT16,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> false;
        };
    }

    /// Element `index` of a tensor as a whole number.
    ///
    /// @throws NibbleException where it has a fraction
    static long whole(Tensor from, long index, String where) {
        if (isWhole(from.type())) {
            return from.longAt(index);
        }
        double value =
                from.type() == DataType.DOUBLE ? from.data().get(Tensor.DOUBLE_LE, index * 8) : from.floatAt(index);
        return whole(value, where);
    }

    static long whole(double value, String where) {
        if (value != Math.rint(value) || Math.abs(value) > 0x1p53) {
            throw new NibbleException(
                    "%s holds %s, but the model takes whole numbers there".formatted(where, value),
                    "store the samples as whole numbers, or check that this array belongs to this input");
        }
        return (long) value;
    }

    /// Writes a whole number as `type`.
    ///
    /// @throws NibbleException where the type cannot hold it
    static void writeWhole(long value, DataType type, MemorySegment into, long index, String where) {
        boolean fits = switch (type) {
            case BOOL -> value == 0 || value == 1;
            case UINT8, UINT16, UINT32 -> value >= 0 && value < 1L << type.bits();
            case INT8, INT16, INT32 -> value >= -(1L << type.bits() - 1) && value < 1L << type.bits() - 1;
            case INT64, UINT64 -> true;
            case FLOAT,
                    STRING,
                    FLOAT16,
                    DOUBLE,
                    COMPLEX64,
                    COMPLEX128,
                    BFLOAT16,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> throw new IllegalArgumentException(type + " is no whole-number type");
        };
        if (!fits) {
            throw new NibbleException(
                    "%s holds %d, which %s cannot hold".formatted(where, value, type.onnxName()),
                    "check that this array belongs to this input");
        }
        switch (type.bits()) {
            case 8 -> into.set(JAVA_BYTE, index, (byte) value);
            case 16 -> into.set(Tensor.SHORT_LE, index * 2, (short) value);
            case 32 -> into.set(Tensor.INT_LE, index * 4, (int) value);
            default -> into.set(Tensor.LONG_LE, index * 8, value);
        }
    }
}
