package dev.nibble.pipeline;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.report.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Tables of embeddings that are, turned over, the weight of the last layer too, as language models tie them.
///
/// Folding constants turns the table over once and for all, so both are stored, each with codes of its own. A table that a
/// layer reads as it is, by Gemm with `transB`, is stored once where both want the same scales.
final class TiedWeights {
    private TiedWeights() {}

    /// One note for each such table of `graph`, as the model was exported.
    static List<Finding> of(Graph graph) {
        List<Finding> findings = new ArrayList<>();
        graph.initializers().forEach(table -> {
            List<Node> readers = readers(graph, table.name());
            boolean looked = readers.stream()
                    .anyMatch(node -> node.is("Gather") && !node.input(1).equals(table.name()));
            Optional<Node> layer = readers.stream()
                    .filter(node -> node.is("Transpose"))
                    .flatMap(node -> readers(graph, node.output(0)).stream())
                    .filter(node -> node.isAny("MatMul", "Gemm"))
                    .findFirst();
            if (looked && layer.isPresent()) {
                Shape shape = table.shape();
                findings.add(Findings.note(
                        "Q115",
                        "'%s' (%s) is looked up by Gather and, transposed, the weight of %s: it is stored twice, once for each"
                                .formatted(table.name(), shape, layer.get()),
                        "export the layer as Gemm with transB where the file must be small"));
            }
        });
        return findings;
    }

    /// What reads `value`, also under another name.
    private static List<Node> readers(Graph graph, String value) {
        List<Node> readers = new ArrayList<>();
        for (Node node : graph.consumers(value)) {
            if (node.is("Identity")) {
                readers.addAll(readers(graph, node.output(0)));
            } else {
                readers.add(node);
            }
        }
        return readers;
    }
}
