package dev.nibble.cli;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParseResult;

/// `config show`: the value of every option as it would be used, and where it comes from.
@Command(
        name = "config",
        description = "Print settings and where each comes from: config show [COMMAND [OPTIONS]]",
        optionListHeading = "%nOptions:%n")
final class ConfigCommand extends NibbleCommand {
    @Parameters(index = "0", paramLabel = "show", description = "What to do; there is only show.")
    private String action;

    @Parameters(
            index = "1..*",
            paramLabel = "COMMAND [OPTIONS]",
            description = "Only this command, as if it were started with these options.")
    private @Nullable List<String> arguments;

    /// One option's value.
    ///
    /// @param origin `command line`, `default` or the path of nibble.toml
    record Setting(String command, String option, @Nullable String value, String origin) {}

    /// What `config show --format json` prints.
    record Document(@Nullable String file, List<Setting> settings) {}

    @Override
    protected ExitCode run() {
        if (!action.equals("show")) {
            throw new NibbleException("there is no 'config " + action + "'", "run 'nibble config show'");
        }
        Configuration configuration =
                Configuration.find(terminal().workingDirectory()).orElse(null);
        CommandLine root = CommandRegistry.all(terminal(), configuration);
        List<Setting> settings = new ArrayList<>();
        if (arguments == null || arguments.isEmpty()) {
            CommandRegistry.names().forEach(name -> settings.addAll(settings(root, configuration, List.of(name))));
        } else {
            String name = arguments.getFirst();
            if (!CommandRegistry.names().contains(name)) {
                throw new NibbleException(
                        "there is no command '" + name + "'",
                        Nearest.didYouMean(name, CommandRegistry.names(), "run 'nibble --help' for the commands"));
            }
            settings.addAll(settings(root, configuration, arguments));
        }
        String file = configuration == null ? null : configuration.file().toString();
        print(new Document(file, settings), () -> table(file, settings));
        return ExitCode.DONE;
    }

    private static List<Setting> settings(
            CommandLine root, @Nullable Configuration configuration, List<String> arguments) {
        // Required options may be missing: nothing is going to be run.
        root.getSubcommands()
                .values()
                .forEach(command -> command.getCommandSpec().parser().collectErrors(true));
        ParseResult parsed = root.parseArgs(Spellings.normalize(arguments.toArray(String[]::new)))
                .subcommand();
        List<Setting> settings = new ArrayList<>();
        for (OptionSpec option : parsed.commandSpec().options()) {
            if (option.usageHelp()) {
                continue;
            }
            String file = configuration == null ? null : configuration.defaultValue(option);
            boolean given = parsed.hasMatchedOption(option);
            String value = given
                    ? String.join(
                            ",", parsed.matchedOption(option.longestName()).originalStringValues())
                    : file != null ? file : option.defaultValue();
            String origin = given
                    ? "command line"
                    : file != null && configuration != null
                            ? configuration.file().toString()
                            : "default";
            settings.add(new Setting(arguments.getFirst(), CommandRegistry.key(option), value, origin));
        }
        return settings;
    }

    private static String table(@Nullable String file, List<Setting> settings) {
        StringBuilder text = new StringBuilder(file == null ? "No nibble.toml here or above.\n" : file + "\n");
        int keyWidth =
                settings.stream().mapToInt(s -> s.option().length()).max().orElse(0);
        int valueWidth =
                settings.stream().mapToInt(s -> shown(s).length()).max().orElse(0);
        String command = "";
        for (Setting setting : settings) {
            if (!setting.command().equals(command)) {
                command = setting.command();
                text.append("\n[").append(command).append("]\n");
            }
            text.append(("%-" + keyWidth + "s = %-" + (valueWidth + 1) + "s # %s%n")
                    .formatted(setting.option(), shown(setting), setting.origin()));
        }
        return text.toString();
    }

    private static String shown(Setting setting) {
        return setting.value() == null ? "(not set)" : setting.value();
    }
}
