package dev.nibble.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What every finding's code means: cause, evidence, what to do, and where there is one the whole story. The page
/// `docs/findings.md` and the command `explain` are made of it; the data are `findings.txt`.
public final class FindingCatalog {
    private static final String INTRODUCTION = """
            # Findings: what each code means

            Findings stand in the report, in the terminal output and in JSON (`findings[]`: `code`, `severity`, `text`, `fix`). The text
            names what and where, the fix the next thing to do; this page says how it comes about, and so does `nibble explain CODE`.
            An *error* is the first line of the output. Codes do not change their meaning.

            What is not quantized or not compared is no finding: it stands in `skipped[]` with its reason. `quantize` says chance level
            and collapse in its verdict ([measurement](designs/measurement.md)).

            This page is made from `report/.../findings.txt` (see CONTRIBUTING).
            """;

    /// @param severity `note`, `warning`, `error`, or a phrase where it depends
    /// @param title empty where the cause says it all
    /// @param evidence what shows it; empty where the text of the finding says it
    /// @param story paragraphs
    public record Entry(
            String code,
            String section,
            String severity,
            String title,
            String cause,
            String evidence,
            String fix,
            List<String> story) {
        public Entry {
            story = List.copyOf(story);
            if (cause.isEmpty() || fix.isEmpty()) {
                throw new IllegalStateException("finding " + code + " lacks a cause or a fix");
            }
        }
    }

    /// A part of the page.
    private record Section(String name, String introduction, List<Entry> entries) {}

    private FindingCatalog() {}

    public static List<Entry> all() {
        return read().stream().flatMap(s -> s.entries().stream()).toList();
    }

    public static Optional<Entry> find(String code) {
        return all().stream().filter(e -> e.code().equals(code)).findFirst();
    }

    /// The page `docs/findings.md`.
    public static String page() {
        StringBuilder page = new StringBuilder(INTRODUCTION);
        for (Section section : read()) {
            page.append("\n## ").append(section.name()).append('\n');
            if (!section.introduction().isEmpty()) {
                page.append(section.introduction()).append("\n\n");
            }
            boolean titles = section.entries().stream().anyMatch(e -> !e.title().isEmpty());
            page.append(
                    titles
                            ? "| code | severity | what | cause | evidence | what to do |\n|---|---|---|---|---|---|\n"
                            : "| code | severity | cause | what to do |\n|---|---|---|---|\n");
            for (Entry e : section.entries()) {
                page.append("| `")
                        .append(e.code())
                        .append("` | ")
                        .append(e.severity())
                        .append(" | ");
                if (titles) {
                    page.append(e.title()).append(" | ");
                }
                page.append(e.cause()).append(" | ");
                if (titles) {
                    page.append(e.evidence()).append(" | ");
                }
                page.append(e.fix()).append(" |\n");
            }
            section.entries().stream().filter(e -> !e.story().isEmpty()).forEach(e -> {
                page.append("\n### ")
                        .append(e.code())
                        .append(": ")
                        .append(e.title())
                        .append("\n");
                page.append(String.join("\n\n", e.story())).append('\n');
            });
        }
        return page.toString();
    }

    private static List<Section> read() {
        try (InputStream in = FindingCatalog.class.getResourceAsStream("findings.txt")) {
            if (in == null) {
                throw new IllegalStateException("findings.txt is missing");
            }
            return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Section> parse(String text) {
        List<Section> sections = new ArrayList<>();
        for (String part : text.split("(?m)^== ")) {
            if (part.startsWith("#") || part.isBlank()) {
                continue;
            }
            String[] blocks = part.split("(?m)^-- ");
            String[] head = blocks[0].split("\n", 2);
            List<Entry> entries = new ArrayList<>();
            for (int i = 1; i < blocks.length; i++) {
                entries.add(entry(head[0].strip(), blocks[i]));
            }
            sections.add(new Section(head[0].strip(), head.length > 1 ? head[1].strip() : "", entries));
        }
        return sections;
    }

    private static Entry entry(String section, String block) {
        String[] lines = block.strip().split("\n");
        String[] head = lines[0].split("\\|");
        String cause = "";
        String evidence = "";
        String fix = "";
        List<String> story = new ArrayList<>();
        for (int i = 1; i < lines.length; i++) {
            String line = lines[i].strip();
            if (line.startsWith("cause: ")) {
                cause = line.substring("cause: ".length());
            } else if (line.startsWith("evidence: ")) {
                evidence = line.substring("evidence: ".length());
            } else if (line.startsWith("fix: ")) {
                fix = line.substring("fix: ".length());
            } else if (!line.isEmpty()) {
                story.add(line);
            }
        }
        return new Entry(
                head[0].strip(),
                section,
                head[1].strip(),
                head.length > 2 ? head[2].strip() : "",
                cause,
                evidence,
                fix,
                story);
    }
}
