package dev.nibble.htp;

import dev.nibble.graph.NibbleException;
import dev.nibble.target.Target;

/// A chip as Qualcomm's libraries know it. They take any number for one, so it comes from the table of targets only.
///
/// @param name as the table of targets has it
/// @param id QNN's number
public record Soc(String name, int id) {
    /// @throws NibbleException where the target has no number
    public static Soc of(Target target) {
        int id = target.socId().value();
        if (id <= 0) {
            throw new NibbleException(
                    "target '%s' has no SoC id, by which Qualcomm's compiler calls it".formatted(target.name()),
                    "give its soc_id in the target file, or choose another of nibble targets");
        }
        return new Soc(target.name(), id);
    }
}
