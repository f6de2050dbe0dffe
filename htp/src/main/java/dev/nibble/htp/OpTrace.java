package dev.nibble.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// The plugin's account of where each node went: `qnn_op_trace.json`, schema version 2.
///
/// @param total nodes of the graph as ONNX Runtime gave it to the plugin, QuantizeLinear and DequantizeLinear included
/// @param supported those that the compiler took
/// @param partitions parts of the graph that went to the HTP, each in one piece
record OpTrace(int total, int supported, int partitions, List<Left> left) {
    static final String FILE = "qnn_op_trace.json";

    /// Where there is no account.
    static final OpTrace NOTHING = new OpTrace(0, 0, 0, List.of());

    /// Where nothing of `model` was taken.
    static OpTrace nothingOf(Model model) {
        List<Left> left = model.graph().nodes().stream()
                .filter(node -> !node.isAny("QuantizeLinear", "DequantizeLinear", "Constant"))
                .map(node -> new Left(node.name(), node.opType(), "the compiler took nothing of this model"))
                .toList();
        return new OpTrace(left.size(), 0, 0, left);
    }

    OpTrace {
        left = List.copyOf(left);
    }

    /// A node that was left to the CPU.
    record Left(String name, String op, String reason) {}

    /// @throws NibbleException where it is not of that form
    static OpTrace read(Path file) {
        try {
            JsonNode root = new ObjectMapper().readTree(file.toFile());
            JsonNode summary = root.path("summary");
            if (summary.isMissingNode()) {
                throw malformed(file, "it has no summary", null);
            }
            List<Left> left = new ArrayList<>();
            for (JsonNode node : root.path("unsupported_nodes")) {
                left.add(new Left(
                        node.path("node_name").asString(""),
                        node.path("op_type").asString(""),
                        node.path("reason").asString("")));
            }
            return new OpTrace(
                    summary.path("total_onnx_nodes").asInt(),
                    summary.path("supported_nodes").asInt(),
                    summary.path("qnn_subgraphs").asInt(),
                    left);
        } catch (JacksonException e) {
            throw malformed(file, ParserMessage.plain(e.getOriginalMessage()), e);
        }
    }

    private static NibbleException malformed(
            Path file, String why, @org.jspecify.annotations.Nullable Throwable cause) {
        String message = "the compiler's account '%s' cannot be read: %s".formatted(file.getFileName(), why);
        String hint = "nibble htp install --accept-license --force gets the version that Nibble is made for";
        return cause == null ? new NibbleException(message, hint) : new NibbleException(message, hint, cause);
    }
}
