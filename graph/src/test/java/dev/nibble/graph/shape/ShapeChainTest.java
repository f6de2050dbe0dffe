package dev.nibble.graph.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.TextFormat;
import dev.nibble.graph.Carried;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Shapes that a model computes from other shapes, above the opset that ONNX's library knows and below it.
class ShapeChainTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(longs = {17, 22, 23, 25})
    void flattenAsExportersWriteIt(long opset) throws IOException {
        // x.view(x.size(0), -1)
        assertEquals("float[2×60]", type(opset, "x: 2 3 4 5", """
                node { op_type: "Shape" input: "x" output: "s" }
                node { op_type: "Gather" input: "s" input: "zero" output: "b" }
                node { op_type: "Unsqueeze" input: "b" input: "axes" output: "u" }
                node { op_type: "Concat" input: "u" input: "minus" output: "to" attribute { name: "axis" type: INT i: 0 } }
                node { op_type: "Reshape" input: "x" input: "to" output: "y" }
                initializer { name: "zero" data_type: 7 int64_data: 0 }
                initializer { name: "axes" dims: 1 data_type: 7 int64_data: 0 }
                initializer { name: "minus" dims: 1 data_type: 7 int64_data: -1 }"""));
    }

    @ParameterizedTest
    @ValueSource(longs = {17, 25})
    void aNamedBatchKeepsItsName(long opset) throws IOException {
        assertEquals("float[N×60]", type(opset, "x: N 3 4 5", """
                node { op_type: "Shape" input: "x" output: "s" }
                node { op_type: "Slice" input: "s" input: "zero" input: "one" output: "b" }
                node { op_type: "Concat" input: "b" input: "minus" output: "to" attribute { name: "axis" type: INT i: 0 } }
                node { op_type: "Reshape" input: "x" input: "to" output: "y" }
                initializer { name: "zero" dims: 1 data_type: 7 int64_data: 0 }
                initializer { name: "one" dims: 1 data_type: 7 int64_data: 1 }
                initializer { name: "minus" dims: 1 data_type: 7 int64_data: -1 }"""));
    }

    @ParameterizedTest
    @ValueSource(longs = {17, 25})
    void paddingAsExportersWriteIt(long opset) throws IOException {
        // F.pad(x, (1, 2)): zeros appended, turned round in pairs, and turned to begins and ends.
        assertEquals("float[2×3×4×8]", type(opset, "x: 2 3 4 5", """
                node { op_type: "ConstantOfShape" input: "six" output: "zeros" attribute { name: "value" type: TENSOR
                       t { dims: 1 data_type: 7 int64_data: 0 } } }
                node { op_type: "Concat" input: "pads" input: "zeros" output: "all" attribute { name: "axis" type: INT i: 0 } }
                node { op_type: "Reshape" input: "all" input: "pairs" output: "p" }
                node { op_type: "Slice" input: "p" input: "minus" input: "lowest" input: "zero" input: "minus" output: "r" }
                node { op_type: "Transpose" input: "r" output: "t" attribute { name: "perm" type: INTS ints: 1 ints: 0 } }
                node { op_type: "Reshape" input: "t" input: "minus" output: "f" }
                node { op_type: "Cast" input: "f" output: "c" attribute { name: "to" type: INT i: 7 } }
                node { op_type: "Pad" input: "x" input: "c" output: "y" }
                initializer { name: "six" dims: 1 data_type: 7 int64_data: 6 }
                initializer { name: "pads" dims: 2 data_type: 7 int64_data: 1 int64_data: 2 }
                initializer { name: "pairs" dims: 2 data_type: 7 int64_data: -1 int64_data: 2 }
                initializer { name: "minus" dims: 1 data_type: 7 int64_data: -1 }
                initializer { name: "zero" dims: 1 data_type: 7 int64_data: 0 }
                initializer { name: "lowest" dims: 1 data_type: 7 int64_data: -9223372036854775807 }"""));
    }

    @ParameterizedTest
    @ValueSource(longs = {17, 25})
    void expandAsExportersWriteIt(long opset) throws IOException {
        // x.expand(-1, 4): Where(to == −1, 1, to).
        assertEquals("float[3×4]", type(opset, "x: 3 1", """
                node { op_type: "ConstantOfShape" input: "two" output: "ones" attribute { name: "value" type: TENSOR
                       t { dims: 1 data_type: 7 int64_data: 1 } } }
                node { op_type: "Mul" input: "ones" input: "minus" output: "m" }
                node { op_type: "Equal" input: "to" input: "m" output: "e" }
                node { op_type: "Where" input: "e" input: "ones" input: "to" output: "w" }
                node { op_type: "Expand" input: "x" input: "w" output: "y" }
                initializer { name: "two" dims: 1 data_type: 7 int64_data: 2 }
                initializer { name: "minus" data_type: 7 int64_data: -1 }
                initializer { name: "to" dims: 2 data_type: 7 int64_data: -1 int64_data: 4 }"""));
    }

    @Test
    void branchesThatAgreeGiveTheirShape() throws IOException {
        assertEquals("float[2×3]", type(25, "x: 2 3", """
                node { op_type: "If" input: "c" output: "y"
                  attribute { name: "then_branch" type: GRAPH g { node { op_type: "Relu" input: "x" output: "a" } output { name: "a" } } }
                  attribute { name: "else_branch" type: GRAPH g { node { op_type: "Abs" input: "x" output: "b" } output { name: "b" } } } }
                initializer { name: "c" data_type: 9 int32_data: 1 }"""));
    }

    @Test
    void saysWhoInferredAndWhatWasLeftOpen() throws IOException {
        ShapeInference.Result newer =
                ShapeInference.infer(model(23, "x: 2", "node { op_type: \"Odd\" input: \"x\" output: \"y\" }"));
        assertEquals(ShapeInference.Engine.NIBBLE, newer.engine());
        assertTrue(newer.why().contains("opset 23"), newer.why());
        assertEquals(Map.of("Odd", 1), newer.withoutRule());
        ShapeInference.Result known =
                ShapeInference.infer(model(17, "x: 2", "node { op_type: \"Relu\" input: \"x\" output: \"y\" }"));
        assertEquals(ShapeInference.Engine.ONNX_AND_NIBBLE, known.engine());
        assertEquals("", known.why());
    }

    @Test
    void shapesThatDoNotFitAreSaid() throws IOException {
        ShapeInference.Result result = ShapeInference.inferOwn(model(17, "x: 2 3", """
                node { name: "m" op_type: "MatMul" input: "x" input: "x" output: "y" }"""));
        assertEquals(List.of("node 'm' (MatMul): a matrix product over 3 and 2 elements"), result.conflicts());
    }

    @Test
    void weightsOfThreeGigabytesDoNotGoThroughTheLibrary() throws IOException {
        // A sparse file that takes no room on disk; protobuf could not even hold it.
        Path file = folder.resolve("weights.bin");
        long rows = 3L << 18;
        MemorySegment data;
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            data = channel.map(FileChannel.MapMode.READ_WRITE, 0, rows * 4096, Arena.ofAuto());
        }
        Initializer weight = new Initializer(
                "w",
                DataType.FLOAT.code(),
                Shape.of(1024, rows),
                new Initializer.Storage.External("weights.bin", 0, rows * 4096, data),
                Carried.NONE);
        Graph graph = Graph.of(
                "g",
                List.of(Node.of("m", "MatMul", List.of("x", "w"), List.of("y"))),
                List.of(weight),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(7, 1024))),
                List.of(new ValueInfo("y", new dev.nibble.graph.ValueType.TensorType(1, null, null))));
        ShapeInference.Result result = ShapeInference.infer(Model.of(8, 17, graph));
        assertEquals(ShapeInference.Engine.ONNX_AND_NIBBLE, result.engine());
        assertEquals(Shape.of(7, rows), result.model().graph().shape("y").orElseThrow());
    }

    private static String type(long opset, String input, String graph) throws IOException {
        ShapeInference.Result result = ShapeInference.infer(model(opset, input, graph));
        assertEquals(List.of(), result.conflicts());
        return result.model().graph().valueInfo("y").orElseThrow().type().toString();
    }

    private static Model model(long opset, String input, String graph) throws IOException {
        StringBuilder dims = new StringBuilder();
        for (String dim : input.substring(3).split(" ")) {
            dims.append(
                    Character.isDigit(dim.charAt(0))
                            ? "dim { dim_value: " + dim + " } "
                            : "dim { dim_param: '" + dim + "' } ");
        }
        String text = """
                ir_version: 8 opset_import { version: %d } graph { name: "g" %s
                input { name: "x" type { tensor_type { elem_type: 1 shape { %s } } } } output { name: "y" } }""".formatted(opset, graph, dims);
        byte[] bytes = TextFormat.parse(text, OnnxMl.ModelProto.class).toByteArray();
        return ModelReader.read(MemorySegment.ofArray(bytes), "model", null);
    }
}
