package dev.nibble.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `nibble` without a command.
@Command(
        name = "nibble",
        synopsisSubcommandLabel = "COMMAND",
        description = "Quantizes ONNX models for NPUs, restores the accuracy, and proves the result.",
        commandListHeading = "%nCommands:%n",
        footer = {"", "Run 'nibble COMMAND --help' for the options of a command."})
final class RootCommand {
    @Option(names = "--help", usageHelp = true, description = "Print this help.")
    @SuppressWarnings("unused") // picocli answers it
    private boolean help;

    @Option(names = "--version", description = "Print the versions of Nibble, Java and ONNX Runtime.")
    @SuppressWarnings("unused") // Nibble answers it
    private boolean version;
}
