package dev.nibble.graph.pass;

import dev.nibble.graph.Model;

/// A rewrite that keeps what a model computes. A pass has no state: the same model gives the same result.
public interface Pass {
    /// What `--passes` calls it: `fold-batch-norm`.
    String name();

    /// One line for `--help`.
    String description();

    /// Applies this pass wherever it fits.
    ///
    /// @return the model (the same instance where nothing changed), what was changed, and each near miss with its reason
    PassResult apply(Model model);
}
