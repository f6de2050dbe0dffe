package dev.nibble.graph.pass;

import static dev.nibble.graph.pass.Graphs.assertSame;
import static dev.nibble.graph.pass.Graphs.ops;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Query, key and value taken apart before they are transposed.
class SelectBeforeTransposeTest {
    private static final Attribute FIVE = Attribute.ofInts("perm", 2, 0, 3, 1, 4);

    private static Model simplify(Graphs graph) {
        Model before = graph.build(13);
        PassResult result = new SelectBeforeTranspose()
                .apply(new InferShapes().apply(before).model());
        assertSame(before, result.model());
        assertFalse(new SelectBeforeTranspose().apply(result.model()).changed(), "a second time");
        return result.model();
    }

    private static Graphs transposed() {
        return new Graphs()
                .input("x", 1, 4, 3, 2, 5)
                .longs("axis", 0)
                .longs("0", 0)
                .longs("1", 1)
                .longs("2", 2)
                .longs("3", 3)
                .node("t", "Transpose", "x", FIVE);
    }

    @Test
    void slicesAreTakenBefore() {
        Model model = simplify(transposed()
                .node("a", "Slice", "t 0 1 axis")
                .node("q", "Squeeze", "a axis")
                .node("b", "Slice", "t 1 2 axis 1")
                .node("k", "Squeeze", "b axis")
                .output("q", "k"));
        assertEquals("Slice Squeeze Transpose Slice Squeeze Transpose", ops(model));
        Node last = model.graph().producer("k").orElseThrow();
        assertEquals(
                List.of(0L, 2L, 1L, 3L),
                java.util.Arrays.stream(last.intsAttribute("perm")).boxed().toList());
    }

    @Test
    void anAxisCountedFromTheEndIsTheSameAxis() {
        Model model = simplify(transposed()
                .longs("fifth", -5)
                .node("a", "Slice", "t 0 1 fifth")
                .node("q", "Squeeze", "a fifth")
                .output("q"));
        assertEquals("Slice Squeeze Transpose", ops(model));
    }

    @Test
    void oneIndexIsGatheredBefore() {
        Model model = simplify(transposed()
                .constant("second", Tensor.of(Shape.SCALAR, 1L))
                .node("k", "Gather", "t second", Attribute.of("axis", 2))
                .output("k"));
        assertEquals("Gather Transpose", ops(model));
        assertEquals(3, model.graph().nodes().getFirst().intAttribute("axis", 0));
    }

    @Test
    void aSplitComesBefore() {
        Graphs graph = transposed();
        Model model = simplify(graph.split("t", 0, "a", "b", "c")
                .node("q", "Squeeze", "a axis")
                .node("k", "Squeeze", "b axis")
                .node("v", "Squeeze", "c axis")
                .output("q", "k", "v"));
        assertEquals("Split Squeeze Transpose Squeeze Transpose Squeeze Transpose", ops(model));
    }

    @Test
    void whatKeepsTheOrderNeedsNoTranspose() {
        Model model = simplify(new Graphs()
                .input("x", 2, 3, 4)
                .constant("second", Tensor.of(Shape.SCALAR, 1L))
                .node("t", "Transpose", "x", Attribute.ofInts("perm", 2, 0, 1))
                .node("y", "Gather", "t second")
                .output("y"));
        assertEquals("Gather", ops(model));
    }

    @Test
    void otherReadersKeepTheTranspose() {
        for (Graphs graph : List.of(
                // All of it is read as well.
                transposed()
                        .node("a", "Slice", "t 0 1 axis")
                        .node("q", "Squeeze", "a axis")
                        .node("r", "Relu", "t")
                        .output("q", "r"),
                // It is an output.
                transposed()
                        .node("a", "Slice", "t 0 1 axis")
                        .node("q", "Squeeze", "a axis")
                        .output("q", "t"),
                // Two of three parts.
                transposed().node("q", "Slice", "t 0 2 axis").output("q"),
                // Several indices.
                transposed().longs("two", 0, 1).node("q", "Gather", "t two").output("q"))) {
            Model before = new InferShapes().apply(graph.build(13)).model();
            assertFalse(new SelectBeforeTranspose().apply(before).changed(), ops(before));
        }
    }
}
