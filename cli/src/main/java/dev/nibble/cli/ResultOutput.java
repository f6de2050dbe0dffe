package dev.nibble.cli;

import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.text.TerminalReport;
import dev.nibble.report.text.TerminalStyle;
import java.nio.file.Path;

/// The outcome of `quantize` and `demo` on the terminal: the verdict, the tables, where the report is.
final class ResultOutput {
    private static final int WIDTH = 100;

    private ResultOutput() {}

    static void print(NibbleCommand command, ResultDocument document, Path folder) {
        Terminal terminal = command.terminal();
        switch (command.everywhere().format()) {
            case JSON -> {
                terminal.out().println(ReportJson.write(document));
                if (document.verdict().alarming()) {
                    command.warn(document.verdict().sentence());
                }
            }
            case TABLE -> {
                terminal.out()
                        .println(TerminalReport.of(document, new TerminalStyle(WIDTH, terminal.colorOut(), true), false)
                                .stripTrailing());
                terminal.out().println();
                terminal.out().println("report  " + folder.resolve("report.html"));
            }
        }
    }
}
