package dev.nibble.graph.pass;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.shape.ShapeInference;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Rewrites keep what a model computes, by ONNX Runtime; and leave alone what does not fit.
class RewriteTest {
    private static final Attribute NO_PADS = Attribute.ofInts("pads", 0, 0, 0, 0);
    private static final Attribute PADS = Attribute.ofInts("pads", 1, 1, 2, 0);

    private static Graphs normalized(Attribute... attributes) {
        return new Graphs()
                .input("x", 1, 3, 9, 7)
                .constant("mean", Tensor.of(Shape.of(1, 3, 1, 1), .485f, .456f, .406f))
                .constant("std", Tensor.of(Shape.of(1, 3, 1, 1), .229f, .224f, .225f))
                .node("d", "Sub", "x mean")
                .node("n", "Div", "d std")
                .weight("w", 5, 3, 3, 3)
                .weight("b", 5)
                .node("y", "Conv", "n w b", attributes)
                .output("y");
    }

    private static Model known(Graphs graphs) {
        return ShapeInference.inferOwn(graphs.build(13)).model();
    }

    /// Applies `rewrite` at its one place, compares both models, and returns the operators that are left.
    private static String applied(Rewrite rewrite, Model model) {
        Rewrite.Found found = rewrite.find(model);
        assertEquals(1, found.places().size(), () -> "places: " + found);
        Model after = rewrite.apply(model, found.places().getFirst().anchor()).orElseThrow();
        Model clean = new RemoveDeadNodes().apply(after).model();
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(model, clean, new TestExecutor(), 3);
        assertTrue(verdict.within(), () -> verdict.toString());
        return Graphs.ops(clean);
    }

    @ParameterizedTest
    @EnumSource(FoldInputNormalization.Border.class)
    void normalizationGoesIntoAConvolutionThatDoesNotPad(FoldInputNormalization.Border border) {
        assertEquals("Conv", applied(new FoldInputNormalization(border), known(normalized(NO_PADS))));
    }

    @Test
    void paddingSeesAChannelOfOnes() {
        FoldInputNormalization rewrite = new FoldInputNormalization(FoldInputNormalization.Border.CHANNEL_OF_ONES);
        assertEquals("Concat Conv", applied(rewrite, known(normalized(PADS, Attribute.ofInts("strides", 2, 1)))));
    }

    @Test
    void aConstantPictureMakesGoodForPadding() {
        FoldInputNormalization rewrite = new FoldInputNormalization(FoldInputNormalization.Border.CONSTANT_PICTURE);
        assertEquals(
                "Conv Add",
                applied(
                        rewrite,
                        known(normalized(
                                PADS, Attribute.ofInts("strides", 1, 2), Attribute.ofInts("dilations", 2, 1)))));
    }

    @Test
    void aConstantPictureIsNotMadeLargerThanAsked() {
        Model model = known(normalized(PADS));
        FoldInputNormalization.Border border = FoldInputNormalization.Border.CONSTANT_PICTURE;
        long elements = model.graph().shape("y").orElseThrow().elements();
        Rewrite.Found found = new FoldInputNormalization(border, elements - 1).find(model);
        assertEquals(List.of(), found.places());
        assertTrue(
                found.skipped().getFirst().reason().contains("would have %d elements".formatted(elements)),
                found.toString());
        assertEquals("Conv Add", applied(new FoldInputNormalization(border, elements), model));
    }

    @Test
    void aNormalizedPictureThatIsReadElsewhereStays() {
        Model model = known(normalized(PADS).node("z", "Relu", "n").output("z"));
        Rewrite.Found found = new FoldInputNormalization(FoldInputNormalization.Border.CHANNEL_OF_ONES).find(model);
        assertEquals(List.of(), found.places());
        assertTrue(found.skipped().getFirst().reason().contains("also read elsewhere"), found.toString());
    }

    @Test
    void theScaleOfAttentionGoesIntoTheQuery() {
        Model model = known(new Graphs()
                .input("x", 1, 6, 8)
                .weight("q", 8, 8)
                .weight("k", 8, 8)
                .weight("bias", 8)
                .scalar("root", 2.8284271f)
                .longs("heads", 1, 6, 2, 4)
                .node("xq", "MatMul", "x q")
                .node("xb", "Add", "bias xq")
                .node("xk", "MatMul", "x k")
                .node("rq", "Reshape", "xb heads")
                .node("rk", "Reshape", "xk heads")
                .node("tq", "Transpose", "rq", Attribute.ofInts("perm", 0, 2, 1, 3))
                .node("tk", "Transpose", "rk", Attribute.ofInts("perm", 0, 2, 3, 1))
                .node("s", "MatMul", "tq tk")
                .node("d", "Div", "s root")
                .node("y", "Softmax", "d", Attribute.of("axis", -1))
                .output("y"));
        assertEquals(
                "MatMul Add MatMul Reshape Reshape Transpose Transpose MatMul Softmax",
                applied(new FoldScaleIntoProduct(), model));
    }

    @Test
    void transposesCancelThroughWhatLooksAtOneElement() {
        Model model = known(new Graphs()
                .input("x", 1, 3, 4, 5)
                .scalar("two", 2)
                .node("t", "Transpose", "x", Attribute.ofInts("perm", 0, 2, 3, 1))
                .node("r", "Relu", "t")
                .node("m", "Mul", "r two")
                .node("u", "Transpose", "m", Attribute.ofInts("perm", 0, 3, 1, 2))
                .node("y", "Abs", "u")
                .output("y"));
        assertEquals("Relu Mul Abs", applied(new CancelMovement(), model));
    }

    @Test
    void twoReshapesAreOne() {
        Model model = known(new Graphs()
                .input("x", 2, 12)
                .longs("a", 2, 3, 4)
                .longs("b", 6, 4)
                .node("r", "Reshape", "x a")
                .node("s", "Reshape", "r b")
                .node("y", "Abs", "s")
                .output("y"));
        assertEquals("Reshape Abs", applied(new CancelMovement(), model));
    }

    @Test
    void aCastThatLosesDigitsStays() {
        Model model = known(new Graphs()
                .input("x", 2, 12)
                .node("h", "Cast", "x", Attribute.of("to", 10))
                .node("f", "Cast", "h", Attribute.of("to", 1))
                .node("y", "Abs", "f")
                .output("y"));
        assertEquals(List.of(), new CancelMovement().find(model).places());
    }

    @Test
    void convolutionsSideBySideAreOne() {
        Model model = known(new Graphs()
                .input("x", 1, 6, 5, 5)
                .weight("v", 4, 6, 1, 1)
                .weight("w", 3, 6, 1, 1)
                .weight("b", 3)
                .node("p", "Conv", "x v")
                .node("q", "Conv", "x w b")
                .node("y", "Relu", "p")
                .node("z", "Relu", "q")
                .output("y", "z"));
        assertEquals("Conv Relu Split", applied(new MergeParallel(), model));
    }

    @Test
    void productsSideBySideAreOneWithTheirBiases() {
        Model model = known(new Graphs()
                .input("x", 1, 6, 8)
                .weight("v", 8, 4)
                .weight("w", 8, 3)
                .weight("a", 4)
                .weight("b", 3)
                .node("p", "MatMul", "x v")
                .node("q", "MatMul", "x w")
                .node("y", "Add", "p a")
                .node("z", "Add", "b q")
                .output("y", "z"));
        assertEquals("MatMul Add Split", applied(new MergeParallel(), model));
    }

    @Test
    void partsOfAConcatBecomeWholeBlocks() {
        Model model = known(new Graphs()
                .input("x", 1, 4, 5, 5)
                .weight("v", 20, 4, 1, 1)
                .weight("w", 33, 4, 3, 3)
                .weight("b", 33)
                .weight("u", 7, 53, 1, 1)
                .node("p", "Conv", "x v")
                .node("q", "Conv", "x w b", Attribute.ofInts("pads", 1, 1, 1, 1))
                .node("r", "Relu", "q")
                .node("c", "Concat", "p r", Attribute.of("axis", 1))
                .node("y", "Conv", "c u")
                .output("y"));
        assertEquals("Conv Conv Relu Concat Conv", applied(new WidenChannels(), model));
        Model after = new WidenChannels().apply(model, "c").orElseThrow();
        assertEquals(Shape.of(1, 96, 5, 5), after.graph().shape("c").orElseThrow());
    }

    @Test
    void aConcatInAConcatIsOne() {
        Model model = known(new Graphs()
                .input("x", 1, 2, 3)
                .node("a", "Abs", "x")
                .node("b", "Neg", "x")
                .node("c", "Concat", "a b", Attribute.of("axis", 1))
                .node("y", "Concat", "c x", Attribute.of("axis", -2))
                .output("y"));
        assertEquals("Abs Neg Concat", applied(new FlattenConcat(), model));
    }

    @Test
    void picturesEnterChannelsLastBehindTheirNormalization() {
        Model model = known(normalized(PADS));
        ChannelsLast rewrite = new ChannelsLast();
        Model after = rewrite.apply(model, "x").orElseThrow();
        assertEquals("Sub Div Transpose Conv", Graphs.ops(after));
        assertEquals(Shape.of(1, 9, 7, 3), after.graph().shape("x").orElseThrow());
        Rewrite.Found again = rewrite.find(ShapeInference.inferOwn(ShapeInference.inferOwn(new Graphs()
                                .input("x", 1, 9, 7, 3)
                                .weight("w", 5, 3, 3, 3)
                                .node("t", "Transpose", "x", Attribute.ofInts("perm", 0, 3, 1, 2))
                                .node("c", "Conv", "t w")
                                .node("y", "Flatten", "c")
                                .output("y")
                                .build(13))
                        .model())
                .model());
        assertEquals(List.of(), again.places());
        assertTrue(again.skipped().getFirst().reason().contains("channels last already"), again.toString());
    }
}
