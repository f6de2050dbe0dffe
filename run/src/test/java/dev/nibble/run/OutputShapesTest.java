package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Shapes of results, learned from runs.
class OutputShapesTest {
    private static Map<String, Shape> ids(long batch, long length) {
        return Map.of("ids", Shape.of(batch, length));
    }

    /// Attention scores, flattened tokens, half of the tokens, a cache of one more, and a constant.
    private static Map<String, Shape> results(long batch, long length) {
        return Map.of(
                "scores", Shape.of(batch, 8, length, length),
                "flat", Shape.of(batch * length, 64),
                "half", Shape.of(length / 2),
                "more", Shape.of(batch, length + 1),
                "constant", Shape.of(3, 7));
    }

    @Test
    void nothingIsToldAfterOneShape() {
        OutputShapes shapes = new OutputShapes();
        shapes.learn(ids(1, 12), results(1, 12));
        shapes.learn(ids(1, 12), results(1, 12));
        assertEquals(Map.of(), shapes.of(ids(1, 20)));
    }

    @Test
    void twoLengthsTellTheRest() {
        OutputShapes shapes = new OutputShapes();
        shapes.learn(ids(1, 12), results(1, 12));
        shapes.learn(ids(1, 20), results(1, 20));
        assertEquals(results(1, 304), shapes.of(ids(1, 304)));
    }

    @Test
    void batchesAreToldOnceTheyWereSeen() {
        OutputShapes shapes = new OutputShapes();
        shapes.learn(ids(1, 12), results(1, 12));
        shapes.learn(ids(1, 20), results(1, 20));
        shapes.learn(ids(4, 30), results(4, 30));
        assertEquals(results(16, 34), shapes.of(ids(16, 34)));
    }

    @Test
    void nothingIsLearnedOfManyInputs() {
        OutputShapes shapes = new OutputShapes();
        for (long length : new long[] {12, 20}) {
            Map<String, Shape> inputs = new HashMap<>();
            for (int i = 0; i < 300; i++) {
                inputs.put("fed" + i, Shape.of(1, 8, length, length));
            }
            shapes.learn(inputs, results(1, length));
            assertEquals(Map.of(), shapes.of(inputs));
        }
    }

    @Test
    void whatFollowsNoRuleIsNotTold() {
        OutputShapes shapes = new OutputShapes();
        shapes.learn(ids(1, 12), Map.of("found", Shape.of(5), "y", Shape.of(12)));
        shapes.learn(ids(1, 20), Map.of("found", Shape.of(31), "y", Shape.of(20)));
        assertEquals(Map.of("y", Shape.of(33)), shapes.of(ids(1, 33)));
    }

    /// Samples of many lengths, and a result whose shape depends on values: all are right, told or not.
    @Test
    void raggedRunsGiveWhatSingleRunsGive() {
        Model model = Model.of(
                8,
                17,
                Graph.of(
                        "ragged",
                        List.of(
                                Node.of("a", "Add", List.of("x", "one"), List.of("y")),
                                Node.of("n", "NonZero", List.of("x"), List.of("found"))),
                        List.of(Initializer.of("one", Tensor.of(Shape.of(1), 1f))),
                        List.of(SmallModels.batched("x", DataType.FLOAT)),
                        List.of(SmallModels.batched("y", DataType.FLOAT))));
        try (Executor.Session session = new OrtExecutor()
                .open(model, List.of("y", "found"), new Executor.Options(1, Executor.Optimization.DEFAULT))) {
            for (int length : new int[] {3, 5, 9, 4, 4, 9, 2, 17, 17}) {
                for (int zeros = 0; zeros < 2; zeros++) {
                    float[] x = new float[length];
                    float[] expected = new float[length];
                    for (int i = 0; i < length; i++) {
                        x[i] = i < zeros ? 0 : i + 1;
                        expected[i] = x[i] + 1;
                    }
                    Map<String, Tensor> results = session.run(Map.of("x", Tensor.of(Shape.of(length), x)));
                    assertArrayEquals(expected, results.get("y").toFloats());
                    assertEquals(
                            Shape.of(1, length - zeros), results.get("found").shape());
                }
            }
        }
    }
}
