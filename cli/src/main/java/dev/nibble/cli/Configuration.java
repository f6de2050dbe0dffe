package dev.nibble.cli;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/// The settings of a project: `nibble.toml`, found in the working directory or above it.
///
/// Options of [EverywhereOptions] stand at the top or in a command's table, a command's own options in its table:
///
/// ```toml
/// target = "sm8650"
/// [quantize]
/// act-bitwidth = 16
/// ```
///
/// A flag on the command line beats the file. Relative paths are relative to the file.
///
/// @param file where it was found
/// @param sections table name (empty for the top) to option name (without dashes) to value
record Configuration(Path file, Map<String, Map<String, String>> sections) implements IDefaultValueProvider {
    static final String FILE_NAME = "nibble.toml";

    /// The nearest `nibble.toml` in `directory` or above.
    ///
    /// @throws NibbleException when it cannot be read or is no TOML
    static Optional<Configuration> find(Path directory) {
        for (Path at = directory.toAbsolutePath().normalize(); at != null; at = at.getParent()) {
            Path file = at.resolve(FILE_NAME);
            if (Files.isRegularFile(file)) {
                return Optional.of(read(file));
            }
        }
        return Optional.empty();
    }

    static Configuration read(Path file) {
        JsonNode tree;
        try {
            tree = new TomlMapper().readTree(Files.readString(file));
        } catch (IOException e) {
            throw new NibbleException("cannot read '" + file + "'", "check that it is a readable UTF-8 file", e);
        } catch (JacksonException e) {
            String where =
                    e.getLocation() == null ? "" : ", line " + e.getLocation().getLineNr();
            throw new NibbleException(
                    "'" + file + "'" + where + ": " + ParserMessage.plain(e.getOriginalMessage()),
                    "correct the TOML there",
                    e);
        }
        Map<String, Map<String, String>> sections = new LinkedHashMap<>();
        sections.put("", new LinkedHashMap<>());
        tree.properties().forEach(entry -> {
            if (entry.getValue().isObject()) {
                Map<String, String> section = new LinkedHashMap<>();
                entry.getValue()
                        .properties()
                        .forEach(setting -> put(file, section, setting.getKey(), setting.getValue()));
                sections.put(entry.getKey(), section);
            } else {
                put(file, sections.get(""), entry.getKey(), entry.getValue());
            }
        });
        return new Configuration(file, sections);
    }

    private static void put(Path file, Map<String, String> section, String key, JsonNode value) {
        List<String> parts = new ArrayList<>();
        for (JsonNode part : value.isArray() ? value : List.of(value)) {
            if (!part.isValueNode()) {
                throw new NibbleException(
                        "'" + file + "': the value of '" + key + "' is a table",
                        "give a text, a number, true, false or a list of those");
            }
            parts.add(part.asString());
        }
        String name = Spellings.option("--" + key).substring(2);
        if (section.put(name, String.join(",", parts)) != null) {
            throw new NibbleException("'" + file + "': '" + name + "' is set twice", "remove one of the two");
        }
    }

    /// Checks every name in the file against the commands.
    ///
    /// @param root the command line with all commands
    /// @throws NibbleException for an unknown table or key, with the nearest known one
    void check(CommandLine root) {
        sections.forEach((section, settings) -> {
            CommandLine command =
                    section.isEmpty() ? everywhere() : root.getSubcommands().get(section);
            if (command == null) {
                throw new NibbleException(
                        "'" + file + "': there is no command '" + section + "' for the table [" + section + "]",
                        Nearest.didYouMean(section, root.getSubcommands().keySet(), "tables are named after commands"));
            }
            List<String> known = keys(command);
            settings.keySet().stream()
                    .filter(key -> !known.contains(key))
                    .findFirst()
                    .ifPresent(key -> {
                        String where = section.isEmpty() ? "at the top" : "in [" + section + "]";
                        throw new NibbleException(
                                "'" + file + "': unknown key '" + key + "' " + where,
                                Nearest.didYouMean(key, known, "known there: " + String.join(", ", known)));
                    });
        });
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option)) {
            return null;
        }
        String value = value(option).orElse(null);
        boolean path = option.type() == Path.class;
        return value == null || !path
                ? value
                : file.resolveSibling(value).normalize().toString();
    }

    /// What the file says of an option of a command: in the command's table, else at the top.
    Optional<String> value(OptionSpec option) {
        String key = CommandRegistry.key(option);
        String section = option.command().name();
        Map<String, String> own = sections.getOrDefault(section, Map.of());
        if (own.containsKey(key)) {
            return Optional.of(own.get(key));
        }
        return Optional.ofNullable(sections.getOrDefault("", Map.of()).get(key))
                .filter(_ -> keys(everywhere()).contains(key));
    }

    private static CommandLine everywhere() {
        return new CommandLine(new EverywhereOptions());
    }

    private static List<String> keys(CommandLine command) {
        return command.getCommandSpec().options().stream()
                .filter(option -> !option.usageHelp())
                .map(CommandRegistry::key)
                .sorted()
                .toList();
    }
}
