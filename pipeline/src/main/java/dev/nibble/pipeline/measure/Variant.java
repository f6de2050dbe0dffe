package dev.nibble.pipeline.measure;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;

/// A model to be measured, and how the executor may treat it.
///
/// @param name how results call it
public record Variant(String name, Model model, Executor.Optimization optimization) {}
