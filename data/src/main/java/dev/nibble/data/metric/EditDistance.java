package dev.nibble.data.metric;

/// Levenshtein's distance: the least number of insertions, deletions and substitutions, each of cost 1, between two
/// texts, counted in Unicode code points.
public final class EditDistance {
    private EditDistance() {}

    public static int between(String a, String b) {
        int[] from = a.codePoints().toArray();
        int[] to = b.codePoints().toArray();
        int[] row = new int[to.length + 1];
        for (int j = 0; j <= to.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length; i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length; j++) {
                int above = row[j];
                int substituted = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                row[j] = Math.min(substituted, Math.min(above, row[j - 1]) + 1);
                diagonal = above;
            }
        }
        return row[to.length];
    }
}
