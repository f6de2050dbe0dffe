package dev.nibble.cli;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.htp.Placement;
import dev.nibble.pipeline.htp.PlacementDocument;
import dev.nibble.report.Finding;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `placement`: which operators the HTP takes.
@Command(
        name = "placement",
        description = {
            "Show which operators of a model the HTP takes, which not, and why.",
            "",
            "With Qualcomm's libraries (nibble htp install) the compiler itself is asked for each target; without them,"
                    + " the rules learned from it are."
        },
        optionListHeading = "%nOptions:%n")
final class PlacementCommand extends NibbleCommand {
    private static final int TOP = 20;

    @Parameters(paramLabel = "MODEL", description = "The model file, float or QDQ.")
    private Path model;

    @Option(
            order = 1,
            names = "--strict",
            description = "Exit with 1 unless each target takes the whole model, none of it in float inside integers.")
    private boolean strict;

    @Option(order = 2, names = "--rules", description = "Ask the rules, even where the compiler could be asked.")
    private boolean rules;

    @Option(
            order = 3,
            names = "--apply",
            paramLabel = "FILE",
            description = {
                "Write the model with fixed shapes and what the HTP does not take rewritten: more than five axes, the weights"
                        + " of normalizations, blocked weights, modes of Resize. Each rewrite is proved by running both"
                        + " models. The answer is about that file."
            })
    private @Nullable Path apply;

    @Option(order = 133, names = "--all", description = "Every row of a table instead of the first twenty.")
    private boolean all;

    @Override
    protected ExitCode run() {
        List<String> names = everywhere().targets().isEmpty()
                ? List.of(QuantizeCommand.DEFAULT_TARGET)
                : everywhere().targets();
        List<Target> targets = names.stream().map(Targets::find).toList();
        HtpLibraries libraries = HtpLibraries.of(terminal().environment());
        PlacementDocument document = Placement.run(
                new Placement.Options(
                        terminal().resolve(model),
                        targets,
                        rules ? new HtpLibraries(Path.of("")) : libraries,
                        everywhere().shapesByName(),
                        everywhere().threads(),
                        Optional.ofNullable(apply).map(terminal()::resolve),
                        everywhere().force(),
                        Version.current().nibble()),
                progress());
        print(document, () -> text(document));
        List<String> failures = new ArrayList<>();
        if (strict) {
            for (PlacementDocument.OfTarget target : document.targets()) {
                if (!target.whole() || !target.nodes().isEmpty()) {
                    failures.add("%s does not take the whole model in integers".formatted(target.soc()));
                }
            }
        }
        return gate(failures);
    }

    private String text(PlacementDocument document) {
        StringBuilder text = new StringBuilder();
        TextTable table = TextTable.of("target", ">on the HTP", ">on the CPU", ">partitions", "compiled");
        for (PlacementDocument.OfTarget target : document.targets()) {
            table.row(
                    target.soc(),
                    Integer.toString(target.onHtp()),
                    Integer.toString(target.onCpu()),
                    target.partitions() == null ? "–" : target.partitions().toString(),
                    target.finalized() == null ? "not asked" : target.finalized() ? "yes" : "no");
        }
        text.append(table.render(style()));
        for (PlacementDocument.OfTarget target : document.targets()) {
            List<PlacementDocument.Row> rows = target.nodes();
            int shown = all ? rows.size() : Math.min(TOP, rows.size());
            if (rows.isEmpty()) {
                continue;
            }
            text.append('\n').append(target.soc()).append(", not simply on the HTP");
            text.append(
                    shown < rows.size() ? ": %d of %d, --all shows the rest%n".formatted(shown, rows.size()) : "\n");
            for (PlacementDocument.Row row : rows.subList(0, shown)) {
                text.append("  %s: %s%s%n"
                        .formatted(row.where(), row.op(), row.name().isEmpty() ? "" : " '" + row.name() + "'"));
                text.append("    reason: ").append(row.reason()).append('\n');
                text.append("    advice: ").append(row.advice()).append('\n');
            }
        }
        for (Finding finding : document.findings()) {
            text.append('\n')
                    .append("%s %s: %s%n".formatted(finding.severity().label(), finding.code(), finding.text()));
            if (finding.fix() != null) {
                text.append("  fix: ").append(finding.fix()).append('\n');
            }
        }
        return text.toString();
    }
}
