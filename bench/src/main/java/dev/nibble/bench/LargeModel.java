package dev.nibble.bench;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A model of any size in the shape of a language model without attention: an embedding, blocks of two matrix products
/// around a Relu with a residual connection, and a last matrix product. Its weights are made while they are written.
///
/// @param vocabulary rows of the embedding
/// @param width size of the residual stream
/// @param blocks each has 8·width² weights
record LargeModel(int vocabulary, int width, int blocks) {
    /// One of about `bytes` bytes of weights.
    static LargeModel ofBytes(long bytes, int vocabulary, int width) {
        long outside = 8L * vocabulary * width;
        return new LargeModel(vocabulary, width, (int) Math.max(1, (bytes - outside) / (32L * width * width)));
    }

    /// Bytes of all weights.
    long bytes() {
        return 8L * vocabulary * width + blocks * (32L * width * width);
    }

    /// Writes it; above [ModelWriter#INLINE_LIMIT] bytes the weights go into a file beside it.
    void write(Path file) {
        List<Initializer> weights = new ArrayList<>();
        List<Node> nodes = new ArrayList<>();
        weights.add(weight("embedding", vocabulary, width));
        nodes.add(Node.of("embed", "Gather", List.of("embedding", "ids"), List.of("stream_0")));
        for (int i = 0; i < blocks; i++) {
            String name = "block_" + i;
            weights.add(weight(name + ".up", width, 4 * width));
            weights.add(weight(name + ".down", 4 * width, width));
            nodes.add(node(name + "/up", "MatMul", List.of("stream_" + i, name + ".up"), name + "_up"));
            nodes.add(node(name + "/relu", "Relu", List.of(name + "_up"), name + "_relu"));
            nodes.add(node(name + "/down", "MatMul", List.of(name + "_relu", name + ".down"), name + "_down"));
            nodes.add(node(name + "/add", "Add", List.of("stream_" + i, name + "_down"), "stream_" + (i + 1)));
        }
        weights.add(weight("head", width, vocabulary));
        nodes.add(node("head", "MatMul", List.of("stream_" + blocks, "head"), "logits"));
        Dim batch = new Dim.Symbol("batch");
        Dim sequence = new Dim.Symbol("sequence");
        Graph graph = Graph.of(
                "large",
                nodes,
                weights,
                List.of(new ValueInfo(
                        "ids", new ValueType.TensorType(DataType.INT64.code(), List.of(batch, sequence), null))),
                List.of(new ValueInfo(
                        "logits",
                        new ValueType.TensorType(
                                DataType.FLOAT.code(), List.of(batch, sequence, new Dim.Known(vocabulary)), null))));
        ModelWriter.write(Model.of(8, 17, graph), file);
    }

    private static Node node(String name, String op, List<String> inputs, String output) {
        return Node.of(name, op, inputs, List.of(output));
    }

    /// Values between −1/√rows and 1/√rows that are a hash of their place.
    private static Initializer weight(String name, long rows, long columns) {
        float scale = (float) (1 / Math.sqrt(rows)) / (1 << 23);
        int seed = name.hashCode();
        return Initializer.computed(
                name, DataType.FLOAT, Shape.of(rows, columns), (from, piece) -> fill(from, piece, seed, scale));
    }

    private static void fill(long from, MemorySegment piece, int seed, float scale) {
        long first = from / Float.BYTES;
        long count = piece.byteSize() / Float.BYTES;
        for (long i = 0; i < count; i++) {
            int x = (int) (first + i) * 0x9E3779B9 ^ seed;
            x = (x ^ x >>> 15) * 0x85EBCA6B;
            x = (x ^ x >>> 13) * 0xC2B2AE35;
            piece.set(Tensor.FLOAT_LE, i * Float.BYTES, (x >> 8) * scale);
        }
    }
}
