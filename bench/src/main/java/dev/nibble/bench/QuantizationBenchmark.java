package dev.nibble.bench;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Codes;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.ScalarKernels;
import dev.nibble.quant.Symmetry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// Quantize, dequantize and fake-quantize 4 MB of floats, in floats a nanosecond; times four is GB/s read.
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class QuantizationBenchmark {
    private static final int FLOATS = 1 << 20;
    private static final int CHUNK = 4096;

    /// Which inner loops.
    @Param({"vector", "scalar"})
    public String kernels = "vector";

    private final MemorySegment floats = Arena.ofAuto().allocate(4L * FLOATS, 64);
    private final MemorySegment copy = Arena.ofAuto().allocate(4L * FLOATS, 64);
    private final MemorySegment packed = Arena.ofAuto().allocate(FLOATS, 64);
    private final int[] codes = new int[CHUNK];
    private final Encoding encoding = Encoding.ofRange(-2, 3, 8, Symmetry.ASYMMETRIC);
    private Kernels loops = new ScalarKernels();

    /// Fills the floats.
    @Setup
    public void fill() {
        Random random = new Random(1);
        for (long i = 0; i < FLOATS; i++) {
            floats.set(Tensor.FLOAT_LE, i * 4, (float) random.nextGaussian());
        }
        copy.copyFrom(floats);
        loops = kernels.equals("vector") ? Kernels.best() : new ScalarKernels();
    }

    /// The yardstick: copying the same floats.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public MemorySegment memoryCopy() {
        return copy.copyFrom(floats);
    }

    /// Floats to packed 8-bit codes.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public MemorySegment quantizeTo8Bits() {
        for (int i = 0; i < FLOATS; i += CHUNK) {
            loops.quantize(floats, i, CHUNK, encoding, codes);
            Codes.pack(codes, CHUNK, DataType.UINT8, packed, i);
        }
        return packed;
    }

    /// Packed 8-bit codes to floats.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public MemorySegment dequantizeFrom8Bits() {
        for (int i = 0; i < FLOATS; i += CHUNK) {
            Codes.unpack(packed, i, CHUNK, DataType.UINT8, codes);
            loops.dequantize(codes, CHUNK, encoding, copy, i);
        }
        return copy;
    }

    /// Floats to what is left of them, in place.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public MemorySegment fakeQuantize() {
        loops.fakeQuantize(copy, 0, FLOATS, encoding);
        return copy;
    }
}
