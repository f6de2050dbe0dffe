package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A part of a page that is made by a command of its own, between two marks that a reader does not see.
final class PageSection {
    private static final Pattern PART = Pattern.compile("<!-- ([a-z-]+) -->.*?<!-- /\\1 -->", Pattern.DOTALL);

    private PageSection() {}

    /// The part of `page` called `name` as it stands in the file, without its marks; what to run where there is none.
    static String of(Path page, String name) {
        String text = Files.exists(page) ? Scratch.text(page) : "";
        int start = text.indexOf(opening(name));
        int end = text.indexOf(closing(name));
        return start < 0 || end < start
                ? "Not measured yet: `tools/bench.sh " + name + "`."
                : text.substring(start + opening(name).length(), end).strip();
    }

    /// `template` with its parts as they stand in `page`.
    static String carriedOver(String template, Path page) {
        return PART.matcher(template)
                .replaceAll(part -> Matcher.quoteReplacement(marked(part.group(1), of(page, part.group(1)))));
    }

    /// Writes `content` in place of the part of `page` called `name`.
    ///
    /// @throws NibbleException where the page has no such part
    static void replace(Path page, String name, String content) {
        String text = Scratch.text(page);
        int start = text.indexOf(opening(name));
        int end = text.indexOf(closing(name));
        if (start < 0 || end < start) {
            throw new NibbleException(
                    "'%s' has no place for '%s'".formatted(page, name),
                    "put %s and %s where it belongs".formatted(opening(name), closing(name)));
        }
        Scratch.write(
                page,
                text.substring(0, start)
                        + marked(name, content)
                        + text.substring(end + closing(name).length()));
    }

    private static String marked(String name, String content) {
        return opening(name) + "\n\n" + content.strip() + "\n\n" + closing(name);
    }

    private static String opening(String name) {
        return "<!-- " + name + " -->";
    }

    private static String closing(String name) {
        return "<!-- /" + name + " -->";
    }
}
