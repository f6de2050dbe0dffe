package dev.nibble.data;

import dev.nibble.data.metric.EditDistance;
import java.util.Collection;
import java.util.Comparator;

/// "Did you mean …?"
final class Suggestion {
    private Suggestion() {}

    /// `did you mean 'x'? `, or nothing where no known word is within a third of its length.
    static String of(String word, Collection<String> known) {
        return known.stream()
                .filter(k -> EditDistance.between(word, k) <= Math.max(1, k.length() / 3))
                .min(Comparator.comparingInt(k -> EditDistance.between(word, k)))
                .map(k -> "did you mean '" + k + "'? ")
                .orElse("");
    }
}
