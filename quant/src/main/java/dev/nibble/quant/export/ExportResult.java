package dev.nibble.quant.export;

import dev.nibble.graph.Model;
import dev.nibble.quant.place.Finding;
import java.util.List;
import java.util.SortedMap;

/// A model with its quantizers written as operators.
///
/// @param model the QDQ model
/// @param dequantized for each quantized value of the float model, the name of its dequantized value in the
///     QDQ model
/// @param dropped activation functions that the output grid of their producer made superfluous, by label
/// @param findings what a user should know
public record ExportResult(
        Model model, SortedMap<String, String> dequantized, List<String> dropped, List<Finding> findings) {
    public ExportResult {
        dequantized = java.util.Collections.unmodifiableSortedMap(new java.util.TreeMap<>(dequantized));
        dropped = List.copyOf(dropped);
        findings = List.copyOf(findings);
    }
}
