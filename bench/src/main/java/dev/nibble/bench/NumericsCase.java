package dev.nibble.bench;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// A model of one operator or a short chain, with seeded weights, by which the emulator is compared with ONNX.
///
/// @param name as the page shows it
/// @param low the smallest value of a sample
/// @param high the largest
/// @param weighted whether it has weights, whose width matters
record NumericsCase(String name, Model model, double low, double high, boolean weighted) {
    private static final long OPSET = 20;
    private static final long IR = 9;
    private static final long SEED = 7;
    private static final Shape IMAGE = Shape.of(1, 8, 12, 12);
    private static final Shape TOKENS = Shape.of(1, 16, 32);

    /// Every case, patterns first.
    static List<NumericsCase> all() {
        List<NumericsCase> cases = new ArrayList<>();
        patterns(cases);
        weighted(cases);
        cases.replaceAll(
                one -> new NumericsCase(one.name(), one.model(), one.low(), one.high(), hasWeights(one.model())));
        for (String op : List.of(
                "Relu",
                "LeakyRelu",
                "Elu",
                "HardSigmoid",
                "HardSwish",
                "Sigmoid",
                "Tanh",
                "Gelu",
                "Softplus",
                "Mish",
                "Abs",
                "Neg",
                "Floor",
                "Ceil",
                "Round",
                "Sin",
                "Cos",
                "Exp",
                "ThresholdedRelu",
                "GlobalAveragePool",
                "Softmax",
                "LogSoftmax")) {
            cases.add(image(op, op));
        }
        cases.add(bounded("Sqrt", 0.1, 4, Node.of("n", "Sqrt", List.of("x"), List.of("y"))));
        cases.add(bounded("Log of 0.1…4", 0.1, 4, Node.of("n", "Log", List.of("x"), List.of("y"))));
        cases.add(bounded("Log of 0.5…4", 0.5, 4, Node.of("n", "Log", List.of("x"), List.of("y"))));
        cases.add(bounded("Log of 1…4", 1, 4, Node.of("n", "Log", List.of("x"), List.of("y"))));
        cases.add(bounded("Log of 0.1…1", 0.1, 1, Node.of("n", "Log", List.of("x"), List.of("y"))));
        cases.add(bounded("Reciprocal", 0.5, 4, Node.of("n", "Reciprocal", List.of("x"), List.of("y"))));
        cases.add(bounded("Tan of −1…1", -1, 1, Node.of("n", "Tan", List.of("x"), List.of("y"))));
        cases.add(bounded("Asin", -1, 1, Node.of("n", "Asin", List.of("x"), List.of("y"))));
        cases.add(bounded("Atan", -3, 3, Node.of("n", "Atan", List.of("x"), List.of("y"))));
        cases.add(moved(
                "MaxPool 2×2",
                Node.of("n", "MaxPool", List.of("h"), List.of("y"), Attribute.ofInts("kernel_shape", 2, 2))));
        cases.add(image("AveragePool 3×3", "AveragePool", Attribute.ofInts("kernel_shape", 3, 3)));
        cases.add(moved(
                "DepthToSpace",
                Node.of("n", "DepthToSpace", List.of("h"), List.of("y"), Attribute.of("blocksize", 2L))));
        cases.add(moved(
                "Transpose",
                Node.of("n", "Transpose", List.of("h"), List.of("y"), Attribute.ofInts("perm", 0, 2, 3, 1))));
        cases.add(image("Concat", "Concat", List.of("x", "x"), Attribute.of("axis", 1L)));
        for (String op : List.of("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow")) {
            cases.add(constant(op));
        }
        for (String op : List.of("ReduceMean", "ReduceSum", "ReduceL2")) {
            cases.add(reduced(op));
        }
        for (String op : List.of("ReduceMax", "ReduceMin")) {
            Node reduce = Node.of("n", op, List.of("h", "axes"), List.of("y"));
            cases.add(moved(op, reduce, Initializer.of("axes", Tensor.of(Shape.of(1), 3L))));
        }
        resizes(cases);
        cases.add(of(
                "CumSum",
                IMAGE,
                List.of(Node.of("n", "CumSum", List.of("x", "axis"), List.of("y"))),
                List.of(Initializer.of("axis", Tensor.of(Shape.of(), 3L)))));
        return cases;
    }

    private static void patterns(List<NumericsCase> cases) {
        cases.add(conv("Conv → Relu", 1, 1, after("Relu")));
        cases.add(conv("Conv → Clip 0…6", 1, 1, clip()));
        cases.add(conv("depthwise Conv → Clip 0…6", 8, 1, clip()));
        cases.add(of(
                "Add → Relu",
                IMAGE,
                List.of(Node.of("a", "Add", List.of("x", "w"), List.of("h")), after("Relu")),
                List.of(weight("w", 1, 8, 12, 12))));
        Node gemm = Node.of("g", "Gemm", List.of("x", "w", "b"), List.of("h"), Attribute.of("transB", 1L));
        cases.add(of(
                "Gemm → Relu",
                Shape.of(1, 64),
                List.of(gemm, after("Relu")),
                List.of(weight("w", 32, 64), weight("b", 32))));
        cases.add(of(
                "MatMul → Add → Gelu",
                TOKENS,
                List.of(
                        Node.of("m", "MatMul", List.of("x", "w"), List.of("p")),
                        Node.of("a", "Add", List.of("p", "b"), List.of("h")),
                        after("Gelu")),
                List.of(weight("w", 32, 32), weight("b", 32))));
        cases.add(of(
                "LayerNormalization",
                TOKENS,
                List.of(Node.of("n", "LayerNormalization", List.of("x", "w", "b"), List.of("y"))),
                List.of(weight("w", 32), weight("b", 32))));
        cases.add(of(
                "Softmax → MatMul",
                TOKENS,
                List.of(
                        Node.of("k", "MatMul", List.of("x", "w"), List.of("p")),
                        Node.of("s", "Softmax", List.of("p"), List.of("h"), Attribute.of("axis", -1L)),
                        Node.of("v", "MatMul", List.of("h", "x"), List.of("y"))),
                List.of(weight("w", 32, 16))));
        cases.add(of(
                "MatMul of two values",
                TOKENS,
                List.of(
                        Node.of("t", "Transpose", List.of("x"), List.of("h"), Attribute.ofInts("perm", 0, 2, 1)),
                        Node.of("m", "MatMul", List.of("x", "h"), List.of("y"))),
                List.of()));
    }

    private static void weighted(List<NumericsCase> cases) {
        cases.add(conv("Conv 3×3", 1, 1, null));
        cases.add(conv("Conv 3×3, dilated", 1, 2, null));
        cases.add(conv("Conv 3×3, depthwise", 8, 1, null));
        cases.add(of(
                "ConvTranspose",
                IMAGE,
                List.of(Node.of(
                        "n", "ConvTranspose", List.of("x", "w"), List.of("y"), Attribute.ofInts("strides", 2, 2))),
                List.of(weight("w", 8, 8, 2, 2))));
        cases.add(of(
                "Gemm",
                Shape.of(1, 64),
                List.of(Node.of("n", "Gemm", List.of("x", "w"), List.of("y"), Attribute.of("transB", 1L))),
                List.of(weight("w", 32, 64))));
        cases.add(of(
                "MatMul",
                TOKENS,
                List.of(Node.of("n", "MatMul", List.of("x", "w"), List.of("y"))),
                List.of(weight("w", 32, 32))));
        cases.add(of(
                "PRelu",
                IMAGE,
                List.of(Node.of("n", "PRelu", List.of("x", "w"), List.of("y"))),
                List.of(weight("w", 8, 1, 1))));
        cases.add(of(
                "InstanceNormalization",
                IMAGE,
                List.of(Node.of("n", "InstanceNormalization", List.of("x", "w", "b"), List.of("y"))),
                List.of(weight("w", 8), weight("b", 8))));
    }

    private static void resizes(List<NumericsCase> cases) {
        List<List<String>> kinds = List.of(
                List.of("nearest", "asymmetric", "floor"),
                List.of("nearest", "asymmetric", "round_prefer_floor"),
                List.of("nearest", "half_pixel", "floor"),
                List.of("nearest", "half_pixel", "round_prefer_floor"),
                List.of("nearest", "half_pixel", "round_prefer_ceil"),
                List.of("nearest", "pytorch_half_pixel", "round_prefer_floor"),
                List.of("nearest", "align_corners", "floor"),
                List.of("nearest", "align_corners", "round_prefer_floor"),
                List.of("linear", "half_pixel", "floor"),
                List.of("linear", "align_corners", "floor"),
                List.of("cubic", "half_pixel", "floor"),
                List.of("cubic", "align_corners", "floor"));
        for (List<String> kind : kinds) {
            boolean nearest = kind.getFirst().equals("nearest");
            for (float scale : nearest ? new float[] {2, 1.5f} : new float[] {2}) {
                String name = "Resize ×%s %s, %s%s"
                        .formatted(
                                scale == Math.rint(scale) ? Integer.toString((int) scale) : Float.toString(scale),
                                kind.getFirst(),
                                kind.get(1),
                                nearest ? ", " + kind.getLast() : "");
                Node resize = Node.of(
                        "n",
                        "Resize",
                        List.of(nearest ? "h" : "x", "", "scales"),
                        List.of("y"),
                        Attribute.of("mode", kind.getFirst()),
                        Attribute.of("coordinate_transformation_mode", kind.get(1)),
                        Attribute.of("nearest_mode", kind.getLast()));
                Initializer scales = Initializer.of("scales", Tensor.of(Shape.of(4), 1f, 1f, scale, scale));
                cases.add(nearest ? moved(name, resize, scales) : of(name, IMAGE, List.of(resize), List.of(scales)));
            }
        }
    }

    /// What moves or chooses values is quantized as what it reads, so it stands behind a Relu.
    private static NumericsCase moved(String name, Node node, Initializer... stored) {
        return of(
                "Relu → " + name,
                IMAGE,
                List.of(Node.of("before", "Relu", List.of("x"), List.of("h")), node),
                List.of(stored));
    }

    private static boolean hasWeights(Model model) {
        return model.graph().initializer("w").isPresent();
    }

    private static NumericsCase conv(
            String name, long group, long dilation, @org.jspecify.annotations.Nullable Node after) {
        List<Node> nodes = new ArrayList<>();
        nodes.add(Node.of(
                "c",
                "Conv",
                List.of("x", "w", "b"),
                List.of(after == null ? "y" : "h"),
                Attribute.of("group", group),
                Attribute.ofInts("dilations", dilation, dilation),
                Attribute.ofInts("pads", dilation, dilation, dilation, dilation)));
        List<Initializer> stored = new ArrayList<>(List.of(weight("w", 8, 8 / group, 3, 3), weight("b", 8)));
        if (after != null) {
            nodes.add(after);
            if (after.is("Clip")) {
                stored.add(Initializer.of("low", Tensor.of(Shape.of(), 0f)));
                stored.add(Initializer.of("high", Tensor.of(Shape.of(), 6f)));
            }
        }
        return of(name, IMAGE, nodes, stored);
    }

    private static Node after(String op) {
        return Node.of("after", op, List.of("h"), List.of("y"));
    }

    private static Node clip() {
        return Node.of("after", "Clip", List.of("h", "low", "high"), List.of("y"));
    }

    private static NumericsCase image(String name, String op, Attribute... attributes) {
        return image(name, op, List.of("x"), attributes);
    }

    private static NumericsCase image(String name, String op, List<String> inputs, Attribute... attributes) {
        return of(name, IMAGE, List.of(Node.of("n", op, inputs, List.of("y"), attributes)), List.of());
    }

    private static NumericsCase bounded(String name, double low, double high, Node node) {
        return new NumericsCase(name, model(name, IMAGE, List.of(node), List.of()), low, high, false);
    }

    private static NumericsCase constant(String op) {
        float[] values = new float[8];
        for (int i = 0; i < values.length; i++) {
            values[i] = op.equals("Pow") ? 2 : 0.5f + i / 4f;
        }
        return of(
                op + ", a constant a channel",
                IMAGE,
                List.of(Node.of("n", op, List.of("x", "w"), List.of("y"))),
                List.of(Initializer.of("w", Tensor.of(Shape.of(8, 1, 1), values))));
    }

    private static NumericsCase reduced(String op) {
        List<Initializer> axes = List.of(Initializer.of("axes", Tensor.of(Shape.of(1), 3L)));
        return of(op, IMAGE, List.of(Node.of("n", op, List.of("x", "axes"), List.of("y"))), axes);
    }

    private static NumericsCase of(String name, Shape input, List<Node> nodes, List<Initializer> stored) {
        return new NumericsCase(name, model(name, input, nodes, stored), -3, 3, false);
    }

    private static Model model(String name, Shape input, List<Node> nodes, List<Initializer> stored) {
        return Model.of(
                IR,
                OPSET,
                Graph.of(
                        name,
                        nodes,
                        stored,
                        List.of(ValueInfo.of("x", DataType.FLOAT, input)),
                        List.of(new ValueInfo(
                                "y", new dev.nibble.graph.ValueType.TensorType(DataType.FLOAT.code(), null, null)))));
    }

    /// Weights such that sums stay near the size of what they are sums of.
    private static Initializer weight(String name, long... dims) {
        Shape shape = Shape.of(dims);
        SplittableRandom random = new SplittableRandom(SEED + shape.elements());
        double bound = dims.length < 2 ? 1 : Math.sqrt(3.0 * dims[0] / shape.elements());
        float[] values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-bound, bound);
        }
        return Initializer.of(name, Tensor.of(shape, values));
    }
}
