package dev.nibble.graph;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/// Finds the known name that a misspelt one was probably meant to be.
public final class Nearest {
    private Nearest() {}

    /// The candidate closest to `word` in edit distance (insert, delete, replace, swap neighbours; case is ignored),
    /// if it is close enough to be worth suggesting: a third of the longer name's letters, one at least. Of equals, the
    /// first in alphabetical order.
    public static Optional<String> to(String word, Collection<String> candidates) {
        return candidates.stream()
                .filter(candidate ->
                        distance(word, candidate) <= Math.max(1, Math.max(word.length(), candidate.length()) / 3))
                .min(Comparator.comparingInt((String candidate) -> distance(word, candidate))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /// `did you mean 'x'?` for the nearest candidate, else `otherwise`.
    public static String didYouMean(String word, Collection<String> candidates, String otherwise) {
        return to(word, candidates).map(name -> "did you mean '" + name + "'?").orElse(otherwise);
    }

    /// Optimal string alignment distance.
    static int distance(String left, String right) {
        String a = left.toLowerCase(Locale.ROOT);
        String b = right.toLowerCase(Locale.ROOT);
        int[][] cost = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    cost[i][j] = i + j;
                    continue;
                }
                boolean same = a.charAt(i - 1) == b.charAt(j - 1);
                int best = Math.min(cost[i - 1][j], cost[i][j - 1]) + 1;
                best = Math.min(best, cost[i - 1][j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    best = Math.min(best, cost[i - 2][j - 2] + 1);
                }
                cost[i][j] = best;
            }
        }
        return cost[a.length()][b.length()];
    }
}
