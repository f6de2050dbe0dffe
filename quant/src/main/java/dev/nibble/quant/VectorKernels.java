package dev.nibble.quant;

import static dev.nibble.graph.Tensor.FLOAT_LE;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The same as [ScalarKernels], many lanes at a time.
///
/// Rounding is by adding and taking away 1.5·2²³, which rounds half to even for magnitudes below 2²²; clamping to
/// the grid comes first, and since its bounds are whole numbers the two may change places. Wider codes (32 bits)
/// are left to the scalar code.
public final class VectorKernels implements Kernels {
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
    private static final int LANES = FLOATS.length();
    private static final float ROUND = 0x1.8p23f;

    private final ScalarKernels scalar = new ScalarKernels();

    static int width() {
        return FLOATS.vectorBitSize();
    }

    @Override
    public Extremes extremes(MemorySegment floats, long from, long to) {
        long end = to - (to - from) % (2L * LANES);
        if (end == from) {
            return scalar.extremes(floats, from, to);
        }
        IntVector min0 = IntVector.broadcast(INTS, Extremes.NONE.minKey());
        IntVector max0 = IntVector.broadcast(INTS, Extremes.NONE.maxKey());
        IntVector min1 = min0;
        IntVector max1 = max0;
        for (long i = from; i < end; i += 2L * LANES) {
            IntVector keys0 = keys(IntVector.fromMemorySegment(INTS, floats, i * 4, LITTLE_ENDIAN));
            IntVector keys1 = keys(IntVector.fromMemorySegment(INTS, floats, (i + LANES) * 4, LITTLE_ENDIAN));
            min0 = min0.min(keys0);
            max0 = max0.max(keys0);
            min1 = min1.min(keys1);
            max1 = max1.max(keys1);
        }
        Extremes most = new Extremes(
                min0.min(min1).reduceLanes(VectorOperators.MIN), max0.max(max1).reduceLanes(VectorOperators.MAX));
        return most.merge(scalar.extremes(floats, end, to));
    }

    private static IntVector keys(IntVector bits) {
        return bits.lanewise(
                VectorOperators.XOR, bits.lanewise(VectorOperators.ASHR, 31).and(Integer.MAX_VALUE));
    }

    @Override
    public void quantize(MemorySegment floats, long from, int count, Encoding encoding, int[] codes) {
        if (encoding.grid().bits() == 32) {
            scalar.quantize(floats, from, count, encoding, codes);
            return;
        }
        float scale = encoding.scale();
        int zeroPoint = encoding.zeroPoint();
        float lo = encoding.grid().qMin() - zeroPoint;
        float hi = encoding.grid().qMax() - zeroPoint;
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector x = FloatVector.fromMemorySegment(FLOATS, floats, (from + i) * 4, LITTLE_ENDIAN);
            FloatVector steps = round(x.div(scale), lo, hi);
            ((IntVector) steps.convertShape(VectorOperators.F2I, INTS, 0))
                    .add(zeroPoint)
                    .intoArray(codes, i);
        }
        for (; i < count; i++) {
            codes[i] = encoding.quantize(floats.get(FLOAT_LE, (from + i) * 4));
        }
    }

    private static FloatVector round(FloatVector quotient, float lo, float hi) {
        return quotient.max(lo).min(hi).add(ROUND).sub(ROUND);
    }

    @Override
    public void dequantize(int[] codes, int count, Encoding encoding, MemorySegment floats, long at) {
        if (encoding.grid().bits() == 32) {
            scalar.dequantize(codes, count, encoding, floats, at);
            return;
        }
        float scale = encoding.scale();
        int zeroPoint = encoding.zeroPoint();
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            IntVector steps = IntVector.fromArray(INTS, codes, i).sub(zeroPoint);
            ((FloatVector) steps.convertShape(VectorOperators.I2F, FLOATS, 0))
                    .mul(scale)
                    .intoMemorySegment(floats, (at + i) * 4, LITTLE_ENDIAN);
        }
        for (; i < count; i++) {
            floats.set(FLOAT_LE, (at + i) * 4, encoding.dequantize(codes[i]));
        }
    }

    @Override
    public void fakeQuantize(MemorySegment floats, long from, long to, Encoding encoding) {
        if (encoding.grid().bits() == 32) {
            scalar.fakeQuantize(floats, from, to, encoding);
            return;
        }
        float scale = encoding.scale();
        float lo = encoding.grid().qMin() - encoding.zeroPoint();
        float hi = encoding.grid().qMax() - encoding.zeroPoint();
        long i = from;
        for (; i <= to - LANES; i += LANES) {
            FloatVector x = FloatVector.fromMemorySegment(FLOATS, floats, i * 4, LITTLE_ENDIAN);
            round(x.div(scale), lo, hi).mul(scale).intoMemorySegment(floats, i * 4, LITTLE_ENDIAN);
        }
        scalar.fakeQuantize(floats, i, to, encoding);
    }
}
