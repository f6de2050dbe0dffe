package dev.nibble.data.metric;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.util.List;

/// Greedy (best path) decoding of connectionist temporal classification (Graves et al., ICML 2006): the arg-max of each
/// step, repeats merged, blanks dropped.
///
/// @param classes the text of each class, in the output's order; the blank's is not looked at
/// @param blank the class that stands for nothing
public record CtcDecoder(List<String> classes, int blank) {
    public CtcDecoder {
        classes = List.copyOf(classes);
        if (blank < 0 || blank >= classes.size()) {
            throw new IllegalArgumentException("blank must be a class, but was " + blank);
        }
    }

    /// The decoder for an alphabet behind a blank of class 0, as PaddleOCR's models have it.
    public static CtcDecoder blankFirst(List<String> alphabet) {
        return new CtcDecoder(
                java.util.stream.Stream.concat(java.util.stream.Stream.of(""), alphabet.stream())
                        .toList(),
                0);
    }

    /// The text of sample `row` of an output \[N, steps, classes\]. A step with a NaN reads as a blank.
    ///
    /// @throws NibbleException where the output has another shape
    public String decode(Tensor output, int row) {
        if (output.shape().rank() != 3 || output.shape().dim(2) != classes.size()) {
            throw new NibbleException(
                    "an output of shape %s does not fit an alphabet of %d classes"
                            .formatted(output.shape(), classes.size()),
                    "give the alphabet the model was trained with, blank included; the output is [N, steps, classes]");
        }
        int steps = Math.toIntExact(output.shape().dim(1));
        int width = classes.size();
        float[] values = new float[Math.multiplyExact(steps, width)];
        Rows.read(output, row, values);
        StringBuilder text = new StringBuilder();
        int before = blank;
        for (int step = 0; step < steps; step++) {
            int best = Rows.argMax(values, step * width, width, 1);
            int index = best < 0 ? blank : best;
            if (index != blank && index != before) {
                text.append(classes.get(index));
            }
            before = index;
        }
        return text.toString();
    }
}
