package dev.nibble.cli;

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
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// Does once what the tool does at its start, so that the JVM can record which classes that takes: `./nibble` runs this
/// at the end of a build and keeps the AOT cache that comes out of it.
///
/// A command that has to start fast gets a line here. The lines run in a folder that holds a small `model.onnx`.
final class StartupRehearsal {
    private static final String MODEL = "model.onnx";

    /// Without the Vector API.
    private static final List<String> LIGHT = List.of(
            "--version",
            "--help",
            "config show",
            "config show --format json",
            "nonsense",
            "completion --help",
            "targets",
            "inspect " + MODEL + " --weights",
            "inspect " + MODEL + " --format json",
            "simplify " + MODEL + " --out out/" + MODEL + " --passes none",
            "estimate " + MODEL,
            "estimate " + MODEL + " --format json",
            "roofline " + MODEL,
            "inspect nowhere.onnx");

    /// With the Vector API.
    private static final List<String> COMPUTE = List.of("config show --format json", "completion --threads 0");

    private StartupRehearsal() {}

    /// @param arguments `light` or `compute`
    public static void main(String... arguments) throws IOException {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
        Path folder = Files.createTempDirectory("nibble-rehearsal");
        try {
            ModelWriter.write(model(), folder.resolve(MODEL));
            Terminal terminal = new Terminal(nowhere, nowhere, false, false, Map.of(), folder);
            for (String line : arguments[0].equals("compute") ? COMPUTE : LIGHT) {
                Nibble.run(terminal, line.split(" "));
            }
        } finally {
            for (String file : List.of("out/" + MODEL, "out", MODEL, "")) {
                Files.deleteIfExists(folder.resolve(file));
            }
        }
    }

    /// `relu(x·w)`, with an open batch.
    private static Model model() {
        int size = 160;
        float[] values = new float[size * size];
        for (int i = 0; i < values.length; i++) {
            values[i] = (i * 37 % 101 - 50) / 50f;
        }
        ValueType type = new ValueType.TensorType(
                DataType.FLOAT.code(), List.of(new Dim.Symbol("N"), new Dim.Known(size)), null);
        return Model.of(
                8,
                13,
                Graph.of(
                        "rehearsal",
                        List.of(
                                Node.of("product", "MatMul", List.of("x", "w"), List.of("h")),
                                Node.of("relu", "Relu", List.of("h"), List.of("y"))),
                        List.of(Initializer.of("w", Tensor.of(Shape.of(size, size), values))),
                        List.of(new ValueInfo("x", type)),
                        List.of(new ValueInfo("y", type))));
    }
}
