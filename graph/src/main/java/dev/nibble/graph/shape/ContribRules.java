package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// ONNX Runtime's own operators (`com.microsoft`) that quantized and fused models hold
/// ([ContribOperators](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md)).
final class ContribRules {
    private static final Set<String> SAME = Set.of(
            "BiasGelu",
            "FastGelu",
            "Gelu",
            "QuickGelu",
            "QLinearSigmoid",
            "QLinearLeakyRelu",
            "QLinearSoftmax",
            "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization",
            "RotaryEmbedding");

    private ContribRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "QuantizeLinear", "DequantizeLinear" -> {
                return ElementRules.apply(c);
            }
            case "QLinearAdd", "QLinearMul" -> c.set(0, c.type(0), Dims.broadcast(c.dims(0), c.dims(3)));
            case "MatMulNBits" -> {
                List<Dim> x = c.dims(0);
                if (x == null) {
                    c.set(0, c.type(0), null);
                } else {
                    List<Dim> dims = new ArrayList<>(x);
                    dims.set(dims.size() - 1, Dims.of(c.node.intAttribute("N", 0)));
                    c.set(0, c.type(0), dims);
                }
            }
            default -> {
                if (!SAME.contains(c.node.opType())) {
                    return false;
                }
                c.same();
            }
        }
        return true;
    }
}
