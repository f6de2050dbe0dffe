package dev.nibble.pipeline;

import dev.nibble.pipeline.recover.Algorithm;
import dev.nibble.pipeline.recover.CorrectNormalizations;
import dev.nibble.pipeline.recover.RecoverWeights;
import dev.nibble.quant.weight.CorrectBias;
import dev.nibble.quant.weight.WeightStep;
import dev.nibble.report.PassRecord;
import dev.nibble.report.Skipped;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What a recipe's steps did, and what they left alone, as a report shows it.
final class RecoveryPasses {
    private RecoveryPasses() {}

    static List<PassRecord> of(QuantizedModel quantized) {
        List<PassRecord> passes = new ArrayList<>(quantized.channelPasses());
        RecoverWeights.Result recovered = quantized.recovered();
        if (recovered != null) {
            List<String> changes = new ArrayList<>(worth(recovered.layers()));
            recovered.layers().stream().map(RecoveryPasses::layer).forEach(changes::add);
            List<Skipped> left = new ArrayList<>(skipped(recovered.skipped()));
            left.addAll(given(quantized, recovered));
            passes.add(new PassRecord("decide-weights", changes, left));
        }
        CorrectBias.Result biases = quantized.biases();
        CorrectNormalizations.Result normalizations = quantized.normalizations();
        List<String> changes = new ArrayList<>();
        List<Skipped> left = new ArrayList<>();
        if (biases != null) {
            if (!biases.corrected().isEmpty()) {
                changes.add("corrected the biases of %d layers for the rounding of their weights%s"
                        .formatted(
                                biases.corrected().size(),
                                biases.analytic() ? ", by the means that batch norms imply" : ""));
            }
            left.addAll(skipped(biases.skipped()));
        }
        if (normalizations != null) {
            if (!normalizations.corrected().isEmpty()) {
                changes.add("moved the shifts of %d normalizations by what quantization took from the means behind them"
                        .formatted(normalizations.corrected().size()));
            }
            left.addAll(skipped(normalizations.skipped()));
        }
        if (biases != null || !changes.isEmpty() || !left.isEmpty()) {
            passes.add(new PassRecord("bias-correction", changes, left));
        }
        return passes;
    }

    /// The decided layers whose scales the user gave.
    private static List<Skipped> given(QuantizedModel quantized, RecoverWeights.Result recovered) {
        return recovered.layers().stream()
                .filter(layer -> quantized.plan().isFrozen(layer.weight()))
                .map(layer -> new Skipped(
                        layer.node(),
                        null,
                        "the overrides give its scales, so no step chose others: only its codes were decided, on them"))
                .toList();
    }

    /// What each step did to the error at the layers' outputs: the mean over layers, in decibels.
    private static List<String> worth(List<RecoverWeights.LayerOutcome> layers) {
        List<String> worth = new ArrayList<>();
        double[] earlier =
                layers.stream().mapToDouble(RecoverWeights.LayerOutcome::before).toArray();
        for (WeightStep step : WeightStep.values()) {
            double gained = 0;
            int counted = 0;
            for (int i = 0; i < earlier.length; i++) {
                Double error = layers.get(i).steps().get(step);
                if (error != null && error > 0 && earlier[i] > 0) {
                    gained += 10 * Math.log10(earlier[i] / error);
                    earlier[i] = error;
                    counted++;
                }
            }
            if (counted > 0) {
                worth.add(String.format(
                        Locale.ROOT,
                        "%s: %+.2f dB at the layers' outputs, the mean of %d layers",
                        algorithm(step).id(),
                        gained / counted,
                        counted));
            }
        }
        return worth;
    }

    private static Algorithm algorithm(WeightStep step) {
        return switch (step) {
            case RETARGET -> Algorithm.RETARGET;
            case SCALES -> Algorithm.SEQUENTIAL_MSE;
            case FEEDBACK -> Algorithm.GPTQ;
            case DESCENT -> Algorithm.COORDINATE_DESCENT;
            case REFIT -> Algorithm.REFIT_SCALES;
        };
    }

    private static String layer(RecoverWeights.LayerOutcome outcome) {
        return "%s: signal to noise at its output %s dB rounded to nearest, %s dB as decided%s"
                .formatted(
                        outcome.node(),
                        decibels(outcome.before()),
                        decibels(outcome.after()),
                        outcome.raised() > 0
                                ? String.format(
                                        Locale.ROOT,
                                        "; its covariance could not be factored with less damping than %.3g",
                                        outcome.raised())
                                : "");
    }

    private static String decibels(double noise) {
        return noise > 0 ? String.format(Locale.ROOT, "%.1f", -10 * Math.log10(noise)) : "∞";
    }

    private static List<Skipped> skipped(Map<String, String> left) {
        return left.entrySet().stream()
                .map(entry -> new Skipped(entry.getKey(), null, entry.getValue()))
                .toList();
    }
}
