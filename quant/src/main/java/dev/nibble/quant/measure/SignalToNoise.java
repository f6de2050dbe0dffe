package dev.nibble.quant.measure;

import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// Sums over pairs of a value and what became of it, from which the usual ratios follow. Sums of two sets of pairs
/// add up, so the result does not depend on how samples are batched beyond rounding in double precision.
///
/// @param count pairs seen
/// @param signal Σ x²
/// @param noise Σ (x − x̂)²
/// @param received Σ x̂²
/// @param product Σ x·x̂
public record SignalToNoise(long count, double signal, double noise, double received, double product) {
    /// No pairs.
    public static final SignalToNoise NONE = new SignalToNoise(0, 0, 0, 0, 0);

    /// The sums over two FLOAT tensors of one size.
    ///
    /// @throws IllegalArgumentException where the sizes differ
    public static SignalToNoise of(Tensor reference, Tensor received) {
        if (reference.elements() != received.elements()) {
            throw new IllegalArgumentException(
                    "tensors must be of one size, but are " + reference.shape() + " and " + received.shape());
        }
        return of(reference.data(), received.data(), reference.elements());
    }

    private static SignalToNoise of(MemorySegment reference, MemorySegment received, long count) {
        double signal = 0;
        double noise = 0;
        double energy = 0;
        double product = 0;
        for (long i = 0; i < count; i++) {
            double x = reference.get(Tensor.FLOAT_LE, i * 4);
            double y = received.get(Tensor.FLOAT_LE, i * 4);
            signal += x * x;
            noise += (x - y) * (x - y);
            energy += y * y;
            product += x * y;
        }
        return new SignalToNoise(count, signal, noise, energy, product);
    }

    /// These pairs and those of `other`.
    public SignalToNoise plus(SignalToNoise other) {
        return new SignalToNoise(
                count + other.count,
                signal + other.signal,
                noise + other.noise,
                received + other.received,
                product + other.product);
    }

    /// 10·log₁₀(Σx² / Σ(x−x̂)²): +∞ without noise, −∞ with noise on no signal, NaN without pairs.
    public double decibels() {
        if (count == 0 || signal == 0 && noise == 0) {
            return count == 0 ? Double.NaN : Double.POSITIVE_INFINITY;
        }
        return 10 * Math.log10(signal / noise);
    }

    /// Σx·x̂ / √(Σx²·Σx̂²): 1 where both are all zero, 0 where one is.
    public double cosine() {
        if (signal == 0 && received == 0) {
            return 1;
        }
        double scale = Math.sqrt(signal) * Math.sqrt(received);
        return scale == 0 ? 0 : product / scale;
    }

    /// Σ(x−x̂)² / Σx²; 0 without noise.
    public double relativeNoise() {
        return noise == 0 ? 0 : noise / Math.max(signal, Double.MIN_NORMAL);
    }
}
