package dev.nibble.cli;

import dev.nibble.graph.Carried;
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
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// Small models and samples: a classifier of four classes over eight numbers, `relu(x·w)·v`, and its QDQ twin.
final class TestModels {
    static final int FEATURES = 8;
    static final int CLASSES = 4;

    private TestModels() {}

    /// The float classifier, in `file`.
    static Path classifier(Path file) {
        return write(model(classifierNodes(), List.of(weight("w", 1f), projection("v")), "x", "y"), file);
    }

    /// The classifier with a NaN in its first weight.
    static Path withNan(Path file) {
        float[] values = values(1);
        values[3] = Float.NaN;
        Initializer w = Initializer.of("w", Tensor.of(Shape.of(FEATURES, FEATURES), values));
        return write(model(classifierNodes(), List.of(w, projection("v")), "x", "y"), file);
    }

    /// The classifier whose nodes feed each other.
    static Path cyclic(Path file) {
        List<Node> nodes = List.of(
                Node.of("a", "Add", List.of("x", "q"), List.of("p")),
                Node.of("b", "Relu", List.of("p"), List.of("q")),
                Node.of("c", "Relu", List.of("q"), List.of("y")));
        return write(model(nodes, List.of(), "x", "y"), file);
    }

    /// The classifier with its first weight in a data file called `location`.
    static Path withDataFile(Path file, String location) {
        Initializer w = new Initializer(
                "w",
                DataType.FLOAT.code(),
                Shape.of(FEATURES, FEATURES),
                new Initializer.Storage.External(location, 0, 4L * FEATURES * FEATURES, null),
                Carried.NONE);
        return write(model(classifierNodes(), List.of(w, projection("v")), "x", "y"), file);
    }

    /// A model of whole numbers alone.
    static Path withoutFloats(Path file) {
        Graph graph = Graph.of(
                "whole",
                List.of(Node.of("twice", "Add", List.of("x", "x"), List.of("y"))),
                List.of(),
                List.of(input("x", DataType.INT64)),
                List.of(ValueInfo.of("y", DataType.INT64, Shape.of(1, FEATURES))));
        return write(Model.of(8, 13, graph), file);
    }

    /// A model whose only input has no elements.
    static Path zeroSized(Path file) {
        Graph graph = Graph.of(
                "nothing",
                List.of(Node.of("relu", "Relu", List.of("x"), List.of("y"))),
                List.of(),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 0))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 0))));
        return write(Model.of(8, 13, graph), file);
    }

    /// The classifier with quantizers after its input and after each layer. `step` is the scale of the activations: a
    /// coarse one ruins the model.
    static Path quantized(Path file, float step) {
        List<Node> nodes = new ArrayList<>();
        List<Initializer> constants = new ArrayList<>(List.of(
                weight("w", 1f),
                projection("v"),
                Initializer.of("step", Tensor.of(Shape.SCALAR, step)),
                Initializer.of("zero", new Tensor(DataType.UINT8, Shape.SCALAR, bytes(128)))));
        quantize(nodes, "x", "x_q", "x_dq");
        nodes.add(Node.of("first", "MatMul", List.of("x_dq", "w"), List.of("h")));
        quantize(nodes, "h", "h_q", "h_dq");
        nodes.add(Node.of("relu", "Relu", List.of("h_dq"), List.of("r")));
        quantize(nodes, "r", "r_q", "r_dq");
        nodes.add(Node.of("second", "MatMul", List.of("r_dq", "v"), List.of("y_raw")));
        quantize(nodes, "y_raw", "y_q", "y");
        return write(model(nodes, constants, "x", "y"), file);
    }

    private static void quantize(List<Node> nodes, String from, String codes, String to) {
        nodes.add(Node.of("q_" + from, "QuantizeLinear", List.of(from, "step", "zero"), List.of(codes)));
        nodes.add(Node.of("dq_" + from, "DequantizeLinear", List.of(codes, "step", "zero"), List.of(to)));
    }

    /// A chain of `layers` matrix products, slow enough to be interrupted.
    static Path slow(Path file, int size, int layers) {
        float[] values = new float[size * size];
        Random random = new Random(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() / Math.sqrt(size));
        }
        List<Node> nodes = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            String from = i == 0 ? "x" : "h" + i;
            String to = i == layers - 1 ? "y" : "h" + (i + 1);
            nodes.add(Node.of("layer" + i, "MatMul", List.of(from, "w"), List.of(to)));
        }
        Graph graph = Graph.of(
                "slow",
                nodes,
                List.of(Initializer.of("w", Tensor.of(Shape.of(size, size), values))),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, size, size))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, size, size))));
        return write(Model.of(8, 13, graph), file);
    }

    /// `.npy` of `count` samples from N(0, 1), the same for the same count.
    static Path samples(Path file, int count, int... shape) throws IOException {
        int each = 1;
        StringBuilder dims = new StringBuilder().append(count).append(',');
        for (int dim : shape) {
            each *= dim;
            dims.append(dim).append(',');
        }
        Random random = new Random(7);
        ByteBuffer data = ByteBuffer.allocate(count * each * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count * each; i++) {
            data.putFloat((float) random.nextGaussian());
        }
        return npy(file, "<f4", dims.toString(), data.array());
    }

    /// `.npy` of the class that [#classifier] gives each of `count` samples, shifted by `shift`.
    static Path labels(Path file, int count, int shift) throws IOException {
        Random random = new Random(7);
        float[] w = values(1);
        float[] v = values(2);
        byte[] labels = new byte[count];
        for (int sample = 0; sample < count; sample++) {
            double[] x = new double[FEATURES];
            for (int i = 0; i < FEATURES; i++) {
                x[i] = (float) random.nextGaussian();
            }
            double[] y = new double[CLASSES];
            for (int j = 0; j < FEATURES; j++) {
                double h = 0;
                for (int i = 0; i < FEATURES; i++) {
                    h += x[i] * w[i * FEATURES + j];
                }
                for (int c = 0; c < CLASSES; c++) {
                    y[c] += Math.max(0, h) * v[j * CLASSES + c];
                }
            }
            int best = 0;
            for (int c = 1; c < CLASSES; c++) {
                best = y[c] > y[best] ? c : best;
            }
            labels[sample] = (byte) ((best + shift) % CLASSES);
        }
        return npy(file, "|u1", count + ",", labels);
    }

    /// `.npy` of little-endian `data`.
    ///
    /// @param dims the shape as Python writes it, with a comma after each dimension
    static Path npy(Path file, String type, String dims, byte[] data) throws IOException {
        String header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }".formatted(type, dims);
        int pad = 64 - (10 + header.length() + 1) % 64;
        byte[] text = (header + " ".repeat(pad) + "\n").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer bytes = ByteBuffer.allocate(10 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        bytes.put((byte) 1)
                .put((byte) 0)
                .putShort((short) text.length)
                .put(text)
                .put(data);
        return Files.write(file, bytes.array());
    }

    private static List<Node> classifierNodes() {
        return List.of(
                Node.of("first", "MatMul", List.of("x", "w"), List.of("h")),
                Node.of("relu", "Relu", List.of("h"), List.of("r")),
                Node.of("second", "MatMul", List.of("r", "v"), List.of("y")));
    }

    private static Model model(List<Node> nodes, List<Initializer> constants, String input, String output) {
        ValueType.TensorType type = new ValueType.TensorType(
                DataType.FLOAT.code(), List.of(new Dim.Symbol("N"), new Dim.Known(CLASSES)), null);
        Graph graph = Graph.of(
                "classifier",
                nodes,
                constants,
                List.of(input(input, DataType.FLOAT)),
                List.of(new ValueInfo(output, type)));
        return Model.of(8, 13, graph);
    }

    private static ValueInfo input(String name, DataType type) {
        return new ValueInfo(
                name,
                new ValueType.TensorType(type.code(), List.of(new Dim.Symbol("N"), new Dim.Known(FEATURES)), null));
    }

    private static Initializer weight(String name, float scale) {
        float[] values = values(1);
        for (int i = 0; i < values.length; i++) {
            values[i] *= scale;
        }
        return Initializer.of(name, Tensor.of(Shape.of(FEATURES, FEATURES), values));
    }

    private static Initializer projection(String name) {
        float[] values = Arrays.copyOf(values(2), FEATURES * CLASSES);
        return Initializer.of(name, Tensor.of(Shape.of(FEATURES, CLASSES), values));
    }

    private static float[] values(long seed) {
        Random random = new Random(seed);
        float[] values = new float[FEATURES * FEATURES];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static MemorySegment bytes(int value) {
        return MemorySegment.ofArray(new byte[] {(byte) value});
    }

    private static Path write(Model model, Path file) {
        ModelWriter.write(model, file);
        return file;
    }
}
