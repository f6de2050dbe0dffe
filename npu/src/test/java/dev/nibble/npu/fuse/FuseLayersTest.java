package dev.nibble.npu.fuse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.npu.Nets;
import dev.nibble.npu.work.Layer;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FuseLayersTest {
    private static final long[] PICTURE = {1, 32, 8, 8};

    private static FuseLayers.Result fuse(Nets net) {
        return FuseLayers.apply(net.flow(), FusionRule.all());
    }

    private static String types(FuseLayers.Result result) {
        return String.join(" ", result.flow().layers().stream().map(Layer::type).toList());
    }

    private static Arguments rule(String rule, String types, Consumer<Nets> body) {
        return Arguments.of(rule, types, body);
    }

    static Stream<Arguments> patterns() {
        return Stream.of(
                rule(
                        "convolution-normalization-activation",
                        "Conv",
                        n -> n.input("x", PICTURE)
                                .conv3("c", "x", 32, 32)
                                .weight("g", 32)
                                .weight("o", 32)
                                .weight("m", 32)
                                .weight("v", 32)
                                .node("b", "BatchNormalization", "c g o m v")
                                .node("y", "Relu", "b")),
                rule(
                        "convolution-add",
                        "Sigmoid Conv",
                        n -> n.input("x", PICTURE)
                                .node("s", "Sigmoid", "x")
                                .conv3("c", "s", 32, 32)
                                .node("y", "Add", "s c")),
                rule(
                        "matmul-bias-activation",
                        "MatMul",
                        n -> n.input("x", 1, 8, 32)
                                .weight("w", 32, 32)
                                .weight("bias", 32)
                                .node("p", "MatMul", "x w")
                                .node("a", "Add", "bias p")
                                .node("y", "Relu", "a")),
                rule(
                        "layer-normalization",
                        "LayerNormalization",
                        n -> n.input("x", 1, 8, 32)
                                .scalar("two", 2)
                                .scalar("eps", 1e-5f)
                                .weight("gain", 32)
                                .weight("shift", 32)
                                .node("m", "ReduceMean", "x", Attribute.ofInts("axes", -1))
                                .node("d", "Sub", "x m")
                                .node("q", "Pow", "d two")
                                .node("v", "ReduceMean", "q", Attribute.ofInts("axes", -1))
                                .node("e", "Add", "v eps")
                                .node("r", "Sqrt", "e")
                                .node("n", "Div", "d r")
                                .node("g", "Mul", "n gain")
                                .node("y", "Add", "g shift")),
                rule(
                        "rms-normalization",
                        "RMSNormalization",
                        n -> n.input("x", 1, 8, 32)
                                .scalar("two", 2)
                                .scalar("eps", 1e-5f)
                                .weight("gain", 32)
                                .node("q", "Pow", "x two")
                                .node("v", "ReduceMean", "q", Attribute.ofInts("axes", -1))
                                .node("e", "Add", "v eps")
                                .node("r", "Sqrt", "e")
                                .node("n", "Div", "x r")
                                .node("y", "Mul", "gain n")),
                rule(
                        "attention",
                        "Attention",
                        n -> n.input("q", 1, 4, 8, 16)
                                .input("k", 1, 4, 16, 8)
                                .input("v", 1, 4, 8, 16)
                                .input("mask", 1, 1, 8, 8)
                                .scalar("root", 4)
                                .node("s", "MatMul", "q k")
                                .node("c", "Div", "s root")
                                .node("a", "Add", "c mask")
                                .node("p", "Softmax", "a")
                                .node("y", "MatMul", "p v")),
                rule(
                        "gelu",
                        "Gelu",
                        n -> n.input("x", 1, 8, 32)
                                .scalar("root", 1.4142135f)
                                .scalar("one", 1)
                                .scalar("half", 0.5f)
                                .node("d", "Div", "x root")
                                .node("e", "Erf", "d")
                                .node("a", "Add", "e one")
                                .node("m", "Mul", "x a")
                                .node("y", "Mul", "m half")),
                rule(
                        "silu",
                        "Silu",
                        n -> n.input("x", PICTURE).node("s", "Sigmoid", "x").node("y", "Mul", "x s")),
                rule(
                        "hard-swish",
                        "HardSwish",
                        n -> n.input("x", PICTURE).node("s", "HardSigmoid", "x").node("y", "Mul", "s x")),
                rule(
                        "pad-into-convolution",
                        "Conv",
                        n -> n.input("x", PICTURE)
                                .longs("pads", 0, 0, 1, 1, 0, 0, 1, 1)
                                .node("p", "Pad", "x pads")
                                .conv3("y", "p", 32, 32)));
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void eachRuleJoinsItsPattern(String rule, String types, Consumer<Nets> body) {
        Nets net = new Nets();
        body.accept(net);
        FuseLayers.Result result = fuse(net.output("y"));
        assertEquals(types, types(result));
        assertTrue(result.matches().stream().anyMatch(m -> m.rule().name().equals(rule)), () -> "" + result.matches());
        assertEquals(List.of(), result.nearMisses());
    }

    @Test
    void everyRuleButVariantsIsTested() {
        List<String> tested = Stream.concat(
                        patterns().map(a -> (String) a.get()[0]),
                        // Other spellings of a tested rule, and what its test of a near miss covers.
                        Stream.of("gelu-tanh", "gelu-sigmoid", "add-activation"))
                .distinct()
                .sorted()
                .toList();
        assertEquals(
                tested,
                FusionRule.all().stream()
                        .map(FusionRule::name)
                        .distinct()
                        .sorted()
                        .toList());
    }

    @Test
    void anIntermediateThatIsAlsoAnOutputIsANearMiss() {
        FuseLayers.Result result = fuse(new Nets()
                .input("x", PICTURE)
                .conv3("c", "x", 32, 32)
                .node("y", "Relu", "c")
                .output("y", "c"));
        assertEquals("Conv Relu", types(result));
        FuseLayers.NearMiss miss = result.nearMisses().getFirst();
        assertEquals("c", miss.node());
        assertEquals("'c' between its steps is also a graph output", miss.reason());
    }

    @Test
    void anIntermediateWithAnotherReaderIsANearMiss() {
        FuseLayers.Result result = fuse(new Nets()
                .input("x", 1, 8, 32)
                .scalar("root", 1.4142135f)
                .scalar("one", 1)
                .scalar("half", 0.5f)
                .node("d", "Div", "x root")
                .node("e", "Erf", "d")
                .node("a", "Add", "e one")
                .node("m", "Mul", "x a")
                .node("h", "Mul", "m half")
                .node("y", "Add", "h e")
                .output("y"));
        assertTrue(
                result.nearMisses().stream()
                        .anyMatch(m -> m.rule().equals("gelu") && m.reason().contains("also read by 'y' (Add)")),
                () -> "" + result.nearMisses());
    }

    @Test
    void anAddTakesItsActivation() {
        FuseLayers.Result result = fuse(new Nets()
                .input("x", PICTURE)
                .input("z", PICTURE)
                .node("a", "Add", "x z")
                .node("y", "Relu", "a")
                .output("y"));
        assertEquals("Add", types(result));
    }

    @Test
    void whatAMatchKeepsInsideIsListed() {
        FuseLayers.Result result = fuse(new Nets()
                .input("x", PICTURE)
                .conv3("c", "x", 32, 32)
                .node("y", "Relu", "c")
                .output("y"));
        FuseLayers.Match match = result.matches().getFirst();
        assertEquals(List.of("c", "y"), match.nodes());
        assertEquals(List.of("c"), match.intermediates());
    }

    @Test
    void badRulesAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> FusionRule.parse("  c = Conv(x)"));
        assertThrows(IllegalArgumentException.class, () -> FusionRule.parse("rule a -> b\n  nothing"));
    }
}
