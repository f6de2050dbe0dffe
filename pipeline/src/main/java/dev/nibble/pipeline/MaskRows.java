package dev.nibble.pipeline;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.pipeline.calibrate.MaskedScores;
import dev.nibble.report.AttentionMask;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The masks of attention as a report lists them.
final class MaskRows {
    private MaskRows() {}

    static List<AttentionMask> of(QuantizedModel quantized, PreparedModel prepared) {
        return quantized.masks().stream()
                .map(found -> row(found, quantized, prepared))
                .toList();
    }

    private static AttentionMask row(MaskedScores.Found found, QuantizedModel quantized, PreparedModel prepared) {
        double fill =
                found.constant() ? fill(found.mask(), quantized, prepared).orElse(found.written()) : found.written();
        return new AttentionMask(
                found.mask(),
                found.constant(),
                Double.isInfinite(fill) ? null : (Double) fill,
                found.written(),
                found.scores(),
                found.softmax(),
                found.least(),
                found.most(),
                found.range().min(),
                found.range().max(),
                found.zeroBelow());
    }

    /// The least value of a constant before it was bounded.
    private static Optional<Double> fill(String name, QuantizedModel quantized, PreparedModel prepared) {
        String given = quantized.plan().renamed().getOrDefault(name, name);
        return Stream.of(prepared.model().graph(), prepared.original().graph())
                .map(graph -> constant(graph, given))
                .flatMap(Optional::stream)
                .findFirst()
                .map(MaskRows::least);
    }

    private static Optional<Initializer> constant(Graph graph, String name) {
        return graph.initializer(name).filter(Initializer::hasData);
    }

    private static double least(Initializer constant) {
        double least = 0;
        for (float value : constant.tensor().toFloats()) {
            least = Math.min(least, value);
        }
        return least;
    }
}
