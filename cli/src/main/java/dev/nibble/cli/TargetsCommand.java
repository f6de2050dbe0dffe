package dev.nibble.cli;

import dev.nibble.pipeline.TargetsDocument;
import dev.nibble.pipeline.TargetsDocument.Fact;
import dev.nibble.pipeline.TargetsDocument.Row;
import dev.nibble.report.text.TextTable;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `targets`: the devices that `--target` takes.
@Command(
        name = "targets",
        description = "List the devices, or say all that is known of some.",
        optionListHeading = "%nOptions:%n")
final class TargetsCommand extends NibbleCommand {
    @Parameters(
            paramLabel = "NAME",
            arity = "0..*",
            description = "A device such as sm8650, or a target file; without one all are listed.")
    private @Nullable List<String> names;

    @Override
    protected ExitCode run() {
        List<String> wanted = names == null ? everywhere().targets() : names;
        List<String> resolved = wanted.stream()
                .map(name -> name.endsWith(".toml")
                        ? terminal().resolve(java.nio.file.Path.of(name)).toString()
                        : name)
                .toList();
        TargetsDocument document = TargetsDocument.of(resolved);
        print(document, () -> wanted.isEmpty() ? list(document.targets()) : details(document.targets()));
        return ExitCode.DONE;
    }

    private String list(List<Row> targets) {
        TextTable table = TextTable.of("target", "sold as", "HTP", ">VTCM", "float16", "also");
        targets.forEach(t -> table.row(
                t.name(),
                t.marketing(),
                t.arch().value(),
                t.vtcmMb().value() + " MB",
                t.float16().value() ? "yes" : "no",
                String.join(", ", t.aliases())));
        return table.render(style());
    }

    private String details(List<Row> targets) {
        StringBuilder text = new StringBuilder();
        for (Row t : targets) {
            text.append(t.name()).append(": ").append(t.marketing()).append('\n');
            if (!t.aliases().isEmpty()) {
                text.append("also ").append(String.join(", ", t.aliases())).append('\n');
            }
            TextTable table = TextTable.of("fact", ">value", "status", "source");
            row(table, "HTP", t.arch());
            row(table, "SoC id", t.socId());
            row(table, "VTCM, MB", t.vtcmMb());
            row(table, "float16", t.float16());
            t.rates().forEach((name, rate) -> row(table, name, rate));
            text.append(table.render(style())).append('\n');
            TextTable takes = TextTable.of("operator", "precisions it takes (by rules learned from the compiler)");
            t.takes().forEach((op, precisions) -> takes.row(op, String.join(", ", precisions)));
            text.append(takes.render(style())).append('\n');
        }
        return text.toString();
    }

    private static void row(TextTable table, String name, Fact<?> fact) {
        Object value = fact.value();
        String shown = value instanceof Double number ? String.format(Locale.ROOT, "%.4g", number) : value.toString();
        table.row(name, shown, fact.status(), fact.source());
    }
}
