package dev.nibble.cli;

import dev.nibble.graph.Nearest;
import dev.nibble.pipeline.output.Unfinished;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// The command line: `nibble COMMAND …`.
public final class Nibble {
    private final Terminal terminal;

    private Nibble(Terminal terminal) {
        this.terminal = terminal;
    }

    /// Runs one command and ends the process with its [ExitCode].
    public static void main(String... arguments) {
        Terminal terminal = Terminal.ofProcess();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> deleteUnfinished(terminal), "interrupted"));
        // Only threads whose failure nobody waits for end here; the command itself reports all others.
        Thread.setDefaultUncaughtExceptionHandler(
                (thread, thrown) -> Failure.of(thrown, thread.getName(), null).print(terminal));
        System.exit(run(terminal, arguments));
    }

    /// Runs one command.
    ///
    /// @return the exit code
    public static int run(Terminal terminal, String... arguments) {
        return new Nibble(terminal).run(arguments);
    }

    private int run(String... given) {
        if (given.length == 1 && given[0].equals("--version")) {
            terminal.out().println(Version.current().text());
            return ExitCode.DONE.code();
        }
        String[] arguments = Spellings.normalize(helpLast(given));
        Configuration configuration = null;
        CommandLine line = null;
        try {
            configuration = Configuration.find(terminal.workingDirectory()).orElse(null);
            if (configuration != null) {
                configuration.check(CommandRegistry.all(terminal, null));
            }
            line = CommandRegistry.forArguments(terminal, configuration, arguments);
            return execute(line, arguments);
        } catch (ParameterException e) {
            wrongUse(e, configuration).print(terminal);
            return ExitCode.COULD_NOT_RUN.code();
        } catch (InterruptedException | CancellationException e) {
            return ExitCode.INTERRUPTED.code();
        } catch (Throwable thrown) { // nothing may end in a raw stack trace, an OutOfMemoryError neither
            NibbleCommand command = line == null ? null : asked(line);
            String name = arguments.length == 0 ? "nibble" : arguments[0];
            if (Arrays.asList(arguments).contains("--debug") || (command != null && command.debug())) {
                thrown.printStackTrace(terminal.err());
            }
            Failure.of(thrown, name, command == null ? null : command.activity())
                    .print(terminal);
            return ExitCode.COULD_NOT_RUN.code();
        }
    }

    private int execute(CommandLine line, String... arguments) throws Exception {
        CommandLine.ParseResult parsed = line.parseArgs(arguments);
        if (parsed.subcommand() == null) {
            if (parsed.hasMatchedOption("--version")) {
                terminal.out().println(Version.current().text());
                return ExitCode.DONE.code();
            }
            line.usage(parsed.isUsageHelpRequested() ? terminal.out() : terminal.err());
            return parsed.isUsageHelpRequested() ? ExitCode.DONE.code() : ExitCode.COULD_NOT_RUN.code();
        }
        CommandLine command = parsed.subcommand().commandSpec().commandLine();
        if (parsed.subcommand().isUsageHelpRequested()) {
            command.usage(terminal.out());
            return ExitCode.DONE.code();
        }
        NibbleCommand asked = command.getCommand();
        return asked.call();
    }

    /// `help quantize` is `quantize --help`.
    private static String[] helpLast(String... arguments) {
        if (arguments.length == 0 || !arguments[0].equals("help")) {
            return arguments;
        }
        return Stream.concat(Arrays.stream(arguments).skip(1), Stream.of("--help"))
                .toArray(String[]::new);
    }

    private static @Nullable NibbleCommand asked(CommandLine line) {
        CommandLine.ParseResult parsed = line.getParseResult();
        return parsed != null
                        && parsed.subcommand() != null
                        && parsed.subcommand().commandSpec().userObject() instanceof NibbleCommand command
                ? command
                : null;
    }

    private static Failure wrongUse(ParameterException e, @Nullable Configuration configuration) {
        CommandLine command = e.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        String see = "see '" + name + " --help'";
        if (e instanceof UnmatchedArgumentException unmatched) {
            String argument = unmatched.getUnmatched().getFirst();
            if (argument.startsWith("-") && argument.length() > 1) {
                String option = argument.split("=", 2)[0];
                List<String> known = command.getCommandSpec().options().stream()
                        .map(OptionSpec::longestName)
                        .toList();
                return new Failure(
                        "'" + name + "' has no option '" + option + "'", Nearest.didYouMean(option, known, see));
            }
            if (command.getCommand() instanceof RootCommand) {
                return new Failure(
                        "there is no command '" + argument + "'",
                        Nearest.didYouMean(argument, CommandRegistry.names(), "see 'nibble --help' for the commands"));
            }
            return new Failure("'" + name + "' does not know what to do with '" + argument + "'", see);
        }
        String hint = configuration != null
                        && e.getArgSpec() instanceof OptionSpec option
                        && configuration.value(option).isPresent()
                ? "'" + configuration.file() + "' sets '" + CommandRegistry.key(option) + "'; " + see
                : see;
        String message = String.valueOf(e.getMessage());
        return new Failure(message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1), hint);
    }

    private static void deleteUnfinished(Terminal terminal) {
        Unfinished.deleteForGood()
                .forEach(path -> terminal.err().println("warning: could not delete the unfinished '" + path + "'"));
    }
}
