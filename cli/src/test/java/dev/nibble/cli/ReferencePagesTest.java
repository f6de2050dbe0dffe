package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.FindingCatalog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The pages of `docs/reference` that repeat what the code says.
class ReferencePagesTest {
    private static final String BEGIN = "<!-- generated: help -->\n";
    private static final String END = "<!-- end -->\n";

    /// Codes with a number, and the words that placement and export use.
    private static final Pattern NUMBERED = Pattern.compile("\"([A-Z]\\d{3})\"");

    private static final Pattern WORDS = Pattern.compile("new Finding\\(\\s*\"([a-z]+(?:-[a-z]+)+)\"");

    @TempDir
    private Path directory;

    /// `-Dreference.write=true` writes the page anew.
    @Test
    void commandsArePrintedAsTheirHelpSays() throws IOException {
        Path page = root().resolve("docs/reference/cli.md");
        String text = Files.readString(page);
        int from = text.indexOf(BEGIN) + BEGIN.length();
        int to = text.indexOf(END, from);
        assertTrue(from > BEGIN.length() && to >= from, "the page has no part that is generated");
        StringBuilder help = new StringBuilder();
        for (String name : CommandRegistry.names()) {
            String printed = CommandLineRun.of(directory, name, "--help").out();
            help.append("### ").append(name).append("\n```\n").append(printed).append("```\n\n");
        }
        String current = text.substring(0, from) + help + text.substring(to);
        if (Boolean.getBoolean("reference.write")) {
            Files.writeString(page, current);
        }
        assertEquals(
                current,
                Files.readString(page),
                "run: mvn test -pl cli -am -Dtest=ReferencePagesTest -Dreference.write=true"
                        + " -Dsurefire.failIfNoSpecifiedTests=false");
    }

    @Test
    void everyFindingIsListed() throws IOException {
        Set<String> used = new TreeSet<>();
        try (Stream<Path> modules = Files.list(root())) {
            for (Path module : modules.sorted().toList()) {
                Path java = module.resolve("src/main/java");
                if (Files.isDirectory(java) && !module.endsWith("bench")) {
                    collect(java, used);
                }
            }
        }
        Set<String> listed = new TreeSet<>();
        FindingCatalog.all().forEach(e -> listed.add(e.code()));
        assertEquals(used, listed, "findings.txt of module report lists every code that is used, and no other");
    }

    /// `-Dreference.write=true` writes the page anew.
    @Test
    void thePageOfFindingsIsTheCatalog() throws IOException {
        Path page = root().resolve("docs/findings.md");
        if (Boolean.getBoolean("reference.write")) {
            Files.writeString(page, FindingCatalog.page());
        }
        assertEquals(FindingCatalog.page(), Files.readString(page), "run this test with -Dreference.write=true");
    }

    private static void collect(Path folder, Set<String> codes) throws IOException {
        try (Stream<Path> tree = Files.walk(folder)) {
            for (Path file :
                    tree.filter(path -> path.toString().endsWith(".java")).toList()) {
                String source = Files.readString(file);
                Matcher numbered = NUMBERED.matcher(source);
                while (numbered.find()) {
                    codes.add(numbered.group(1));
                }
                Matcher words = WORDS.matcher(source);
                while (words.find()) {
                    codes.add(words.group(1).toUpperCase(Locale.ROOT));
                }
            }
        }
    }

    private static Path root() {
        return Path.of("").toAbsolutePath().getParent();
    }
}
