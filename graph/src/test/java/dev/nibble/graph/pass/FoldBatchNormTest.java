package dev.nibble.graph.pass;

import static dev.nibble.graph.pass.Graphs.assertSame;
import static dev.nibble.graph.pass.Graphs.ops;
import static dev.nibble.graph.pass.Graphs.reason;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FoldBatchNormTest {
    private static Graphs norm(Graphs graph, String output, String input, int channels) {
        return graph.positive("gamma", channels)
                .weight("beta", channels)
                .weight("mean", channels)
                .positive("variance", channels)
                .node(output, "BatchNormalization", input + " gamma beta mean variance");
    }

    private static Model fold(Model model) {
        PassResult result = new FoldBatchNorm().apply(model);
        assertTrue(result.changed(), () -> reason(result));
        assertEquals(model.graph().outputs(), result.model().graph().outputs());
        assertSame(model, result.model());
        return result.model();
    }

    private static String refuse(Model model) {
        PassResult result = new FoldBatchNorm().apply(model);
        assertEquals(model, result.model());
        return reason(result);
    }

    @ParameterizedTest
    @CsvSource({"1,true", "1,false", "2,true", "4,false"})
    void foldsIntoConvBefore(int group, boolean bias) {
        Graphs graph = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 8, 4 / group, 3, 3)
                .weight("b", 8);
        graph.node(
                "c",
                "Conv",
                bias ? "x w b" : "x w",
                Attribute.of("group", group),
                Attribute.ofInts("pads", 1, 1, 1, 1));
        assertEquals("Conv", ops(fold(norm(graph, "y", "c", 8).output("y").build(13))));
    }

    @ParameterizedTest
    @CsvSource({"1", "2"})
    void foldsIntoConvTransposeBefore(int group) {
        Graphs graph = new Graphs().input("x", 2, 4, 5, 5).weight("w", 4, 6 / group, 3, 3);
        graph.node("c", "ConvTranspose", "x w", Attribute.of("group", group));
        assertEquals(
                "ConvTranspose", ops(fold(norm(graph, "y", "c", 6).output("y").build(13))));
    }

    @ParameterizedTest
    @CsvSource({"0,8", "1,8", "0,1"})
    void foldsIntoGemmBefore(int transposed, int bias) {
        Graphs graph = new Graphs().input("x", 3, 4).weight("b", bias);
        graph.weight("w", transposed == 0 ? new long[] {4, 8} : new long[] {8, 4});
        graph.node(
                "c",
                "Gemm",
                "x w b",
                Attribute.of("transB", transposed),
                Attribute.of("alpha", 0.5f),
                Attribute.of("beta", 2f));
        assertEquals("Gemm", ops(fold(norm(graph, "y", "c", 8).output("y").build(13))));
    }

    @Test
    void foldsIntoMatMulBefore() {
        Graphs graph = new Graphs().input("x", 3, 4).weight("w", 4, 8).node("c", "MatMul", "x w");
        assertEquals("Gemm", ops(fold(norm(graph, "y", "c", 8).output("y").build(13))));
    }

    @ParameterizedTest
    @CsvSource({"1", "2"})
    void foldsIntoConvAfterThatDoesNotPad(int group) {
        Graphs graph = norm(new Graphs().input("x", 2, 4, 5, 5), "n", "x", 4)
                .weight("w", 6, 4 / group, 3, 3)
                .weight("b", 6)
                .node("y", "Conv", "n w b", Attribute.of("group", group));
        assertEquals("Conv", ops(fold(graph.output("y").build(13))));
    }

    @Test
    void leavesANormBeforeAConvThatPads() {
        Graphs graph = norm(new Graphs().input("x", 2, 4, 5, 5), "n", "x", 4)
                .weight("w", 6, 4, 3, 3)
                .node("y", "Conv", "n w", Attribute.ofInts("pads", 1, 1, 1, 1));
        assertEquals(
                "it stands at an input; node 'y' (Conv) after it pads with zeros, which the normalization would shift",
                refuse(graph.output("y").build(13)));
    }

    @Test
    void leavesANormAlone() {
        Graphs graph = norm(new Graphs().input("x", 2, 4, 5, 5).node("r", "Relu", "x"), "y", "r", 4);
        assertEquals(
                "what comes before it is node 'r' (Relu); its output is a graph output",
                refuse(graph.output("y").build(13)));
    }

    @Test
    void leavesASharedWeight() {
        Graphs graph = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 4, 4, 1, 1)
                .node("c", "Conv", "x w")
                .node("d", "Conv", "x w");
        assertTrue(refuse(norm(graph, "y", "c", 4).output("y", "d").build(13))
                .startsWith("weight 'w' of node 'c' (Conv) is also used by node 'd' (Conv)"));
    }

    @Test
    void leavesAnIntermediateValueThatIsSeenOutside() {
        Graphs graph =
                new Graphs().input("x", 2, 4, 5, 5).weight("w", 4, 4, 1, 1).node("c", "Conv", "x w");
        assertTrue(refuse(norm(graph, "y", "c", 4).output("y", "c").build(13))
                .startsWith("'c' between it and node 'c' (Conv) is a graph output"));
        Graphs read = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 4, 4, 1, 1)
                .node("c", "Conv", "x w")
                .node("r", "Relu", "c");
        assertTrue(refuse(norm(read, "y", "c", 4).output("y", "r").build(13))
                .startsWith("'c' between it and node 'c' (Conv) is also read by node 'r' (Relu)"));
    }

    @Test
    void leavesTrainingMode() {
        Graphs graph =
                new Graphs().input("x", 2, 4, 5, 5).weight("w", 4, 4, 1, 1).node("c", "Conv", "x w");
        graph.positive("g", 4).weight("b", 4).weight("m", 4).positive("v", 4);
        graph.node("y", "BatchNormalization", "c g b m v", Attribute.of("training_mode", 1));
        assertEquals(
                "it is in training mode: it normalizes by each batch's own statistics",
                refuse(graph.output("y").build(15)));
    }

    @Test
    void leavesAWeightThatACallerMayReplace() {
        Graphs graph =
                new Graphs().input("x", 2, 4, 5, 5).input("w", 4, 4, 1, 1).weight("w", 4, 4, 1, 1);
        graph.node("c", "Conv", "x w");
        assertTrue(refuse(norm(graph, "y", "c", 4).output("y").build(13))
                .startsWith("weight 'w' of node 'c' (Conv) is also a graph input, so a caller may replace it"));
    }
}
