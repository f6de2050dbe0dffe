package dev.nibble.data;

import dev.nibble.graph.Nearest;
import java.util.Collection;

/// "Did you mean …?"
final class Suggestion {
    private Suggestion() {}

    /// `did you mean 'x'? `, or nothing where no known word is near.
    static String of(String word, Collection<String> known) {
        return Nearest.to(word, known)
                .map(name -> "did you mean '" + name + "'? ")
                .orElse("");
    }
}
