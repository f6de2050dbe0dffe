package dev.nibble.bench;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.range.RangeChoice;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.quant.range.WeightRanges;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// Milliseconds that each search takes over the histogram of a million values of a Gaussian with a long tail.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class RangeSearchBenchmark {
    /// The codes' width.
    @Param({"4", "8", "16"})
    public int bits = 8;

    private Histogram histogram = Histogram.EMPTY;
    private Tensor weight = Tensor.of(Shape.of(0), new float[0]);

    /// Draws the values.
    @Setup
    public void draw() {
        Random random = new Random(1);
        float[] values = new float[1_000_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * (i % 100 == 0 ? 5 : 1));
        }
        histogram = Histogram.of(values);
        weight = Tensor.of(Shape.of(128, 1152), Arrays.copyOf(values, 128 * 1152));
    }

    /// Mean squared error.
    @Benchmark
    public RangeChoice mse() {
        return new RangeSearch.Mse().choose(histogram, bits, Symmetry.ASYMMETRIC);
    }

    /// AIMET's SQNR.
    @Benchmark
    public RangeChoice sqnr() {
        return new RangeSearch.Sqnr().choose(histogram, bits, Symmetry.ASYMMETRIC);
    }

    /// Kullback-Leibler divergence.
    @Benchmark
    public RangeChoice entropy() {
        return new RangeSearch.Entropy().choose(histogram, bits, Symmetry.ASYMMETRIC);
    }

    /// Percentile.
    @Benchmark
    public RangeChoice percentile() {
        return new RangeSearch.Percentile(99.99).choose(histogram, bits, Symmetry.ASYMMETRIC);
    }

    /// Mean squared error of a 128×1152 weight, per channel.
    @Benchmark
    public TensorEncoding weightMse() {
        return WeightRanges.choose(
                "w", weight, Scheme.weights(bits, new Granularity.PerChannel(0)), new RangeSearch.Mse());
    }
}
