package dev.nibble.pipeline.measure;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import java.util.Optional;

/// A model to be measured, and how the executor may treat it.
///
/// @param name how results call it
/// @param elsewhere what runs it; empty: what runs the others
public record Variant(String name, Model model, Executor.Optimization optimization, Optional<Executor> elsewhere) {
    /// Run by what runs the others.
    public Variant(String name, Model model, Executor.Optimization optimization) {
        this(name, model, optimization, Optional.empty());
    }
}
