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
import org.junit.jupiter.params.provider.ValueSource;

class FusionTest {
    private static final long NEWEST = 24;

    private static Model fuse(Pass pass, Model model) {
        PassResult result = pass.apply(model);
        assertTrue(result.changed(), () -> reason(result));
        assertEquals(model.graph().outputs(), result.model().graph().outputs());
        assertSame(model, result.model());
        return result.model();
    }

    /// With the ranks of all values, which tell over what a pooling averages.
    private static Model inferred(Graphs graph) {
        return new InferShapes().apply(graph.build(13)).model();
    }

    private static String refuse(Pass pass, Model model) {
        PassResult result = pass.apply(model);
        assertEquals(model, result.model());
        return reason(result);
    }

    /// `order` is how the exporter multiplies.
    private static Graphs erfGelu(String order, float half, float root) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("half", half)
                .scalar("one", 1)
                .scalar("root", root)
                .node("q", "Div", "x root")
                .node("e", "Erf", "q")
                .node("s", "Add", "e one");
        return switch (order) {
            case "x·s·half" -> graph.node("p", "Mul", "x s").node("y", "Mul", "p half");
            case "half·x·s" -> graph.node("p", "Mul", "half x").node("y", "Mul", "p s");
            case "x·(half·s)" -> graph.node("p", "Mul", "s half").node("y", "Mul", "x p");
            default -> throw new IllegalArgumentException(order);
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"x·s·half", "half·x·s", "x·(half·s)"})
    void fusesExactGelu(String order) {
        Model fused = fuse(
                new FuseGelu(NEWEST),
                erfGelu(order, 0.5f, 1.4142135f).output("y").build(14));
        assertEquals("Gelu", ops(fused));
        assertEquals(20, fused.opset());
    }

    @ParameterizedTest
    @ValueSource(strings = {"pow", "mul", "factored"})
    void fusesGeluByTanh(String cube) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("three", 3)
                .scalar("cubic", 0.044715f)
                .scalar("root", 0.7978845608f)
                .scalar("one", 1)
                .scalar("half", 0.5f);
        switch (cube) {
            case "pow" ->
                graph.node("c", "Pow", "x three")
                        .node("k", "Mul", "c cubic")
                        .node("a", "Add", "x k")
                        .node("r", "Mul", "a root");
            case "mul" ->
                graph.node("c2", "Mul", "x x")
                        .node("c", "Mul", "c2 x")
                        .node("k", "Mul", "cubic c")
                        .node("a", "Add", "k x")
                        .node("r", "Mul", "root a");
            default ->
                graph.node("c1", "Mul", "x cubic")
                        .node("c2", "Mul", "c1 x")
                        .node("a", "Add", "one c2")
                        .node("r1", "Mul", "x root")
                        .node("r", "Mul", "r1 a");
        }
        graph.node("t", "Tanh", "r")
                .node("s", "Add", "t one")
                .node("h", "Mul", "x half")
                .node("y", "Mul", "h s");
        Model fused = fuse(new FuseGelu(NEWEST), graph.output("y").build(13));
        assertEquals("Gelu", ops(fused));
        assertEquals("tanh", fused.graph().nodes().getFirst().stringAttribute("approximate", ""));
    }

    @Test
    void saysWhyGeluIsNotGelu() {
        assertEquals(
                "it looks like GELU, but is scaled by 1.0 instead of 0.5",
                refuse(
                        new FuseGelu(NEWEST),
                        erfGelu("half·x·s", 1, 1.4142135f).output("y").build(20)));
        assertEquals(
                "it looks like GELU, but erf is of 0.5 x instead of x / √2",
                refuse(
                        new FuseGelu(NEWEST),
                        erfGelu("half·x·s", 0.5f, 2).output("y").build(20)));
        assertEquals(
                "it ends a Gelu, but value 'e' inside the pattern is a graph output",
                refuse(
                        new FuseGelu(NEWEST),
                        erfGelu("half·x·s", 0.5f, 1.4142135f).output("y", "e").build(20)));
        assertEquals(
                "it ends a Gelu, but ONNX has Gelu only from opset 20, and the model may be raised no further than 17",
                refuse(
                        new FuseGelu(17),
                        erfGelu("half·x·s", 0.5f, 1.4142135f).output("y").build(13)));
    }

    private static Graphs layerNorm(String root, long... axes) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("two", 2)
                .scalar("one", 1)
                .scalar("epsilon", 1e-5f)
                .scalar("minus_half", -0.5f)
                .node("m", "ReduceMean", "x", Attribute.ofInts("axes", axes))
                .node("d", "Sub", "x m");
        if (root.equals("twice")) {
            graph.node("d2", "Sub", "x m").node("sq", "Mul", "d2 d2");
            root = "div";
        } else {
            graph.node("sq", "Pow", "d two");
        }
        graph.node("v", "ReduceMean", "sq", Attribute.ofInts("axes", axes)).node("ve", "Add", "v epsilon");
        switch (root) {
            case "div" -> graph.node("sd", "Sqrt", "ve").node("n", "Div", "d sd");
            case "reciprocal" ->
                graph.node("sd", "Sqrt", "ve").node("r", "Reciprocal", "sd").node("n", "Mul", "d r");
            case "one over" ->
                graph.node("sd", "Sqrt", "ve").node("r", "Div", "one sd").node("n", "Mul", "r d");
            case "pow" -> graph.node("r", "Pow", "ve minus_half").node("n", "Mul", "d r");
            default -> throw new IllegalArgumentException(root);
        }
        return graph;
    }

    @ParameterizedTest
    @ValueSource(strings = {"div", "twice", "reciprocal", "one over", "pow"})
    void fusesLayerNormInItsSpellings(String root) {
        Model fused = fuse(
                new FuseLayerNorm(NEWEST),
                layerNorm(root, -1)
                        .weight("gamma", 8)
                        .weight("beta", 8)
                        .node("g", "Mul", "n gamma")
                        .node("y", "Add", "g beta")
                        .output("y")
                        .build(13));
        assertEquals("LayerNormalization", ops(fused));
        assertEquals(17, fused.opset());
        assertEquals("gamma", fused.graph().nodes().getFirst().input(1));
        assertEquals("beta", fused.graph().nodes().getFirst().input(2));
    }

    /// As Keras 3 comes out of tf2onnx: means as pooling, the scale in the reciprocal root, the mean negated.
    @ParameterizedTest
    @ValueSource(strings = {"multiplied out", "centered"})
    void fusesLayerNormAsKerasWritesIt(String form) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("epsilon", 1e-5f)
                .weight("gamma", 1, 1, 8)
                .weight("beta", 1, 1, 8)
                .node("m", "GlobalAveragePool", "x")
                .node("d", "Sub", "x m")
                .node("sq", "Mul", "d d")
                .node("v", "GlobalAveragePool", "sq")
                .node("ve", "Add", "v epsilon")
                .node("sd", "Sqrt", "ve")
                .node("r", "Reciprocal", "sd")
                .node("g", "Mul", "r gamma");
        if (form.equals("centered")) {
            graph.node("n", "Mul", "d g").node("y", "Add", "beta n");
        } else {
            graph.node("a", "Mul", "x g")
                    .node("neg", "Neg", "m")
                    .node("b", "Mul", "neg g")
                    .node("s", "Add", "b beta")
                    .node("y", "Add", "a s");
        }
        Model fused = fuse(new FuseLayerNorm(NEWEST), inferred(graph.output("y")));
        assertEquals("LayerNormalization", ops(fused));
    }

    @Test
    void fusesRmsNormAsKerasWritesIt() {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("epsilon", 1e-6f)
                .weight("gamma", 8)
                .weight("beta", 8)
                .node("sq", "Mul", "x x")
                .node("v", "GlobalAveragePool", "sq")
                .node("ve", "Add", "v epsilon")
                .node("sd", "Sqrt", "ve")
                .node("r", "Reciprocal", "sd")
                .node("g", "Mul", "r gamma")
                .node("n", "Mul", "x g")
                .node("y", "Add", "n beta")
                .output("y");
        assertEquals("RMSNormalization Add", ops(fuse(new FuseRmsNorm(NEWEST), inferred(graph))));
    }

    @Test
    void poolingOfPicturesIsNoMeanOverTheLastAxis() {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8, 8)
                .scalar("epsilon", 1e-6f)
                .node("sq", "Mul", "x x")
                .node("v", "GlobalAveragePool", "sq")
                .node("ve", "Add", "v epsilon")
                .node("sd", "Sqrt", "ve")
                .node("y", "Div", "x sd")
                .output("y");
        Model model = inferred(graph);
        assertEquals(model, new FuseRmsNorm(NEWEST).apply(model).model());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void fusesLayerNormAsTensorFlowMultipliesItOut(boolean scaled) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("epsilon", 1e-5f)
                .weight("gamma", 8)
                .weight("beta", 8)
                .node("m", "ReduceMean", "x", Attribute.ofInts("axes", -1))
                .node("d", "Sub", "x m")
                .node("sq", "Mul", "d d")
                .node("v", "ReduceMean", "sq", Attribute.ofInts("axes", -1))
                .node("ve", "Add", "v epsilon")
                .node("sd", "Sqrt", "ve")
                .node("r", "Reciprocal", "sd");
        String factor = scaled ? "g" : "r";
        if (scaled) {
            graph.node("g", "Mul", "r gamma");
        }
        graph.node("a", "Mul", "x " + factor)
                .node("b", "Mul", factor + " m")
                .node("s", "Sub", "beta b")
                .node("y", "Add", "a s");
        Model fused = fuse(new FuseLayerNorm(NEWEST), graph.output("y").build(13));
        assertEquals("LayerNormalization", ops(fused));
    }

    @Test
    void fusesLayerNormWithoutParameters() {
        Model fused = fuse(
                new FuseLayerNorm(NEWEST),
                layerNorm("div", -1).node("y", "Relu", "n").output("y").build(17));
        assertEquals("LayerNormalization Relu", ops(fused));
    }

    @Test
    void fusesLayerNormOverTwoAxesWithParametersThatBroadcast() {
        Model fused = fuse(
                new FuseLayerNorm(NEWEST),
                layerNorm("div", 1, 2)
                        .weight("gamma", 8)
                        .weight("beta", 3, 1)
                        .node("g", "Mul", "gamma n")
                        .node("y", "Add", "g beta")
                        .output("y")
                        .build(17));
        assertEquals("LayerNormalization", ops(fused));
    }

    @Test
    void saysWhyLayerNormStays() {
        assertEquals(
                "it ends a layer normalization, but axes [1] are not the last",
                refuse(
                        new FuseLayerNorm(NEWEST),
                        layerNorm("div", 1).output("n").build(17)));
        assertEquals(
                "it ends a LayerNormalization, but value 'd' inside the pattern is also read by node 'z' (Relu)",
                refuse(
                        new FuseLayerNorm(NEWEST),
                        layerNorm("div", -1)
                                .node("z", "Relu", "d")
                                .output("n", "z")
                                .build(17)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Div", "Reciprocal"})
    void fusesRmsNorm(String root) {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 8)
                .scalar("two", 2)
                .scalar("epsilon", 1e-6f)
                .weight("gamma", 8)
                .node("sq", "Pow", "x two")
                .node("v", "ReduceMean", "sq", Attribute.ofInts("axes", -1))
                .node("ve", "Add", "v epsilon")
                .node("sd", "Sqrt", "ve");
        if (root.equals("Div")) {
            graph.node("n", "Div", "x sd");
        } else {
            graph.node("r", "Reciprocal", "sd").node("n", "Mul", "x r");
        }
        graph.node("y", "Mul", "gamma n").output("y");
        Model fused = fuse(new FuseRmsNorm(NEWEST), graph.build(13));
        assertEquals("RMSNormalization", ops(fused));
        assertEquals(23, fused.opset());
        assertEquals(
                "it ends a RMSNormalization, but ONNX has RMSNormalization only from opset 23, and the model may be raised no further than 21",
                refuse(new FuseRmsNorm(21), graph.build(13)));
    }

    private static Graphs relu6() {
        return new Graphs()
                .input("x", 2, 3, 8)
                .scalar("zero", 0)
                .scalar("three", 3)
                .scalar("six", 6)
                .node("a", "Add", "x three")
                .node("c", "Clip", "a zero six");
    }

    @Test
    void fusesHardSwish() {
        Model divided = relu6().node("h", "Div", "c six")
                .node("y", "Mul", "x h")
                .output("y")
                .build(13);
        assertEquals("HardSwish", ops(fuse(new FuseHardSwish(NEWEST), divided)));
        Model late = relu6().node("h", "Mul", "x c")
                .node("y", "Div", "h six")
                .output("y")
                .build(13);
        assertEquals("HardSwish", ops(fuse(new FuseHardSwish(NEWEST), late)));
        Model sigmoid = new Graphs()
                .input("x", 2, 8)
                .node("h", "HardSigmoid", "x", Attribute.of("alpha", 1 / 6f))
                .node("y", "Mul", "h x")
                .output("y")
                .build(14);
        assertEquals("HardSwish", ops(fuse(new FuseHardSwish(NEWEST), sigmoid)));
    }

    @Test
    void saysWhyHardSwishStays() {
        Model model = new Graphs()
                .input("x", 2, 8)
                .node("h", "HardSigmoid", "x")
                .node("y", "Mul", "h x")
                .output("y")
                .build(14);
        assertEquals(
                "it looks like hard swish, but its gate is 0.20000 x + 0.50000 up to 1.0000 instead of x / 6 + 0.5 up to 1",
                refuse(new FuseHardSwish(NEWEST), model));
    }

    @Test
    void fusesHardSigmoid() {
        Model model = relu6().node("y", "Div", "c six").output("y").build(13);
        assertEquals("HardSigmoid", ops(fuse(new FuseHardSigmoid(NEWEST), model)));
        Model general = new Graphs()
                .input("x", 2, 8)
                .scalar("zero", 0)
                .scalar("one", 1)
                .scalar("alpha", 0.2f)
                .scalar("beta", 0.4f)
                .node("m", "Mul", "x alpha")
                .node("a", "Add", "m beta")
                .node("y", "Clip", "a zero one")
                .output("y")
                .build(13);
        assertEquals("HardSigmoid", ops(fuse(new FuseHardSigmoid(NEWEST), general)));
    }

    @Test
    void fusesMinAndMaxIntoClip() {
        Graphs graph = new Graphs().input("x", 2, 8).scalar("low", 0).scalar("high", 0.5f);
        Model model = graph.node("m", "Max", "x low")
                .node("y", "Min", "high m")
                .output("y")
                .build(13);
        assertEquals("Clip", ops(fuse(new FuseClip(NEWEST), model)));
        Model relu = new Graphs()
                .input("x", 2, 8)
                .scalar("low", 0)
                .node("y", "Max", "x low")
                .output("y")
                .build(13);
        assertEquals("Relu", ops(fuse(new FuseClip(NEWEST), relu)));
    }

    @Test
    void fusesMish() {
        Model model = new Graphs()
                .input("x", 2, 8)
                .scalar("one", 1)
                .node("e", "Exp", "x")
                .node("a", "Add", "e one")
                .node("l", "Log", "a")
                .node("t", "Tanh", "l")
                .node("y", "Mul", "x t")
                .output("y")
                .build(13);
        assertEquals("Mish", ops(fuse(new FuseMish(NEWEST), model)));
    }

    @Test
    void reportsSiluBelowOpset24() {
        Model model = new Graphs()
                .input("x", 2, 8)
                .node("s", "Sigmoid", "x")
                .node("y", "Mul", "x s")
                .output("y")
                .build(13);
        assertEquals(
                "it ends a Swish, but ONNX has Swish only from opset 24, and the model may be raised no further than 23",
                refuse(new FuseSwish(23), model));
        assertEquals("Swish", ops(fuse(new FuseSwish(24), model)));
    }

    @Test
    void fusesAnAddedConstantIntoTheBias() {
        Graphs graph = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 6, 4, 3, 3)
                .weight("b", 6)
                .weight("c", 1, 6, 1, 1)
                .node("v", "Conv", "x w b")
                .node("y", "Add", "c v");
        Model model = graph.output("y").build(13);
        assertEquals("Conv", ops(fuse(new FuseConvBias(), model)));
        Graphs last = new Graphs()
                .input("x", 2, 4, 5, 8)
                .weight("w", 6, 4, 3, 3)
                .weight("c", 6)
                .node("v", "Conv", "x w")
                .node("y", "Add", "v c");
        assertEquals(
                "the constant it adds to node 'v' (Conv) has shape 6, which is not one number per channel (6)",
                refuse(new FuseConvBias(), last.output("y").build(13)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Mul", "Div"})
    void foldsAScaleIntoTheConvolutionBefore(String op) {
        Graphs graph = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 4, 3, 3, 3)
                .weight("b", 6)
                .positive("c", 6, 1, 1)
                .node("v", "ConvTranspose", "x w b", Attribute.of("group", 2))
                .node("y", op, "v c");
        assertEquals(
                "ConvTranspose", ops(fuse(new FoldScale(), graph.output("y").build(13))));
        Graphs whole = new Graphs()
                .input("x", 2, 4, 5, 5)
                .weight("w", 6, 4, 3, 3)
                .positive("c", 1)
                .node("v", "Conv", "x w")
                .node("y", op, "v c");
        Model folded = fuse(new FoldScale(), whole.output("y").build(13));
        assertEquals(2, folded.graph().nodes().getFirst().inputs().size());
    }

    @Test
    void saysWhyAScaleStays() {
        Graphs graph = new Graphs()
                .input("x", 2, 4, 5, 8)
                .weight("w", 6, 4, 3, 3)
                .positive("c", 6)
                .node("v", "Conv", "x w")
                .node("y", "Mul", "v c");
        assertEquals(
                "the constant it multiplies node 'v' (Conv) with has shape 6, which is not one number per channel (6)",
                refuse(new FoldScale(), graph.output("y").build(13)));
    }
}
