package dev.nibble.cli;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.report.FindingCatalog;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `explain`: the whole story of a finding.
@Command(
        name = "explain",
        description = "Tell how a finding comes about, what shows it, and what to do.",
        optionListHeading = "%nOptions:%n")
final class ExplainCommand extends NibbleCommand {
    @Parameters(paramLabel = "CODE", arity = "1..*", description = "The codes, such as N301.")
    private List<String> codes;

    /// What is printed as JSON.
    record Document(int schemaVersion, List<FindingCatalog.Entry> findings) {}

    @Override
    protected ExitCode run() {
        List<FindingCatalog.Entry> entries = codes.stream()
                .map(code -> code.strip().toUpperCase(Locale.ROOT))
                .map(code -> FindingCatalog.find(code)
                        .orElseThrow(() -> new NibbleException(
                                "there is no finding '" + code + "'",
                                Nearest.didYouMean(
                                        code,
                                        FindingCatalog.all().stream()
                                                .map(FindingCatalog.Entry::code)
                                                .toList(),
                                        "docs/findings.md lists them all"))))
                .toList();
        print(new Document(dev.nibble.report.Document.SCHEMA_VERSION, entries), () -> text(entries));
        return ExitCode.DONE;
    }

    private static String text(List<FindingCatalog.Entry> entries) {
        StringBuilder text = new StringBuilder();
        for (FindingCatalog.Entry e : entries) {
            text.append("%s%s (%s)%n".formatted(e.code(), e.title().isEmpty() ? "" : ": " + e.title(), e.severity()));
            text.append("cause: ").append(e.cause()).append('\n');
            if (!e.evidence().isEmpty()) {
                text.append("evidence: ").append(e.evidence()).append('\n');
            }
            text.append("what to do: ").append(e.fix()).append('\n');
            e.story().forEach(p -> text.append('\n').append(p).append('\n'));
            text.append('\n');
        }
        return text.toString();
    }
}
