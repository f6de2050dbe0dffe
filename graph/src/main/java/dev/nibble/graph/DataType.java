package dev.nibble.graph;

import java.util.Locale;
import java.util.Optional;

/// An ONNX element type (`TensorProto.DataType`).
///
/// A file may hold a code that is not listed here; it is carried as a number (see [Initializer]) and only
/// using its elements is refused.
public enum DataType {
    FLOAT(1, 32),
    UINT8(2, 8),
    INT8(3, 8),
    UINT16(4, 16),
    INT16(5, 16),
    INT32(6, 32),
    INT64(7, 64),
    /// Variable-length bytes; has no fixed width.
    STRING(8, 0),
    BOOL(9, 8),
    FLOAT16(10, 16),
    DOUBLE(11, 64),
    UINT32(12, 32),
    UINT64(13, 64),
    COMPLEX64(14, 64),
    COMPLEX128(15, 128),
    BFLOAT16(16, 16),
    FLOAT8E4M3FN(17, 8),
    FLOAT8E4M3FNUZ(18, 8),
    FLOAT8E5M2(19, 8),
    FLOAT8E5M2FNUZ(20, 8),
    UINT4(21, 4),
    INT4(22, 4),
    FLOAT4E2M1(23, 4),
    FLOAT8E8M0(24, 8),
    UINT2(25, 2),
    INT2(26, 2);

    private static final DataType[] BY_CODE = new DataType[27];

    static {
        for (DataType type : values()) {
            BY_CODE[type.code] = type;
        }
    }

    private final int code;
    private final int bits;

    DataType(int code, int bits) {
        this.code = code;
        this.bits = bits;
    }

    /// The number that stands for this type in an ONNX file.
    public int code() {
        return code;
    }

    /// Bits an element takes when packed; 0 for [#STRING].
    public int bits() {
        return bits;
    }

    /// Bytes that `elements` values take in ONNX's packed little-endian layout (sub-byte types share bytes,
    /// low bits first).
    ///
    /// @throws ArithmeticException where the product does not fit a `long`
    public long bytes(long elements) {
        return bits >= 8
                ? Math.multiplyExact(elements, bits / 8L)
                : Math.ceilDiv(Math.multiplyExact(elements, (long) bits), 8L);
    }

    /// Whether this is an integer type that ONNX's QuantizeLinear may produce (2 to 32 bits).
    public boolean isQuantized() {
        return switch (this) {
            case UINT8, INT8, UINT16, INT16, INT32, UINT4, INT4, UINT2, INT2 -> true;
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
                    FLOAT8E8M0 -> false;
        };
    }

    /// The type's name as ONNX's text form writes it: `float`, `uint8`, `int4`.
    public String onnxName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The type with this number, if it is known.
    public static Optional<DataType> ofCode(int code) {
        return code > 0 && code < BY_CODE.length ? Optional.of(BY_CODE[code]) : Optional.empty();
    }
}
