package dev.nibble.quant;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.ScratchMemory;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// A tensor whose rounding has been decided: its codes, and what they mean. Exporters write the codes verbatim.
///
/// @param codes the codes in ONNX's packed layout, of the encoding's type
public record QuantizedTensor(Tensor codes, TensorEncoding encoding) {
    public QuantizedTensor {
        if (codes.type() != encoding.dataType()) {
            throw new IllegalArgumentException("codes must be %s, but are %s"
                    .formatted(encoding.dataType().onnxName(), codes.type().onnxName()));
        }
        if (encoding instanceof TensorEncoding.Affine affine) {
            var _ = affine.over(codes.shape());
        }
    }

    /// A tensor of the given codes, one `int` each, row-major.
    ///
    /// @throws IllegalArgumentException where a code is off the grid or the numbers of elements differ
    public static QuantizedTensor of(Shape shape, int[] codes, TensorEncoding.Affine encoding) {
        IntegerGrid grid = encoding.grid();
        for (int code : codes) {
            if (code < grid.qMin() || code > grid.qMax()) {
                throw new IllegalArgumentException("code %d is not on the grid %s".formatted(code, grid));
            }
        }
        if (codes.length != shape.elements()) {
            throw new IllegalArgumentException(
                    "%s needs %d codes, but there are %d".formatted(shape, shape.elements(), codes.length));
        }
        MemorySegment data = allocate(grid.dataType(), shape);
        Codes.pack(codes, codes.length, grid.dataType(), data, 0);
        return new QuantizedTensor(new Tensor(grid.dataType(), shape, data.asReadOnly()), encoding);
    }

    public Shape shape() {
        return codes.shape();
    }

    static MemorySegment allocate(DataType type, Shape shape) {
        return ScratchMemory.allocate(type.bytes(shape.elements()));
    }

    /// Whether shape, codes and encoding are the same.
    @Override
    public boolean equals(Object other) {
        return other instanceof QuantizedTensor that
                && encoding.equals(that.encoding)
                && codes.shape().equals(that.codes.shape())
                && codes.data().mismatch(that.codes.data()) < 0;
    }

    @Override
    public int hashCode() {
        long length = Math.min(codes.data().byteSize(), 64);
        int hash = encoding.hashCode();
        for (long i = 0; i < length; i++) {
            hash = hash * 31 + codes.data().get(JAVA_BYTE, i);
        }
        return hash;
    }
}
