package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.Progress;
import dev.nibble.report.Finding;
import dev.nibble.report.text.TerminalStyle;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;

/// What every command is made of: the options of [EverywhereOptions], a [Terminal], progress, and one method to write.
///
/// A command reads its options, calls `pipeline`, prints, and says how it ended. It throws [NibbleException] for what
/// the user can mend; [Nibble] prints it. Commands are listed in [CommandRegistry].
public abstract class NibbleCommand implements Callable<Integer> {
    @Mixin
    private EverywhereOptions everywhere;

    private @Nullable Terminal terminal;
    private @Nullable ConsoleProgress progress;

    /// Does the work.
    ///
    /// @throws Exception a [NibbleException] is shown as it is, an `IOException` by its cause, anything else as a defect
    protected abstract ExitCode run() throws Exception;

    @Override
    public final Integer call() throws Exception {
        everywhere.complaint().ifPresent(complaint -> {
            throw new NibbleException(complaint, "see --help");
        });
        return run().code();
    }

    /// The options that every command takes.
    protected final EverywhereOptions everywhere() {
        return everywhere;
    }

    /// Where to print and where relative paths start.
    protected final Terminal terminal() {
        if (terminal == null) {
            throw new IllegalStateException("the command was not made by CommandRegistry");
        }
        return terminal;
    }

    /// To be handed to long work; shown on stderr for work over a second, unless `--quiet`.
    protected final Progress progress() {
        if (progress == null) {
            progress = new ConsoleProgress(terminal(), everywhere.quiet());
        }
        return progress;
    }

    /// Prints the result: as JSON, or as the text that `table` makes.
    ///
    /// @param document a record whose components are the JSON's fields; `schemaVersion` is put first where it has none
    protected final void print(Object document, Supplier<String> table) {
        switch (everywhere.format()) {
            case JSON -> terminal().out().println(JsonOutput.text(document));
            case TABLE -> terminal().out().println(table.get().stripTrailing());
        }
    }

    /// Prints a warning on stderr, unless `--quiet`.
    protected final void warn(String message) {
        if (!everywhere.quiet()) {
            terminal().err().println("warning: " + message);
        }
    }

    /// How tables are drawn on stdout.
    protected final TerminalStyle style() {
        return new TerminalStyle(TerminalStyle.PLAIN.width(), terminal().colorOut(), true);
    }

    /// Repeats on stderr what nobody should overlook where stdout is a document for machines.
    protected final void alarm(List<Finding> findings) {
        if (everywhere.format() == Format.JSON) {
            findings.stream()
                    .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                    .forEach(finding -> warn(finding.text()));
        }
    }

    /// The end of a command with gates: says on stderr which do not hold.
    protected final ExitCode gate(List<String> failures) {
        failures.forEach(failure -> terminal().err().println("gate failed: " + failure));
        return failures.isEmpty() ? ExitCode.DONE : ExitCode.GATE_FAILED;
    }

    final void attach(Terminal to) {
        terminal = to;
    }

    /// What was being done last, for the message of a defect.
    final @Nullable String activity() {
        return progress == null ? null : progress.activity();
    }

    final boolean debug() {
        // Null where parsing failed before picocli made the mixin.
        return everywhere != null && everywhere.debug();
    }
}
