package dev.nibble.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `completion`: the script that lets a shell complete Nibble's commands and options.
@Command(
        name = "completion",
        description = "Print a completion script: source <(nibble completion bash)",
        optionListHeading = "%nOptions:%n")
final class CompletionCommand extends NibbleCommand {
    /// The shells that are known.
    enum Shell {
        BASH,
        ZSH
    }

    @Parameters(paramLabel = "bash|zsh", arity = "0..1", defaultValue = "bash", description = "The shell.")
    private Shell shell;

    @Override
    protected ExitCode run() {
        String script = AutoComplete.bash("nibble", CommandRegistry.all(terminal(), null));
        terminal()
                .out()
                .println(
                        switch (shell) {
                            case BASH -> script;
                            // The script knows zsh; its completion of bash's kind has to be switched on first.
                            case ZSH -> "autoload -U +X compinit && compinit\n" + script;
                        });
        return ExitCode.DONE;
    }
}
