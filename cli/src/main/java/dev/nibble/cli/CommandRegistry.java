package dev.nibble.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/// The commands, and how they become one command line.
final class CommandRegistry {
    /// Help is no wider than this.
    private static final int HELP_WIDTH = 100;

    /// A command: a class annotated `@Command(name = …)` that extends [NibbleCommand], and its name once more, so
    /// that starting one command need not look at the others.
    record Entry(String name, Supplier<NibbleCommand> make) {}

    /// In the order of the help page.
    static final List<Entry> COMMANDS = List.of(
            new Entry("quantize", QuantizeCommand::new),
            new Entry("demo", DemoCommand::new),
            new Entry("evaluate", EvaluateCommand::new),
            new Entry("compare", CompareCommand::new),
            new Entry("inspect", InspectCommand::new),
            new Entry("simplify", SimplifyCommand::new),
            new Entry("overrides", OverridesCommand::new),
            new Entry("encodings", EncodingsCommand::new),
            new Entry("targets", TargetsCommand::new),
            new Entry("estimate", EstimateCommand::new),
            new Entry("roofline", RooflineCommand::new),
            new Entry("fit", FitCommand::new),
            new Entry("tune", TuneCommand::new),
            new Entry("htp-config", HtpConfigCommand::new),
            new Entry("explain", ExplainCommand::new),
            new Entry("run", RunCommand::new),
            new Entry("profile", ProfileCommand::new),
            new Entry("placement", PlacementCommand::new),
            new Entry("compile", CompileCommand::new),
            new Entry("htp", HtpCommand::new),
            new Entry("config", ConfigCommand::new),
            new Entry("completion", CompletionCommand::new));

    private CommandRegistry() {}

    static List<String> names() {
        return COMMANDS.stream().map(Entry::name).toList();
    }

    /// The command line with every command.
    static CommandLine all(Terminal terminal, @Nullable Configuration configuration) {
        return build(terminal, configuration, COMMANDS);
    }

    /// The command line with the one command that `arguments` ask for, which starts faster; with all of them where that
    /// is not clear.
    static CommandLine forArguments(Terminal terminal, @Nullable Configuration configuration, String... arguments) {
        List<Entry> asked = arguments.length == 0
                ? List.of()
                : COMMANDS.stream()
                        .filter(entry -> entry.name().equals(arguments[0]))
                        .toList();
        return build(terminal, configuration, asked.isEmpty() ? COMMANDS : asked);
    }

    private static CommandLine build(Terminal terminal, @Nullable Configuration configuration, List<Entry> entries) {
        CommandLine root = new CommandLine(new RootCommand());
        for (Entry entry : entries) {
            NibbleCommand command = entry.make().get();
            command.attach(terminal);
            root.addSubcommand(entry.name(), command);
        }
        root.setUsageHelpWidth(HELP_WIDTH);
        root.setUsageHelpLongOptionsMaxWidth(HELP_WIDTH / 3);
        root.setAbbreviatedOptionsAllowed(false);
        root.setOverwrittenOptionsAllowed(true);
        root.setTrimQuotes(false);
        root.setColorScheme(CommandLine.Help.defaultColorScheme(
                terminal.colorOut() ? CommandLine.Help.Ansi.ON : CommandLine.Help.Ansi.OFF));
        root.getSubcommands().values().forEach(CommandRegistry::configure);
        if (configuration != null) {
            root.getSubcommands().values().forEach(command -> command.setDefaultValueProvider(configuration));
        }
        return root;
    }

    private static void configure(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        spec.usageMessage().sortOptions(false).abbreviateSynopsis(true);
        for (ArgSpec argument : spec.args()) {
            Class<?> type = argument.isMultiValue() ? argument.auxiliaryTypes()[0] : argument.type();
            if (type.isEnum()) {
                registerWords(command, type.asSubclass(Enum.class));
            }
        }
        if (command.getCommand() instanceof QuantizeCommand) {
            SampleOptions.notRequired(spec);
        }
        if (command.getCommand() instanceof ConfigCommand) {
            command.setStopAtPositional(true);
        }
    }

    /// The longest name of an option, without its dashes: `act-bitwidth`.
    static String key(OptionSpec option) {
        return option.longestName().replaceFirst("^--?", "");
    }

    /// Lets an enum constant `MIN_MAX` be written `min-max`, in any case.
    @SuppressWarnings({"rawtypes", "unchecked"}) // picocli knows the class only as Class<?>
    private static void registerWords(CommandLine command, Class<? extends Enum> type) {
        command.registerConverter((Class) type, (ITypeConverter) value -> word(type, value));
    }

    private static Enum<?> word(Class<? extends Enum> type, String value) {
        String wanted = value.strip().toLowerCase(Locale.ROOT).replace('_', '-');
        Enum<?>[] constants = type.getEnumConstants();
        return Arrays.stream(constants)
                .filter(constant -> wordOf(constant).equals(wanted))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("expected one of "
                        + String.join(
                                ", ",
                                Arrays.stream(constants)
                                        .map(CommandRegistry::wordOf)
                                        .toList())
                        + ", but was '" + value + "'"));
    }

    /// How a constant is written on the command line.
    static String wordOf(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
