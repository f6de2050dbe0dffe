package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/// A task metric of the float and the quantized model over the same samples. Accuracies and correlations are
/// fractions, up to 1.
///
/// @param name `top1`, `top5`, `characterAccuracy`, `wordAccuracy`, …
/// @param floatValue of the float model, `float` in JSON
/// @param drop what was lost, positive where it is a loss: `float − quantized`, for a loss in nats and perplexity
///     `quantized − float`
/// @param ci95 of `drop`, paired over the samples; absent where it was not computed
/// @param n samples
/// @param floatCi95 of the float value alone
/// @param quantizedCi95 of the quantized value alone
/// @param pValue two-sided, that the two do not differ (McNemar or bootstrap)
/// @param chance what guessing gives, e.g. 0.1 for ten classes; absent where that makes no sense
public record Metric(
        String name,
        @JsonProperty("float") double floatValue,
        double quantized,
        double drop,
        @Nullable Interval ci95,
        long n,
        @Nullable Interval floatCi95,
        @Nullable Interval quantizedCi95,
        @Nullable Double pValue,
        @Nullable Double chance) {
    public Metric {
        Values.present("metric.name", name);
        if (!Double.isFinite(floatValue) || !Double.isFinite(quantized) || !Double.isFinite(drop)) {
            throw new IllegalArgumentException("metric " + name + " must be finite, but was float " + floatValue
                    + ", quantized " + quantized + ", drop " + drop);
        }
        Values.nonNegative("metric.n", n);
        pValue = Values.finite(pValue);
        chance = Values.finite(chance);
    }

    /// A metric with its paired interval alone. @param ci95 of `floatValue − quantized`
    public static Metric of(String name, double floatValue, double quantized, @Nullable Interval ci95, long n) {
        return new Metric(name, floatValue, quantized, floatValue - quantized, ci95, n, null, null, null, null);
    }

    /// `quantized − float`.
    public double difference() {
        return quantized - floatValue;
    }

    /// The interval of [#difference].
    public @Nullable Interval differenceCi95() {
        return ci95 == null || Figures.lessIsBetter(name) ? ci95 : ci95.negated();
    }

    /// This metric with what guessing gives.
    public Metric withChance(double chanceLevel) {
        return new Metric(name, floatValue, quantized, drop, ci95, n, floatCi95, quantizedCi95, pValue, chanceLevel);
    }
}
