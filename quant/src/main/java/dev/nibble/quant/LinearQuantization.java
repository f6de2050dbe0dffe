package dev.nibble.quant;

import static dev.nibble.graph.Tensor.FLOAT_LE;
import static dev.nibble.graph.Tensor.INT_LE;
import static dev.nibble.graph.Tensor.SHORT_LE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// Quantizes, dequantizes and fake-quantizes whole tensors at any granularity.
///
/// Error inside the range is at most `scale / 2`; zero is exact; codes are monotone in the values. Results do not
/// depend on the kernels used.
public final class LinearQuantization {
    private static final int CHUNK = 4096;
    private static final int SHORT_RUN = 16;

    private final Kernels kernels;

    /// @param kernels the inner loops to use
    public LinearQuantization(Kernels kernels) {
        this.kernels = kernels;
    }

    /// With the fastest kernels.
    public LinearQuantization() {
        this(Kernels.best());
    }

    /// The codes of `values`.
    ///
    /// @param name what the tensor is called, for the error
    /// @throws NibbleException where a value is NaN or infinite, or too large for float16
    public QuantizedTensor quantize(String name, Tensor values, TensorEncoding encoding) {
        Tensor floats = finite(name, values);
        Shape shape = values.shape();
        MemorySegment codes = QuantizedTensor.allocate(encoding.dataType(), shape);
        switch (encoding) {
            case TensorEncoding.Float16 _ -> toHalf(name, floats, codes);
            case TensorEncoding.Affine affine -> {
                int[] buffer = new int[CHUNK];
                affine.over(shape).forEachRun((group, from, to) -> {
                    if (to - from < SHORT_RUN) {
                        quantizeShort(floats.data(), from, to, affine, group, buffer, codes);
                        return;
                    }
                    Encoding one = affine.at(group);
                    for (long i = from; i < to; i += CHUNK) {
                        int count = (int) Math.min(CHUNK, to - i);
                        kernels.quantize(floats.data(), i, count, one, buffer);
                        Codes.pack(buffer, count, affine.dataType(), codes, i);
                    }
                });
            }
        }
        return new QuantizedTensor(new Tensor(encoding.dataType(), shape, codes.asReadOnly()), encoding);
    }

    private static void quantizeShort(
            MemorySegment floats,
            long from,
            long to,
            TensorEncoding.Affine affine,
            int group,
            int[] buffer,
            MemorySegment codes) {
        float scale = affine.scale(group);
        int zeroPoint = affine.zeroPoint(group);
        int count = (int) (to - from);
        for (int i = 0; i < count; i++) {
            buffer[i] = Encoding.code(floats.get(FLOAT_LE, (from + i) * 4), scale, zeroPoint, affine.grid());
        }
        Codes.pack(buffer, count, affine.dataType(), codes, from);
    }

    private static void toHalf(String name, Tensor floats, MemorySegment codes) {
        for (long i = 0; i < floats.elements(); i++) {
            float value = floats.data().get(FLOAT_LE, i * 4);
            short half = Float.floatToFloat16(value);
            if (Float.isInfinite(Float.float16ToFloat(half))) {
                throw new NibbleException(
                        "tensor '%s': element %d is %s, beyond the largest float16 (65504)".formatted(name, i, value),
                        "keep this tensor in float32, or quantize it to integers");
            }
            codes.set(SHORT_LE, i * 2, half);
        }
    }

    /// What the codes stand for, as FLOAT.
    public Tensor dequantize(QuantizedTensor quantized) {
        Shape shape = quantized.shape();
        MemorySegment floats = QuantizedTensor.allocate(DataType.FLOAT, shape);
        Tensor codes = quantized.codes();
        switch (quantized.encoding()) {
            case TensorEncoding.Float16 _ -> {
                for (long i = 0; i < codes.elements(); i++) {
                    floats.set(FLOAT_LE, i * 4, codes.floatAt(i));
                }
            }
            case TensorEncoding.Affine affine -> {
                int[] buffer = new int[CHUNK];
                affine.over(shape).forEachRun((group, from, to) -> {
                    Encoding one = affine.at(group);
                    for (long i = from; i < to; i += CHUNK) {
                        int count = (int) Math.min(CHUNK, to - i);
                        Codes.unpack(codes.data(), i, count, affine.dataType(), buffer);
                        kernels.dequantize(buffer, count, one, floats, i);
                    }
                });
            }
        }
        return new Tensor(DataType.FLOAT, shape, floats.asReadOnly());
    }

    /// What is left of `values` after quantizing and dequantizing, without the codes.
    ///
    /// @throws NibbleException as [#quantize]
    public Tensor fakeQuantize(String name, Tensor values, TensorEncoding encoding) {
        return switch (encoding) {
            case TensorEncoding.Float16 _ -> dequantize(quantize(name, values, encoding));
            case TensorEncoding.Affine affine -> {
                Tensor floats = finite(name, values);
                MemorySegment copy = QuantizedTensor.allocate(DataType.FLOAT, values.shape());
                copy.copyFrom(floats.data());
                fakeQuantizeInPlace(copy, values.shape(), affine);
                yield new Tensor(DataType.FLOAT, values.shape(), copy.asReadOnly());
            }
        };
    }

    /// Fake-quantizes floats where they lie.
    ///
    /// @param floats finite little-endian floats of shape `shape`
    public void fakeQuantizeInPlace(MemorySegment floats, Shape shape, TensorEncoding.Affine encoding) {
        encoding.over(shape)
                .forEachRun((group, from, to) -> kernels.fakeQuantize(floats, from, to, encoding.at(group)));
    }

    /// As [#fakeQuantizeInPlace(MemorySegment, Shape, TensorEncoding.Affine)] over an array.
    public void fakeQuantizeInPlace(float[] values, Shape shape, TensorEncoding.Affine encoding) {
        fakeQuantizeInPlace(MemorySegment.ofArray(values), shape, encoding);
    }

    /// `values` as finite FLOATs: the tensor itself where it is FLOAT, otherwise a converted copy.
    ///
    /// @throws NibbleException where a value is NaN or infinite
    public Tensor finite(String name, Tensor values) {
        Tensor floats = values.type() == DataType.FLOAT ? values : Tensor.of(values.shape(), values.toFloats());
        if (!kernels.extremes(floats.data(), 0, floats.elements()).isFinite()) {
            long at = firstNonFinite(floats.data(), 0, floats.elements());
            throw new NibbleException(
                    "tensor '%s' (%s): element %d is %s".formatted(name, values.shape(), at, floats.floatAt(at)),
                    "NaN and infinity cannot be quantized: check how the model was exported");
        }
        return floats;
    }

    /// The first of elements `[from, to)` that is NaN or infinite, or −1.
    public static long firstNonFinite(MemorySegment floats, long from, long to) {
        for (long i = from; i < to; i++) {
            int exponent = floats.get(INT_LE, i * 4) & 0x7F800000;
            if (exponent == 0x7F800000) {
                return i;
            }
        }
        return -1;
    }
}
