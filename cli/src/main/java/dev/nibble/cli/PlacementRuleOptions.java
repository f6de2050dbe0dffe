package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.QuantSimConfig;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Whose rules say where quantizers go: `--target`, or `--quantsim-config`.
final class PlacementRuleOptions {
    @Option(
            order = 40,
            names = "--quantsim-config",
            paramLabel = "FILE",
            description = "Placement rules in the form of AIMET's quantsim configurations (default: the target's).")
    private @Nullable Path quantsimConfig;

    /// @throws NibbleException where there is no such target, or more than one
    PlacementRules rules(NibbleCommand command) {
        if (quantsimConfig != null) {
            return QuantSimConfig.read(command.terminal().resolve(quantsimConfig));
        }
        List<String> targets = command.everywhere().targets();
        if (targets.size() > 1) {
            throw new NibbleException(
                    "one target is wanted, but %s were given".formatted(String.join(", ", targets)),
                    "name the oldest chip of them; newer ones take what it takes");
        }
        return Targets.find(targets.isEmpty() ? QuantizeCommand.DEFAULT_TARGET : targets.getFirst())
                .placementRules();
    }
}
