package dev.nibble.quant.place;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/// Small models, each for one question of placement.
public final class SmallModels {
    private SmallModels() {}

    private static final Attribute PADS = Attribute.ofInts("pads", 1, 1, 1, 1);

    public static Map<String, Model> all(long opset) {
        Map<String, Model> all = new LinkedHashMap<>();
        all.put("Conv-Relu", convRelu().model(opset));
        all.put("depthwise-Clip", depthwiseClip().model(opset));
        all.put("residual", residual().model(opset));
        all.put("Concat", concat().model(opset));
        all.put("MatMul-Add-Gelu", matmulAddGelu().model(Math.max(20, opset)));
        all.put("LayerNorm", layerNorm().model(opset));
        all.put("Softmax", attention().model(opset));
        all.put("LeakyRelu", leakyRelu().model(opset));
        all.put("ConvTranspose", convTranspose().model(opset));
        all.put("Gemm", gemm().model(opset));
        return all;
    }

    static GraphText convRelu() {
        return new GraphText()
                .input("x", 1, 3, 8, 8)
                .weight("w", 0.3, 4, 3, 3, 3)
                .weight("b", 0.1, 4)
                .node("Conv", "x w b", "c", PADS)
                .node("Relu", "c", "r")
                .node("MaxPool", "r", "p", Attribute.ofInts("kernel_shape", 2, 2), Attribute.ofInts("strides", 2, 2))
                .node("GlobalAveragePool", "p", "y")
                .output("y", 1, 4, 1, 1);
    }

    static GraphText depthwiseClip() {
        return new GraphText()
                .input("x", 1, 4, 6, 6)
                .weight("w", 1, 4, 1, 3, 3)
                .constant("lo", Tensor.of(Shape.SCALAR, 0f))
                .constant("hi", Tensor.of(Shape.SCALAR, 1f))
                .node("Conv", "x w", "c", PADS, Attribute.of("group", 4L))
                .node("Clip", "c lo hi", "y")
                .output("y", 1, 4, 6, 6);
    }

    static GraphText residual() {
        return new GraphText()
                .input("x", 1, 4, 6, 6)
                .weight("w", 0.3, 4, 4, 3, 3)
                .weight("b", 0.1, 4)
                .node("Conv", "x w b", "c", PADS)
                .node("Add", "c x", "a")
                .node("Relu", "a", "y")
                .output("y", 1, 4, 6, 6);
    }

    static GraphText concat() {
        return new GraphText()
                .input("x", 1, 4, 6, 6)
                .node("Sigmoid", "x", "s")
                .node("Abs", "x", "a")
                .node("Transpose", "a", "t", Attribute.ofInts("perm", 0, 1, 3, 2))
                .node("Concat", "t x s", "y", Attribute.of("axis", 1L))
                .output("y", 1, 12, 6, 6);
    }

    static GraphText matmulAddGelu() {
        return new GraphText()
                .input("x", 1, 5, 8)
                .weight("w", 0.4, 8, 6)
                .weight("b", 0.2, 6)
                .node("MatMul", "x w", "m")
                .node("Add", "m b", "a")
                .node("Gelu", "a", "y")
                .output("y", 1, 5, 6);
    }

    static GraphText layerNorm() {
        return new GraphText()
                .input("x", 1, 5, 8)
                .weight("g", 0.5, 8)
                .weight("b", 0.2, 8)
                .node("LayerNormalization", "x g b", "y")
                .output("y", 1, 5, 8);
    }

    static GraphText attention() {
        return new GraphText()
                .input("q", 1, 5, 8)
                .input("k", 1, 5, 8)
                .node("Transpose", "k", "kt", Attribute.ofInts("perm", 0, 2, 1))
                .node("MatMul", "q kt", "s")
                .node("Softmax", "s", "p")
                .node("MatMul", "p k", "y")
                .output("y", 1, 5, 8);
    }

    static GraphText leakyRelu() {
        return new GraphText()
                .input("x", 1, 3, 6, 6)
                .weight("w", 0.3, 4, 3, 3, 3)
                .node("Conv", "x w", "c", PADS)
                .node("LeakyRelu", "c", "y", Attribute.of("alpha", 0.1f))
                .output("y", 1, 4, 6, 6);
    }

    static GraphText convTranspose() {
        return new GraphText()
                .input("x", 1, 4, 4, 4)
                .weight("w", 0.3, 4, 3, 2, 2)
                .weight("b", 0.1, 6)
                .node("ConvTranspose", "x w b", "y", Attribute.ofInts("strides", 2, 2), Attribute.of("group", 2L))
                .output("y", 1, 6, 8, 8);
    }

    static GraphText gemm() {
        return new GraphText()
                .input("x", 2, 8)
                .weight("w", 0.3, 8, 6)
                .weight("b", 0.2, 6)
                .weight("v", 0.3, 4, 6)
                .node("Gemm", "x w b", "h")
                .node("Relu", "h", "r")
                .node("Gemm", "r v", "y", Attribute.of("transB", 1L))
                .output("y", 2, 4);
    }
}
