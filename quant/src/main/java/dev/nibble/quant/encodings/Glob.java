package dev.nibble.quant.encodings;

import java.util.Collection;
import java.util.List;

/// A pattern for tensor names: `*` stands for any letters (dots and slashes too), `?` for one.
record Glob(String text) {
    static boolean isGlob(String name) {
        return name.indexOf('*') >= 0 || name.indexOf('?') >= 0;
    }

    static Glob of(String text) {
        return new Glob(text);
    }

    List<String> among(Collection<String> names) {
        return names.stream().filter(this::matches).toList();
    }

    /// Time grows with the product of both lengths at most: only the last star is ever tried again.
    boolean matches(String name) {
        int at = 0;
        int star = -1;
        int afterStar = 0;
        for (int i = 0; i < name.length(); ) {
            if (at < text.length() && text.charAt(at) == '*') {
                star = at++;
                afterStar = i;
            } else if (at < text.length() && (text.charAt(at) == '?' || text.charAt(at) == name.charAt(i))) {
                at++;
                i++;
            } else if (star >= 0) {
                at = star + 1;
                i = ++afterStar;
            } else {
                return false;
            }
        }
        while (at < text.length() && text.charAt(at) == '*') {
            at++;
        }
        return at == text.length();
    }
}
