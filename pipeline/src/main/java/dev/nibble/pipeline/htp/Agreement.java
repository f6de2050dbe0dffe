package dev.nibble.pipeline.htp;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.measure.SignalToNoise;
import java.util.List;
import java.util.Map;

/// How two runs of what should be one model agree.
///
/// @param identical whether every output has the same bits
/// @param worstDb the smallest signal-to-noise ratio of an output, dB; infinite where all are equal, and minus infinity
///     where shapes differ
record Agreement(boolean identical, double worstDb) {
    /// @param outputs names of the values to compare, numbers of any type
    /// @throws IllegalStateException where one of them is missing
    static Agreement of(List<String> outputs, Map<String, Tensor> wanted, Map<String, Tensor> got) {
        boolean identical = true;
        double worst = Double.POSITIVE_INFINITY;
        for (String output : outputs) {
            Tensor expected = wanted.get(output);
            Tensor received = got.get(output);
            if (expected == null || received == null) {
                throw new IllegalStateException("'" + output + "' was not computed");
            }
            if (!expected.shape().equals(received.shape())) {
                return new Agreement(false, Double.NEGATIVE_INFINITY);
            }
            identical &= expected.data().mismatch(received.data()) < 0;
            // NaN is no agreement.
            double decibels =
                    SignalToNoise.of(floats(expected), floats(received)).decibels();
            worst = expected.elements() == 0
                    ? worst
                    : Double.isNaN(decibels) ? Double.NEGATIVE_INFINITY : Math.min(worst, decibels);
        }
        return new Agreement(identical, worst);
    }

    private static Tensor floats(Tensor tensor) {
        return Tensor.of(Shape.of(tensor.elements()), tensor.toFloats());
    }
}
