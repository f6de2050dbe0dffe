package dev.nibble.pipeline;

import dev.nibble.pipeline.recover.RecoverWeights;
import dev.nibble.quant.weight.CorrectBias;
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
            passes.add(new PassRecord(
                    "decide-weights",
                    recovered.layers().stream().map(RecoveryPasses::layer).toList(),
                    skipped(recovered.skipped())));
        }
        CorrectBias.Result biases = quantized.biases();
        if (biases != null) {
            List<String> changes = biases.corrected().isEmpty()
                    ? List.of()
                    : List.of("corrected the biases of %d layers for the rounding of their weights"
                            .formatted(biases.corrected().size()));
            passes.add(new PassRecord("bias-correction", changes, skipped(biases.skipped())));
        }
        return passes;
    }

    private static String layer(RecoverWeights.LayerOutcome outcome) {
        return "%s: signal to noise at its output %s dB rounded to nearest, %s dB as decided"
                .formatted(outcome.node(), decibels(outcome.before()), decibels(outcome.after()));
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
