package dev.nibble.quant;

import dev.nibble.graph.DataType;

/// The whole numbers that codes are drawn from.
///
/// @param bits 2, 4, 8, 16, or 32 (signed only)
/// @param signed whether codes are two's complement
/// @param strict whether the smallest signed code is left out, so that the grid is the same on both sides of zero
///     (−127…127)
public record IntegerGrid(int bits, boolean signed, boolean strict) {
    public static final IntegerGrid INT2 = new IntegerGrid(2, true, false);
    public static final IntegerGrid UINT2 = new IntegerGrid(2, false, false);
    public static final IntegerGrid INT4 = new IntegerGrid(4, true, false);
    public static final IntegerGrid UINT4 = new IntegerGrid(4, false, false);
    public static final IntegerGrid INT8 = new IntegerGrid(8, true, false);
    public static final IntegerGrid UINT8 = new IntegerGrid(8, false, false);
    public static final IntegerGrid INT16 = new IntegerGrid(16, true, false);
    public static final IntegerGrid UINT16 = new IntegerGrid(16, false, false);
    public static final IntegerGrid INT32 = new IntegerGrid(32, true, false);

    public IntegerGrid {
        switch (bits) {
            case 2, 4, 8, 16 -> {}
            case 32 -> {
                if (!signed) {
                    throw new IllegalArgumentException("32-bit codes must be signed");
                }
            }
            default -> throw new IllegalArgumentException("bits must be 2, 4, 8, 16 or 32, but was " + bits);
        }
        if (strict && !signed) {
            throw new IllegalArgumentException("a strict grid must be signed");
        }
    }

    /// The grid of an ONNX type.
    ///
    /// @throws IllegalArgumentException where [DataType#isQuantized] is false
    public static IntegerGrid of(DataType type) {
        return switch (type) {
            case INT2 -> INT2;
            case UINT2 -> UINT2;
            case INT4 -> INT4;
            case UINT4 -> UINT4;
            case INT8 -> INT8;
            case UINT8 -> UINT8;
            case INT16 -> INT16;
            case UINT16 -> UINT16;
            case INT32 -> INT32;
            case FLOAT,
                    INT64,
                    STRING,
                    BOOL,
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
                    FLOAT4E2M1,
                    FLOAT8E8M0 -> throw new IllegalArgumentException(type.onnxName() + " does not hold integer codes");
        };
    }

    /// The smallest code.
    public int qMin() {
        return signed ? (-1 << (bits - 1)) + (strict ? 1 : 0) : 0;
    }

    /// The largest code.
    public int qMax() {
        return signed ? ~(-1 << (bits - 1)) : (1 << bits) - 1;
    }

    /// Steps between the smallest and the largest code.
    public long steps() {
        return (long) qMax() - qMin();
    }

    /// The ONNX type that holds the codes.
    public DataType dataType() {
        return switch (bits) {
            case 2 -> signed ? DataType.INT2 : DataType.UINT2;
            case 4 -> signed ? DataType.INT4 : DataType.UINT4;
            case 8 -> signed ? DataType.INT8 : DataType.UINT8;
            case 16 -> signed ? DataType.INT16 : DataType.UINT16;
            case 32 -> DataType.INT32;
            default -> throw new AssertionError(bits);
        };
    }

    /// `uint8`, `int4`, `int8 −127…127`.
    @Override
    public String toString() {
        return dataType().onnxName() + (strict ? " −%d…%d".formatted(qMax(), qMax()) : "");
    }
}
