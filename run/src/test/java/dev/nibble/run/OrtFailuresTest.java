package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor.Optimization;
import dev.nibble.graph.Executor.Options;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Whatever goes wrong is told in the house form.
class OrtFailuresTest {
    private static final Options OPTIONS = new Options(1, Optimization.DEFAULT);

    private final OrtExecutor executor = new OrtExecutor();

    private NibbleException refused(Model model, String fetch, Map<String, Tensor> inputs) {
        NibbleException e = assertThrows(NibbleException.class, () -> {
            try (OrtModel session = executor.open(model, List.of(fetch), OPTIONS)) {
                session.run(inputs);
            }
        });
        assertFalse(e.hint().isBlank());
        assertFalse(String.valueOf(e.getMessage()).contains("\n"), e.getMessage());
        return e;
    }

    @Test
    void aMissingInput() {
        assertEquals(
                "model 'conv-relu': input 'x' is missing",
                refused(SmallModels.convRelu(), "y", Map.of()).getMessage());
    }

    @Test
    void anUnknownInput() {
        Tensor x = Tensor.of(Shape.of(1, 2, 4, 4), new float[32]);
        NibbleException e = refused(SmallModels.convRelu(), "y", Map.of("x", x, "extra", x));
        assertEquals("model 'conv-relu' has no input 'extra'", e.getMessage());
        assertEquals("its inputs are x", e.hint());
    }

    @Test
    void aWrongShape() {
        Tensor x = Tensor.of(Shape.of(1, 4, 4, 2), new float[32]);
        assertEquals(
                "model 'conv-relu': input 'x' takes float[N×2×4×4], but was fed float[1×4×4×2]",
                refused(SmallModels.convRelu(), "y", Map.of("x", x)).getMessage());
    }

    @Test
    void aWrongType() {
        Tensor x = Tensor.of(Shape.of(1, 2, 4, 4), new int[32]);
        NibbleException e = refused(SmallModels.convRelu(), "y", Map.of("x", x));
        assertEquals("model 'conv-relu': input 'x' takes float[N×2×4×4], but was fed int32[1×2×4×4]", e.getMessage());
        assertEquals("convert the samples to float", e.hint());
    }

    @Test
    void anUnknownValue() {
        NibbleException e = refused(SmallModels.convRelu(), "z", Map.of());
        assertEquals("model 'conv-relu' has no value named 'z'", e.getMessage());
    }

    @Test
    void anOperatorThatDoesNotExist() {
        Model model = SmallModels.single(
                "NoSuchOp",
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1))),
                ValueInfo.of("y", DataType.FLOAT, Shape.of(1)));
        NibbleException e = refused(model, "y", Map.of());
        assertTrue(
                String.valueOf(e.getMessage()).startsWith("model 'nosuchop' cannot be loaded by ONNX Runtime: "),
                e.getMessage());
        assertTrue(String.valueOf(e.getMessage()).contains("NoSuchOp"), e.getMessage());
    }

    @Test
    void aRunThatFails() {
        Model model = SmallModels.single(
                "Reshape",
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(4)), SmallModels.batched("shape", DataType.INT64)),
                new ValueInfo("y", new dev.nibble.graph.ValueType.Unstated()));
        Map<String, Tensor> inputs =
                Map.of("x", Tensor.of(Shape.of(4), 1f, 2f, 3f, 4f), "shape", Tensor.of(Shape.of(2), 3L, 3L));
        NibbleException e = refused(model, "y", inputs);
        assertTrue(
                String.valueOf(e.getMessage()).startsWith("model 'reshape' cannot be run by ONNX Runtime: "),
                e.getMessage());
    }

    @Test
    void aTextInput() {
        Model model = SmallModels.single(
                "Identity",
                List.of(ValueInfo.of("x", DataType.STRING, Shape.of(1))),
                ValueInfo.of("y", DataType.STRING, Shape.of(1)));
        assertTrue(String.valueOf(refused(model, "y", Map.of()).getMessage()).contains("string"));
    }

    @Test
    void aSequence() {
        Model model = SmallModels.single(
                "SequenceConstruct",
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1))),
                new ValueInfo("y", new dev.nibble.graph.ValueType.Unstated()));
        String message = refused(model, "y", Map.of()).getMessage();
        assertTrue(String.valueOf(message).contains("value 'y' cannot be handed out"), message);
    }

    @Test
    void strippedWeights() {
        Graph graph = Graph.of(
                "stripped",
                List.of(Node.of("", "Add", List.of("x", "w"), List.of("y"))),
                List.of(new Initializer(
                        "w",
                        DataType.FLOAT.code(),
                        Shape.of(4),
                        new Initializer.Storage.Absent(),
                        dev.nibble.graph.Carried.NONE)),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(4))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(4))));
        assertEquals(
                "model 'stripped' cannot be run: tensor 'w' has no data",
                refused(Model.of(8, 13, graph), "y", Map.of()).getMessage());
    }

    /// Each open session takes some 100 KB; 200 of them left open would show.
    @Test
    void leavesNothingBehindOver200Sessions() {
        Tensor x = OrtExecutorTest.random(1, 64, 2, 4, 4);
        for (int i = 0; i < 50; i++) {
            openAndRun(x);
        }
        long before = PeakMemory.now().bytes();
        for (int i = 0; i < 200; i++) {
            openAndRun(x);
        }
        long grown = PeakMemory.now().bytes() - before;
        // The Java heap may grow meanwhile; a leak of the sessions' own buffers alone would be 200 × 0.4 MB.
        assertTrue(grown < 64 << 20, "resident memory grew by " + grown);
    }

    private void openAndRun(Tensor x) {
        try (OrtModel session = executor.open(SmallModels.convRelu(), List.of("y", "conv"), OPTIONS)) {
            session.run(Map.of("x", x));
            session.run(Map.of("x", x));
        }
    }
}
