package dev.nibble.pipeline.recover;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.weight.WeightSteps;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/// A recipe as a TOML file:
///
/// ```toml
/// steps = ["zero-constant-channels", "cle", "seqmse", "gptq", "bias-correction"]
/// damping = 0.01
/// ```
public final class RecipeFile {
    private static final List<String> KEYS = List.of("steps", "damping");

    private RecipeFile() {}

    /// Reads a recipe, named as the file is.
    ///
    /// @throws NibbleException where the file is no TOML, a key or step is unknown, or steps are out of order
    public static Recipe read(Path file) {
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
                    "recipe '%s' is no readable TOML: %s".formatted(file, e.getOriginalMessage()),
                    "see line " + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()),
                    e);
        }
        for (String key : tree.propertyNames()) {
            if (!KEYS.contains(key)) {
                throw new NibbleException(
                        "recipe '%s' has an unknown key '%s'".formatted(file, key),
                        Nearest.didYouMean(key, KEYS, "known keys: " + String.join(", ", KEYS)));
            }
        }
        JsonNode named = tree.path("steps");
        if (!named.isArray()) {
            throw new NibbleException(
                    "recipe '%s' has no list of steps".formatted(file),
                    "write steps = [\"seqmse\", \"gptq\", \"bias-correction\"]");
        }
        List<Algorithm> steps = new ArrayList<>();
        for (JsonNode step : named) {
            steps.add(Algorithm.named(step.asString("")));
        }
        JsonNode damping = tree.path("damping");
        if (!damping.isMissingNode() && !damping.isNumber()) {
            throw new NibbleException(
                    "recipe '%s': damping must be a number, but is %s".formatted(file, damping),
                    "write damping = 0.01");
        }
        Path name = file.getFileName();
        return new Recipe(name == null ? "" : name.toString(), steps, damping.asDouble(WeightSteps.DAMPING));
    }
}
