package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// What `--generate` takes.
final class GenerateOption {
    private static final int MOST = 10_000;

    private GenerateOption() {}

    /// @throws NibbleException where the number is out of its range
    static OptionalInt tokens(@Nullable Integer given) {
        if (given == null) {
            return OptionalInt.empty();
        }
        if (given < 0 || given > MOST) {
            throw new NibbleException(
                    "--generate must be 0 to %d tokens, but was %d".formatted(MOST, given), "correct --generate");
        }
        return OptionalInt.of(given);
    }
}
