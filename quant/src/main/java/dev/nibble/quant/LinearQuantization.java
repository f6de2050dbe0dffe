package dev.nibble.quant;

import static dev.nibble.graph.Tensor.FLOAT_LE;
import static dev.nibble.graph.Tensor.INT_LE;
import static dev.nibble.graph.Tensor.SHORT_LE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Sweep;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// Quantizes, dequantizes and fake-quantizes whole tensors at any granularity.
///
/// Error inside the range is at most `scale / 2`; zero is exact; codes are monotone in the values. Results do not
/// depend on the kernels used.
public final class LinearQuantization {
    private static final int CHUNK = 4096;

    /// Elements after which memory behind is given back: whole bytes in every type.
    private static final long PIECE = Sweep.PIECE / 4;
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
                try (Sweep read = new Sweep(floats.data());
                        Sweep written = new Sweep(codes)) {
                    for (long from = 0; from < shape.elements(); from += PIECE) {
                        long to = Math.min(shape.elements(), from + PIECE);
                        quantize(floats.data(), from, to, affine, affine.over(shape), codes);
                        read.passed(to * 4);
                        written.passed(affine.dataType().bytes(from));
                    }
                }
            }
        }
        return new QuantizedTensor(new Tensor(encoding.dataType(), shape, codes.asReadOnly()), encoding);
    }

    private void quantize(
            MemorySegment floats,
            long first,
            long last,
            TensorEncoding.Affine affine,
            Groups groups,
            MemorySegment codes) {
        int[] buffer = new int[CHUNK];
        groups.forEachSpan(first, last, (group, step, from, to) -> {
            boolean alone = step != 0 || to - from < SHORT_RUN;
            for (long i = from; i < to; i += CHUNK) {
                int count = (int) Math.min(CHUNK, to - i);
                if (alone) {
                    int at = group + step * (int) (i - from);
                    for (int k = 0; k < count; k++, at += step) {
                        buffer[k] = Encoding.code(
                                floats.get(FLOAT_LE, (i + k) * 4),
                                affine.scale(at),
                                affine.zeroPoint(at),
                                affine.grid());
                    }
                } else {
                    kernels.quantize(floats, i, count, affine.at(group), buffer);
                }
                Codes.pack(buffer, count, affine.dataType(), codes, i);
            }
        });
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
        try (Sweep written = new Sweep(floats)) {
            for (long from = 0; from < shape.elements(); from += PIECE) {
                long to = Math.min(shape.elements(), from + PIECE);
                dequantize(quantized, from, floats.asSlice(from * 4, (to - from) * 4));
                written.passed(from * 4);
            }
        }
        return new Tensor(DataType.FLOAT, shape, floats.asReadOnly());
    }

    /// What the codes of the elements from `first` on stand for.
    ///
    /// @param floats where it goes; its size says how many elements are wanted
    public void dequantize(QuantizedTensor quantized, long first, MemorySegment floats) {
        Tensor codes = quantized.codes();
        long last = first + floats.byteSize() / 4;
        switch (quantized.encoding()) {
            case TensorEncoding.Float16 _ -> {
                for (long i = first; i < last; i++) {
                    floats.set(FLOAT_LE, (i - first) * 4, codes.floatAt(i));
                }
            }
            case TensorEncoding.Affine affine -> {
                int[] buffer = new int[CHUNK];
                affine.over(quantized.shape()).forEachSpan(first, last, (group, step, from, to) -> {
                    for (long i = from; i < to; i += CHUNK) {
                        int count = (int) Math.min(CHUNK, to - i);
                        Codes.unpack(codes.data(), i, count, affine.dataType(), buffer);
                        if (step == 0) {
                            kernels.dequantize(buffer, count, affine.at(group), floats, i - first);
                        } else {
                            int at = group + (int) (i - from);
                            for (int k = 0; k < count; k++, at++) {
                                floats.set(
                                        FLOAT_LE,
                                        (i + k - first) * 4,
                                        (buffer[k] - affine.zeroPoint(at)) * affine.scale(at));
                            }
                        }
                    }
                });
            }
        }
        DataType type = quantized.encoding().dataType();
        Sweep.release(codes.data().asSlice(type.bytes(first), type.bytes(last) - type.bytes(first)));
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
        Extremes extremes = Extremes.NONE;
        try (Sweep sweep = new Sweep(floats.data())) {
            for (long from = 0; from < floats.elements(); from += PIECE) {
                long to = Math.min(floats.elements(), from + PIECE);
                extremes = extremes.merge(kernels.extremes(floats.data(), from, to));
                sweep.passed(to * 4);
            }
        }
        if (!extremes.isFinite()) {
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
