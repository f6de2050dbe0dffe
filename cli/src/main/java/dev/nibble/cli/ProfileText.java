package dev.nibble.cli;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.profile.CompareProfiles;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.log.LogEvidence;
import dev.nibble.npu.profile.page.Headline;
import dev.nibble.report.text.TerminalStyle;
import dev.nibble.report.text.TextTable;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What `profile` prints for people.
///
/// @param top how many nodes, changes and refused nodes are listed
record ProfileText(TerminalStyle style, int top) {
    private static final int BAR = 20;

    String of(
            List<Profile> profiles,
            List<LogEvidence> logs,
            @Nullable CompareProfiles compared,
            @Nullable Estimate estimate) {
        StringBuilder text = new StringBuilder();
        for (Profile profile : profiles) {
            profile(text, profile, estimate);
        }
        if (compared != null) {
            changes(text, compared);
        }
        logs.forEach(log -> log(text, log));
        return text.toString();
    }

    private void profile(StringBuilder text, Profile p, @Nullable Estimate estimate) {
        text.append(p.file()).append(": ").append(Headline.of(p)).append('\n');
        if (estimate != null) {
            text.append(number(
                    "estimated for %s: %.3f ms, likely %.3f to %.3f ms\n",
                    estimate.target(),
                    estimate.totalMicros() / 1e3,
                    estimate.lowMicros() / 1e3,
                    estimate.highMicros() / 1e3));
        }
        p.said().forEach(s -> text.append("- ").append(s).append('\n'));
        p.skipped()
                .forEach(s -> text.append("- left out: ")
                        .append(s.count())
                        .append(" × ")
                        .append(s.reason())
                        .append(s.first() > 0 ? ", first in line " + s.first() : "")
                        .append('\n'));
        if (!p.phases().isEmpty()) {
            TextTable phases = TextTable.of("phase", ">mean of a run");
            p.phases().forEach((name, value) -> phases.row(name, figure(value)));
            text.append('\n').append(phases.render(style));
        }
        if (!p.offloaded().isEmpty()) {
            text.append("\nnot on the accelerator:\n");
            p.offloaded().stream().limit(top).forEach(o -> {
                text.append("- ").append(o.name()).append(o.op().isEmpty() ? "" : " (" + o.op() + ")");
                text.append(o.micros() == null ? "" : ", " + figure(o.micros()) + " µs");
                text.append(o.reason().isEmpty() ? "" : ": " + o.reason()).append('\n');
                text.append("  ").append(o.advice()).append('\n');
            });
        }
        if (!p.nodes().isEmpty()) {
            nodes(text.append('\n'), p);
        }
    }

    private void nodes(StringBuilder text, Profile p) {
        boolean timed = p.timed();
        boolean estimates = p.nodes().stream().anyMatch(n -> n.estimatedMicros() != null);
        boolean measured = p.nodes().stream().anyMatch(n -> n.value() > 0);
        TextTable table = estimates
                ? TextTable.of("node", "op", "where", timed ? ">µs" : ">cycles", ">share", "", ">estimated, µs")
                : TextTable.of("node", "op", "where", timed ? ">µs" : ">cycles", ">share", "");
        List<NodeTime> sorted = measured
                ? p.nodes().stream()
                        .sorted(Comparator.comparingDouble(NodeTime::share).reversed())
                        .limit(top)
                        .toList()
                : p.nodes().stream().limit(top).toList();
        double most = Math.max(1e-12, sorted.getFirst().share());
        double listed = 0;
        for (NodeTime n : sorted) {
            listed += n.share();
            String name = n.onnx().size() == 1 ? n.onnx().getFirst() : n.name();
            String value = n.value() == 0 && n.micros() == null && n.cycles() == null ? "" : figure(n.value());
            String bar = "█".repeat((int) Math.round(BAR * n.share() / most));
            String share = measured ? number("%.1f %%", 100 * n.share()) : "";
            if (estimates) {
                Double its = n.estimatedMicros();
                table.row(name, n.op(), n.where().id(), value, share, bar, its == null ? "" : number("%.1f", its));
            } else {
                table.row(name, n.op(), n.where().id(), value, share, bar);
            }
        }
        text.append(table.render(style));
        if (p.nodes().size() > sorted.size()) {
            text.append(number("%d of %d nodes", sorted.size(), p.nodes().size()))
                    .append(measured ? number(", %.1f %% of the whole", 100 * listed) : "")
                    .append("; --top N lists more\n");
        }
    }

    private void changes(StringBuilder text, CompareProfiles c) {
        text.append("\nagainst ").append(c.before()).append(", in ").append(c.unit());
        if (c.beforeTotal() != null && c.afterTotal() != null && c.beforeTotal() > 0) {
            text.append(number(
                    ": %s → %s (%+.1f %%)",
                    figure(c.beforeTotal()), figure(c.afterTotal()), 100 * (c.afterTotal() / c.beforeTotal() - 1)));
        }
        text.append('\n');
        c.said().forEach(s -> text.append("- ").append(s).append('\n'));
        if (c.notable().isEmpty()) {
            text.append("no node changed\n");
            return;
        }
        TextTable table = TextTable.of("node", "op", ">before", ">after", ">change", "");
        for (CompareProfiles.Change change : c.notable().stream().limit(top).toList()) {
            table.row(
                    change.name(),
                    change.op(),
                    change.before() == null ? "" : figure(change.before()),
                    change.after() == null ? "" : figure(change.after()),
                    (change.change() > 0 ? "+" : "") + figure(change.change()),
                    change.fate().name().toLowerCase(Locale.ROOT));
        }
        text.append(table.render(style));
    }

    private void log(StringBuilder text, LogEvidence log) {
        text.append(text.isEmpty() ? "" : "\n")
                .append(log.file())
                .append(": ")
                .append(log.lines())
                .append(" lines\n");
        for (LogEvidence.Placement p : log.placements()) {
            text.append(number("- session %d: %,d nodes on %s\n", p.session(), p.count(), p.provider()));
        }
        if (log.nodes().isEmpty() && log.errors().isEmpty() && log.signs().isEmpty()) {
            text.append("no refused node and no error that is known; a verbose log says more\n");
        }
        log.nodes().stream().limit(top).forEach(n -> {
            text.append("- refused: ")
                    .append(n.name())
                    .append(" (")
                    .append(n.op())
                    .append("), line ")
                    .append(n.line());
            text.append(": ").append(n.reason()).append('\n');
            if (!n.requested().isEmpty()) {
                text.append("    asked for  ")
                        .append(String.join(", ", n.requested()))
                        .append('\n');
                n.supported().stream()
                        .limit(5)
                        .forEach(s -> text.append("    would take ").append(s).append('\n'));
                if (n.supported().size() > 5) {
                    text.append("    and ").append(n.supported().size() - 5).append(" more (--format json)\n");
                }
            }
            text.append("  ").append(n.advice()).append('\n');
        });
        if (log.nodes().size() > top) {
            text.append("- and ").append(log.nodes().size() - top).append(" more; --top N lists more\n");
        }
        for (LogEvidence.Error e : log.errors()) {
            text.append("- error ").append(e.code()).append(e.name().isEmpty() ? "" : " " + e.name());
            text.append(number(", %d ×, first in line %d: ", e.times(), e.line()))
                    .append(e.meaning());
            text.append("\n  ").append(e.advice()).append('\n');
        }
        for (LogEvidence.Sign s : log.signs()) {
            text.append(number("- line %d: ", s.line()))
                    .append(s.text())
                    .append("\n  ")
                    .append(s.advice())
                    .append('\n');
        }
    }

    private static String figure(double value) {
        return number(Math.abs(value) >= 1000 || value == Math.rint(value) ? "%,.0f" : "%.3g", value);
    }

    private static String number(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
