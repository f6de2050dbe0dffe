package dev.nibble.quant;

import static dev.nibble.graph.Tensor.FLOAT_LE;
import static dev.nibble.graph.Tensor.INT_LE;

import java.lang.foreign.MemorySegment;

/// The specification: one element at a time, by the methods of [Encoding].
public final class ScalarKernels implements Kernels {
    @Override
    public Extremes extremes(MemorySegment floats, long from, long to) {
        int min = Extremes.NONE.minKey();
        int max = Extremes.NONE.maxKey();
        for (long i = from; i < to; i++) {
            int key = Extremes.key(floats.get(INT_LE, i * 4));
            min = Math.min(min, key);
            max = Math.max(max, key);
        }
        return new Extremes(min, max);
    }

    @Override
    public void quantize(MemorySegment floats, long from, int count, Encoding encoding, int[] codes) {
        for (int i = 0; i < count; i++) {
            codes[i] = encoding.quantize(floats.get(FLOAT_LE, (from + i) * 4));
        }
    }

    @Override
    public void dequantize(int[] codes, int count, Encoding encoding, MemorySegment floats, long at) {
        for (int i = 0; i < count; i++) {
            floats.set(FLOAT_LE, (at + i) * 4, encoding.dequantize(codes[i]));
        }
    }

    @Override
    public void fakeQuantize(MemorySegment floats, long from, long to, Encoding encoding) {
        for (long i = from; i < to; i++) {
            floats.set(FLOAT_LE, i * 4, encoding.fakeQuantize(floats.get(FLOAT_LE, i * 4)));
        }
    }
}
