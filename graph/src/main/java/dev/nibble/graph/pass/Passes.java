package dev.nibble.graph.pass;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// All passes, in the order in which [Simplify] runs them. A new pass is added here and nowhere else.
public final class Passes {
    private Passes() {}

    /// @param executor what computes constants; null leaves all but shape arithmetic
    /// @param newestOpset how far passes that need a newer operator may raise the model
    public static List<Pass> all(@Nullable Executor executor, long newestOpset) {
        return List.of(
                new InferShapes(),
                new RaiseOpset(RaiseOpset.MINIMUM),
                new FoldConstants(executor),
                new RemoveIdentity(),
                new RemoveDeadNodes(),
                new SelectBeforeTranspose(),
                new FuseClip(newestOpset),
                new FuseHardSwish(newestOpset),
                new FuseHardSigmoid(newestOpset),
                new FuseGelu(newestOpset),
                new FuseMish(newestOpset),
                new FuseSwish(newestOpset),
                new FuseLayerNorm(newestOpset),
                new FuseRmsNorm(newestOpset),
                new FuseConvBias(),
                new FoldBatchNorm(),
                new FoldScale());
    }

    /// The passes that `--passes` names, in the order of [#all], or none for `none`.
    ///
    /// @param names separated by commas
    /// @throws NibbleException where a name is not known; the hint lists them
    public static List<Pass> named(String names, @Nullable Executor executor, long newestOpset) {
        if (names.strip().equals("none")) {
            return List.of();
        }
        List<Pass> all = all(executor, newestOpset);
        List<String> wanted = new ArrayList<>(
                Arrays.stream(names.split(",", -1)).map(String::strip).toList());
        List<Pass> chosen = all.stream().filter(p -> wanted.contains(p.name())).toList();
        wanted.removeAll(chosen.stream().map(Pass::name).toList());
        if (!wanted.isEmpty()) {
            throw new NibbleException(
                    "there is no pass '" + wanted.getFirst() + "'",
                    Nearest.didYouMean(
                            wanted.getFirst(),
                            all.stream().map(Pass::name).toList(),
                            "passes are " + all.stream().map(Pass::name).collect(Collectors.joining(", "))
                                    + "; none for none"));
        }
        return chosen;
    }
}
