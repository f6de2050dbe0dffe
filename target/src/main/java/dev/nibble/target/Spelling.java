package dev.nibble.target;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/// Finds what was probably meant by a misspelt name.
public final class Spelling {
    private Spelling() {}

    /// The candidate nearest to `name` by edit distance, if one is near: at most a third of the letters
    /// differ.
    public static Optional<String> nearest(String name, Collection<String> candidates) {
        if (name.length() > 200) {
            return Optional.empty();
        }
        String wanted = name.toLowerCase(Locale.ROOT);
        return candidates.stream()
                .filter(c -> distance(wanted, c.toLowerCase(Locale.ROOT))
                        <= Math.max(1, Math.max(wanted.length(), c.length()) / 3))
                .min(Comparator.<String>comparingInt(c -> distance(wanted, c.toLowerCase(Locale.ROOT)))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /// `did you mean 'x'?`, or `otherwise` where nothing is near.
    public static String hint(String name, Collection<String> candidates, String otherwise) {
        return nearest(name, candidates).map(c -> "did you mean '" + c + "'?").orElse(otherwise);
    }

    /// The Levenshtein distance.
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                row[j] = Math.min(Math.min(row[j] + 1, row[j - 1] + 1), diagonal + change);
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}
