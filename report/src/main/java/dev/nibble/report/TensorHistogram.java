package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// Distribution of a tensor's values with the range chosen for it.
///
/// @param tensor name, as in [TensorRow]
/// @param edges of the bins, ascending, one more than `counts`; bins may differ in width
/// @param counts values in each bin
/// @param chosen the range in use
/// @param alternatives what the other calibrators propose from the same histogram
/// @param note e.g. that the histogram was drawn from a sample of the values
public record TensorHistogram(
        String tensor,
        @Nullable String op,
        List<Double> edges,
        List<Long> counts,
        RangeChoice chosen,
        List<RangeChoice> alternatives,
        @Nullable String note) {
    public TensorHistogram {
        Values.present("histograms[].tensor", tensor);
        Values.present("histograms[].chosen", chosen);
        edges = Values.list(edges);
        counts = Values.list(counts);
        alternatives = Values.list(alternatives);
        if (edges.size() != counts.size() + 1 && !(edges.isEmpty() && counts.isEmpty())) {
            throw new IllegalArgumentException("histogram of " + tensor + " needs one more edge than counts, but has "
                    + edges.size() + " edges and " + counts.size() + " counts");
        }
        for (int i = 0; i + 1 < edges.size(); i++) {
            if (!(edges.get(i) < edges.get(i + 1))) {
                throw new IllegalArgumentException("edges of the histogram of " + tensor + " must ascend, but "
                        + edges.get(i) + " is followed by " + edges.get(i + 1));
            }
            Values.nonNegative("count in the histogram of " + tensor, (long) counts.get(i));
        }
    }
}
