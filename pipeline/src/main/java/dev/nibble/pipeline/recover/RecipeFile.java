package dev.nibble.pipeline.recover;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import dev.nibble.pipeline.recover.Algorithm.Choice;
import dev.nibble.pipeline.recover.Algorithm.Setting;
import dev.nibble.pipeline.recover.Recipe.Step;
import dev.nibble.quant.weight.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/// A recipe as a TOML file: a list of algorithms,
///
/// ```toml
/// steps = ["zero-constant-channels", "cle", "seqmse", "gptq", "bias-correction"]
/// damping = 0.01
/// ```
///
/// or each step on its own, an algorithm on the operators in scope with its numbers:
///
/// ```toml
/// [[step]]
/// algorithm = "gptq"
/// scope = ["Conv", "layers.*.q_proj"]
/// damping = 0.05
/// ```
public final class RecipeFile {
    private static final String EXAMPLE = "write steps = [\"seqmse\", \"gptq\", \"bias-correction\"]";

    private final Path file;

    private RecipeFile(Path file) {
        this.file = file;
    }

    /// Reads a recipe, named as the file is.
    ///
    /// @throws NibbleException where the file is no TOML, a key, a step or a number is wrong, or steps are out of order
    public static Recipe read(Path file) {
        return new RecipeFile(file).read();
    }

    private Recipe read() {
        JsonNode tree;
        try {
            tree = TomlMapper.shared().readTree(Files.readString(file));
        } catch (IOException e) {
            throw new NibbleException(
                    "recipe '%s' cannot be read".formatted(file),
                    "name a TOML file, or one of the recipes plain, w4, enhanced",
                    e);
        } catch (JacksonException e) {
            throw new NibbleException(
                    "recipe '%s' is no readable TOML: %s".formatted(file, ParserMessage.plain(e.getOriginalMessage())),
                    "see line " + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()),
                    e);
        }
        List<String> known = new ArrayList<>(List.of("steps", "step"));
        Arrays.stream(Setting.values()).map(Setting::id).forEach(known::add);
        Arrays.stream(Choice.values()).map(Choice::id).forEach(known::add);
        requireKnown(tree, known, "recipe '%s'".formatted(file));
        boolean list = tree.has("steps");
        if (list == tree.has("step")) {
            throw wrong(list ? "it has both 'steps' and [[step]]" : "it has no list of steps", EXAMPLE);
        }
        JsonNode named = tree.path(list ? "steps" : "step");
        if (!named.isArray() || !list && named.isEmpty()) {
            throw wrong("'%s' is no list of steps".formatted(list ? "steps" : "step"), EXAMPLE);
        }
        List<Step> steps = new ArrayList<>();
        for (JsonNode step : named) {
            steps.add(step(step, tree));
        }
        for (Setting setting : Setting.values()) {
            boolean used =
                    steps.stream().anyMatch(step -> step.algorithm().settings().contains(setting));
            if (tree.has(setting.id()) && !used) {
                number(tree, setting).ifPresent(setting::require);
                throw wrong("no step takes '%s'".formatted(setting.id()), "leave it out");
            }
        }
        for (Choice choice : Choice.values()) {
            boolean used =
                    steps.stream().anyMatch(step -> step.algorithm().choices().contains(choice));
            if (tree.has(choice.id()) && !used) {
                word(tree, choice);
                throw wrong("no step takes '%s'".formatted(choice.id()), "leave it out");
            }
        }
        Path name = file.getFileName();
        try {
            return new Recipe(name == null ? "" : name.toString(), steps);
        } catch (NibbleException e) {
            throw wrong(String.valueOf(e.getMessage()), e.hint());
        }
    }

    private Step step(JsonNode node, JsonNode tree) {
        if (!node.isString() && !node.isObject()) {
            throw wrong("a step is %s".formatted(node), EXAMPLE);
        }
        JsonNode name = node.isString() ? node : node.path("algorithm");
        if (!name.isString()) {
            throw wrong("a step names no algorithm", "write algorithm = \"gptq\" below [[step]]");
        }
        Algorithm algorithm = algorithm(name.asString());
        Map<Setting, Double> settings = new EnumMap<>(Setting.class);
        algorithm.settings().forEach(setting -> number(tree, setting).ifPresent(value -> settings.put(setting, value)));
        Map<Choice, String> choices = new EnumMap<>(Choice.class);
        algorithm.choices().forEach(choice -> word(tree, choice).ifPresent(word -> choices.put(choice, word)));
        if (node.isString()) {
            return made(algorithm, Scope.ALL, settings, choices);
        }
        String where = "step '%s' of recipe '%s'".formatted(algorithm.id(), file);
        List<String> known = new ArrayList<>(List.of("algorithm", "scope"));
        algorithm.settings().forEach(setting -> known.add(setting.id()));
        algorithm.choices().forEach(choice -> known.add(choice.id()));
        requireKnown(node, known, where);
        algorithm.choices().forEach(choice -> word(node, choice).ifPresent(word -> choices.put(choice, word)));
        algorithm.settings().forEach(setting -> number(node, setting).ifPresent(value -> settings.put(setting, value)));
        return made(algorithm, scope(node.path("scope"), where), settings, choices);
    }

    private Algorithm algorithm(String name) {
        try {
            return Algorithm.named(name);
        } catch (NibbleException e) {
            throw wrong(String.valueOf(e.getMessage()), e.hint());
        }
    }

    private Step made(Algorithm algorithm, Scope scope, Map<Setting, Double> settings, Map<Choice, String> choices) {
        try {
            return new Step(algorithm, scope, settings, choices);
        } catch (NibbleException e) {
            throw wrong(String.valueOf(e.getMessage()), e.hint());
        }
    }

    private static Scope scope(JsonNode node, String where) {
        if (node.isMissingNode()) {
            return Scope.ALL;
        }
        List<String> patterns = new ArrayList<>();
        for (JsonNode pattern : node.isArray() ? node : List.of(node)) {
            if (!pattern.isString() || pattern.asString().isBlank()) {
                throw new NibbleException(
                        "the scope of %s holds %s".formatted(where, pattern),
                        "write scope = [\"Conv\", \"layers.*\"]: types of operators, or names with * and ?");
            }
            patterns.add(pattern.asString());
        }
        if (patterns.isEmpty()) {
            throw new NibbleException(
                    "the scope of %s is empty".formatted(where), "leave scope out for every operator");
        }
        return new Scope(patterns);
    }

    private Optional<Double> number(JsonNode node, Setting setting) {
        JsonNode value = node.path(setting.id());
        if (value.isMissingNode()) {
            return Optional.empty();
        }
        if (!value.isNumber()) {
            throw wrong(
                    "%s must be a number, but is %s".formatted(setting.id(), value),
                    "write " + setting.id() + " = " + setting.standard());
        }
        return Optional.of(value.asDouble());
    }

    private Optional<String> word(JsonNode node, Choice choice) {
        JsonNode value = node.path(choice.id());
        if (value.isMissingNode()) {
            return Optional.empty();
        }
        String word = value.isString() ? value.asString() : value.toString();
        try {
            choice.require(word);
        } catch (NibbleException e) {
            throw wrong(String.valueOf(e.getMessage()), e.hint());
        }
        return Optional.of(word);
    }

    private static void requireKnown(JsonNode node, List<String> known, String where) {
        for (String key : node.propertyNames()) {
            if (!known.contains(key)) {
                throw new NibbleException(
                        "%s has an unknown key '%s'".formatted(where, key),
                        Nearest.didYouMean(key, known, "known keys: " + String.join(", ", known)));
            }
        }
    }

    private NibbleException wrong(String what, String hint) {
        return new NibbleException("recipe '%s': %s".formatted(file, what), hint);
    }
}
