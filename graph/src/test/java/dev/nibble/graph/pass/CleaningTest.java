package dev.nibble.graph.pass;

import static dev.nibble.graph.pass.Graphs.assertSame;
import static dev.nibble.graph.pass.Graphs.ops;
import static dev.nibble.graph.pass.Graphs.reason;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Folding constants, removing what does nothing, and running passes together.
class CleaningTest {
    private static Model simplify(Model model) {
        Simplify.Result result = new Simplify(Passes.all(new TestExecutor(), 24)).apply(model);
        assertSame(model, result.model());
        return result.model();
    }

    @Test
    void foldsTheShapeChainOfAPadding() {
        // What F.pad exports to: pads computed by ConstantOfShape, Concat, Reshape, Slice, Transpose and Cast.
        Graphs graph = new Graphs()
                .input("x", 1, 3, 8, 8)
                .longs("given", 1, 1, 2, 2)
                .longs("zeros", 4)
                .longs("rows", -1, 2)
                .longs("flat", -1)
                .longs("from", -1)
                .longs("to", Long.MIN_VALUE + 1)
                .longs("axis", 0)
                .longs("step", -1)
                .node(
                        "z",
                        "ConstantOfShape",
                        "zeros",
                        Attribute.of("value", Initializer.of("", Tensor.of(Shape.of(1), 0L))))
                .node("c", "Concat", "given z", Attribute.of("axis", 0))
                .node("r", "Reshape", "c rows")
                .node("s", "Slice", "r from to axis step")
                .node("t", "Transpose", "s", Attribute.ofInts("perm", 1, 0))
                .node("f", "Reshape", "t flat")
                .node("k", "Cast", "f", Attribute.of("to", 7))
                .node("y", "Pad", "x k")
                .output("y");
        Model simplified = simplify(graph.build(13));
        assertEquals("Pad", ops(simplified));
        assertArrayEquals(
                new long[] {0, 0, 2, 1, 0, 0, 2, 1},
                simplified.graph().constant("k").orElseThrow().tensor().toLongs());
    }

    @Test
    void foldsShapeArithmeticWithoutAnExecutor() {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 4, 5)
                .longs("two", 2)
                .longs("minus", -1)
                .scalar("factor", 2)
                .node("shape", "Shape", "x")
                .node("n", "Gather", "shape two")
                .node("m", "Mul", "n two")
                .node("target", "Concat", "m minus", Attribute.of("axis", 0))
                .node("y", "Reshape", "x target")
                .output("y");
        PassResult folded = new FoldConstants(null).apply(graph.build(13));
        assertEquals("Reshape", ops(folded.model()));
        assertArrayEquals(
                new long[] {8, -1},
                folded.model().graph().constant("target").orElseThrow().tensor().toLongs());
    }

    @Test
    void keepsAQuantizedWeightQuantized() {
        Graphs graph = new Graphs()
                .input("x", 2, 2)
                .constant("w", Numbers.integers(dev.nibble.graph.DataType.INT8, Shape.of(2, 2), 1, 2, 3, 4))
                .scalar("scale", 0.5f)
                .node("d", "DequantizeLinear", "w scale")
                .node("y", "MatMul", "x d")
                .output("y");
        Model model = graph.build(13);
        PassResult result = new FoldConstants(new TestExecutor()).apply(model);
        assertEquals("its input is constant, but a quantized weight stays quantized", reason(result));
        assertEquals("DequantizeLinear MatMul", ops(result.model()));
    }

    @Test
    void leavesRandomNumbersAndLargeResults() {
        Graphs graph = new Graphs()
                .input("x", 600, 600)
                .weight("row", 600)
                .longs("size", 600, 600)
                .node("big", "Expand", "row size")
                .node("noise", "RandomNormalLike", "row")
                .node("s", "Add", "x big")
                .node("y", "Add", "s noise")
                .output("y");
        PassResult result = new FoldConstants(new TestExecutor()).apply(graph.build(13));
        assertEquals(
                "its result would take more than 1048576 bytes | its inputs are constant, but it draws random numbers",
                reason(result));
    }

    @Test
    void saysWhyNothingIsComputedWithoutAnExecutor() {
        Model model = new Graphs()
                .input("x", 2)
                .weight("w", 2)
                .node("t", "Tanh", "w")
                .node("y", "Add", "x t")
                .output("y")
                .build(13);
        assertEquals(
                "its inputs are constant, but there is nothing to compute it with",
                reason(new FoldConstants(null).apply(model)));
        assertEquals("Add", ops(simplify(model)));
    }

    @Test
    void removesWhatHandsItsInputOn() {
        Graphs graph = new Graphs()
                .input("x", 2, 3)
                .scalar("zero", 0)
                .scalar("one", 1)
                .longs("same", 0, -1)
                .longs("none", 0, 0, 0, 0)
                .longs("start", 0)
                .longs("end", Integer.MAX_VALUE)
                .node("a", "Relu", "x")
                .node("b", "Identity", "a")
                .node("c", "Dropout", "b")
                .node("d", "Reshape", "x same")
                .node("e", "Add", "zero d")
                .node("f", "Mul", "e one")
                .node("g", "Pad", "f none")
                .node("h", "Slice", "g start end")
                .node("i", "Transpose", "h", Attribute.ofInts("perm", 0, 1))
                .node("j", "Concat", "i", Attribute.of("axis", 0))
                .node("y", "Add", "c j")
                .output("y");
        assertEquals("Relu Add", ops(simplify(graph.build(13))));
    }

    @Test
    void letsTheProducerTakeTheNameOfAGraphOutput() {
        Model model = new Graphs()
                .input("x", 2)
                .node("a", "Relu", "x")
                .node("y", "Identity", "a")
                .node("z", "Neg", "a")
                .output("y", "z")
                .build(13);
        PassResult result = new RemoveIdentity().apply(model);
        assertEquals("Relu Neg", ops(result.model()));
        assertEquals(Map.of("a", "y"), result.renamed());
        assertSame(model, result.model());
    }

    @Test
    void keepsAnIdentityBetweenInputAndOutput() {
        Model model = new Graphs()
                .input("x", 2)
                .node("y", "Identity", "x")
                .output("y")
                .build(13);
        PassResult result = new RemoveIdentity().apply(model);
        assertSame((Object) model, result.model());
        assertEquals("it only hands on 'x', but its output 'y' is a graph output and 'x' is no node's", reason(result));
    }

    @Test
    void removesWhatNoOutputNeeds() {
        Model model = new Graphs()
                .input("x", 2)
                .input("unused", 2)
                .weight("w", 2)
                .node("y", "Relu", "x")
                .node("d", "Add", "x w")
                .output("y")
                .build(13);
        Model cleaned = new RemoveDeadNodes().apply(model).model();
        assertEquals("Relu", ops(cleaned));
        assertEquals(List.of(), cleaned.graph().initializers());
        assertEquals(2, cleaned.graph().inputs().size());
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", " none "})
    void namesNoPasses(String names) {
        Model model = new Graphs()
                .input("x", 2)
                .node("y", "Identity", "x")
                .output("y")
                .build(9);
        Simplify.Result result = new Simplify(Passes.named(names, null, 24)).apply(model);
        assertSame((Object) model, result.model());
        assertEquals(List.of(), result.passes());
    }

    @Test
    void namesPasses() {
        assertEquals(
                List.of("fold-constants", "fold-batch-norm"),
                Passes.named("fold-batch-norm, fold-constants", null, 24).stream()
                        .map(Pass::name)
                        .toList());
        NibbleException unknown = assertThrows(NibbleException.class, () -> Passes.named("fold-batchnorm", null, 24));
        assertEquals("there is no pass 'fold-batchnorm'", unknown.getMessage());
        assertEquals("did you mean 'fold-batch-norm'?", unknown.hint());
    }
}
