package dev.nibble.bench;

import dev.nibble.graph.Tensor;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.ScalarKernels;
import dev.nibble.quant.observe.Observer;
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

/// Observing 16 MB of activations in tensors of one sample each, in floats a nanosecond; times four is GB/s read.
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class ObserverBenchmark {
    private static final int FLOATS = 1 << 22;

    /// Values of a sample's tensor: 16×32×32 as in a CIFAR ResNet, 48×112×112 as in MobileNetV1 0.75.
    @Param({"16384", "602112"})
    public int tensor = 16384;

    private final MemorySegment floats = Arena.ofAuto().allocate(4L * FLOATS, 64);
    private final MemorySegment copy = Arena.ofAuto().allocate(4L * FLOATS, 64);
    private final Kernels best = Kernels.best();
    private final Kernels scalar = new ScalarKernels();
    private Observer sampling = new Observer();
    private Observer counting = new Observer(Integer.MAX_VALUE);

    /// Fills the floats.
    @Setup
    public void fill() {
        Random random = new Random(1);
        for (long i = 0; i < FLOATS; i++) {
            floats.set(Tensor.FLOAT_LE, i * 4, (float) random.nextGaussian());
        }
        sampling = new Observer();
        counting = new Observer(Integer.MAX_VALUE);
    }

    /// The yardstick: copying the same floats.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public MemorySegment memoryCopy() {
        return copy.copyFrom(floats);
    }

    /// Extremes alone.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public Extremes extremes() {
        return best.extremes(floats, 0, FLOATS);
    }

    /// Extremes alone, by the specification.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public Extremes extremesScalar() {
        return scalar.extremes(floats, 0, FLOATS);
    }

    /// Extremes of all values, histogram of a sample.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public Observer observe() {
        return observe(sampling);
    }

    /// Extremes and histogram of all values.
    @Benchmark
    @OperationsPerInvocation(FLOATS)
    public Observer observeEveryValue() {
        return observe(counting);
    }

    private Observer observe(Observer observer) {
        for (int from = 0, sample = 0; from < FLOATS; from += tensor, sample++) {
            observer.observe(floats, from, Math.min(from + tensor, FLOATS), sample);
        }
        return observer;
    }
}
