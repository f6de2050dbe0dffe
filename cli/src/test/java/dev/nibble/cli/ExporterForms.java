package dev.nibble.cli;

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
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// Parts of transformers as exporters write them, between two projections, in the form that an operator set asks for:
/// axes as attribute or as input, constants as initializers or as Constant nodes.
///
/// The input `x` is of shape \[1, 6, 16\]; the output is `y`.
final class ExporterForms {
    static final int TOKENS = 6;
    static final int WIDTH = 16;

    private static final int HEADS = 2;
    private static final int HEAD = WIDTH / HEADS;

    private final int opset;
    /// Constants as nodes, as PyTorch writes those that it made while tracing.
    private final boolean constantNodes;

    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> initializers = new ArrayList<>();
    private final Random random = new Random(3);
    private int made;

    private ExporterForms(int opset) {
        this.opset = opset;
        this.constantNodes = opset % 2 == 1;
    }

    /// A form by its name.
    static Model of(String form, int opset) {
        ExporterForms graph = new ExporterForms(opset);
        String in = graph.linear("x", WIDTH);
        String out = graph.part(form, in);
        graph.linear(out, WIDTH, "y");
        return Model.of(
                opset < 13 ? 6 : 8,
                opset,
                Graph.of(
                        form,
                        graph.nodes,
                        graph.initializers,
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, TOKENS, WIDTH))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, TOKENS, WIDTH)))));
    }

    private String part(String form, String in) {
        String[] words = form.split(" ", 2);
        return switch (words[0]) {
            case "layernorm" -> layerNorm(in, words[1]);
            case "rmsnorm" -> rmsNorm(in, words[1]);
            case "gelu" -> gelu(in, words[1]);
            case "silu" -> op("Mul", in, op("Sigmoid", in));
            case "quickgelu" -> op("Mul", in, op("Sigmoid", op("Mul", in, number(1.702f))));
            case "attention" -> attention(in, words[1]);
            default -> throw new IllegalArgumentException(form);
        };
    }

    private String layerNorm(String x, String form) {
        long axis = form.contains("positive") ? 2 : -1;
        String mean = mean(x, axis);
        String centered = op("Sub", x, mean);
        String squared = form.contains("twice") ? op("Sub", x, mean) : centered;
        String square = form.contains("mul") ? op("Mul", squared, squared) : op("Pow", squared, number(2));
        String sum = op("Add", mean(square, axis), number(1e-5f));
        String gamma = vector(1, 0.3f);
        String beta = vector(0, 0.3f);
        if (form.startsWith("tensorflow")) {
            String inverse = op("Reciprocal", op("Sqrt", sum));
            String factor = form.contains("scaled") ? op("Mul", inverse, gamma) : inverse;
            return op("Add", op("Mul", x, factor), op("Sub", beta, op("Mul", mean, factor)));
        }
        String normal = form.contains("pow-half")
                ? op("Mul", centered, op("Pow", sum, number(-0.5f)))
                : form.contains("reciprocal")
                        ? op("Mul", op("Reciprocal", op("Sqrt", sum)), centered)
                        : op("Div", centered, op("Sqrt", sum));
        return form.contains("bare") ? normal : op("Add", op("Mul", normal, gamma), beta);
    }

    private String rmsNorm(String x, String form) {
        String square = form.contains("mul") ? op("Mul", x, x) : op("Pow", x, number(2));
        String sum = op("Add", mean(square, -1), number(1e-6f));
        String normal = form.contains("pow-half")
                ? op("Mul", x, op("Pow", sum, number(-0.5f)))
                : form.contains("reciprocal")
                        ? op("Mul", x, op("Reciprocal", op("Sqrt", sum)))
                        : form.contains("one-over")
                                ? op("Mul", x, op("Div", number(1), op("Sqrt", sum)))
                                : op("Div", x, op("Sqrt", sum));
        return op("Mul", vector(1, 0.3f), normal);
    }

    private String gelu(String x, String form) {
        if (form.startsWith("erf")) {
            String root = form.contains("mul")
                    ? op("Mul", x, number((float) Math.sqrt(0.5)))
                    : op("Div", x, number((float) Math.sqrt(2)));
            String sum = op("Add", op("Erf", root), number(1));
            return form.contains("late")
                    ? op("Mul", op("Mul", x, sum), number(0.5f))
                    : form.contains("half-first")
                            ? op("Mul", op("Mul", number(0.5f), x), sum)
                            : op("Mul", x, op("Mul", number(0.5f), sum));
        }
        String argument;
        if (form.contains("factored")) {
            String inner = op("Add", number(1), op("Mul", op("Mul", number(0.044715f), x), x));
            argument = op("Mul", op("Mul", x, number(0.7978846f)), inner);
        } else {
            String cube = form.contains("mul") ? op("Mul", op("Mul", x, x), x) : op("Pow", x, number(3));
            argument = op("Mul", number(0.7978846f), op("Add", x, op("Mul", number(0.044715f), cube)));
        }
        return op("Mul", op("Mul", number(0.5f), x), op("Add", number(1), op("Tanh", argument)));
    }

    /// Self-attention; `form` names what is peculiar about it.
    private String attention(String x, String form) {
        String q;
        String k;
        String v;
        if (form.contains("packed")) {
            String[] parts = split(linear(x, 3 * WIDTH), 2, 3);
            q = parts[0];
            k = parts[1];
            v = parts[2];
        } else {
            q = linear(x, WIDTH);
            k = linear(x, WIDTH);
            v = linear(x, WIDTH);
        }
        q = heads(q);
        k = heads(k);
        v = heads(v);
        if (form.contains("rotary")) {
            q = rotated(q, form.contains("interleaved"));
            k = rotated(k, form.contains("interleaved"));
        }
        float root = (float) Math.sqrt(HEAD);
        if (form.contains("scale-before")) {
            q = op("Mul", q, number(1 / root));
        } else if (form.contains("scale-both")) {
            q = op("Mul", q, number((float) Math.sqrt(1 / root)));
            k = op("Mul", k, number((float) Math.sqrt(1 / root)));
        }
        String scores = op("MatMul", q, turned(k, 0, 1, 3, 2));
        if (form.contains("scale-after-div")) {
            scores = op("Div", scores, number(root));
        } else if (!form.contains("scale-")) {
            scores = op("Mul", scores, number(1 / root));
        }
        if (form.contains("where")) {
            float lowest = form.contains("infinite") ? Float.NEGATIVE_INFINITY : -Float.MAX_VALUE;
            scores = op("Where", causal(), scores, number(lowest));
        } else if (form.contains("additive")) {
            String keep = op("Cast", Attribute.of("to", 1L), causal());
            scores = op("Add", scores, op("Mul", op("Sub", number(1), keep), number(-1e9f)));
        }
        String shares = op("Softmax", Attribute.of("axis", opset < 13 ? 3L : -1L), scores);
        String seen = turned(op("MatMul", shares, v), 0, 2, 1, 3);
        return op("Add", x, linear(op("Reshape", seen, longs(1, TOKENS, WIDTH)), WIDTH));
    }

    private String heads(String value) {
        return turned(op("Reshape", value, longs(1, TOKENS, HEADS, HEAD)), 0, 2, 1, 3);
    }

    private String turned(String value, long... order) {
        return op("Transpose", Attribute.ofInts("perm", order), value);
    }

    /// Rotary position embeddings (Su et al., 2021), with the two halves of a head or with neighbours as pairs.
    private String rotated(String value, boolean interleaved) {
        int half = HEAD / 2;
        float[] cos = new float[TOKENS * HEAD];
        float[] sin = new float[TOKENS * HEAD];
        for (int t = 0; t < TOKENS; t++) {
            for (int i = 0; i < HEAD; i++) {
                int pair = interleaved ? i / 2 : i % half;
                double angle = t * Math.pow(10, -2.0 * pair / half);
                cos[t * HEAD + i] = (float) Math.cos(angle);
                sin[t * HEAD + i] = (float) Math.sin(angle);
            }
        }
        String turned;
        if (interleaved) {
            String pairs = op("Reshape", value, longs(1, HEADS, TOKENS, half, 2));
            String[] parts = split(pairs, 4, 2);
            String stacked = op("Concat", Attribute.of("axis", -1L), op("Neg", parts[1]), parts[0]);
            turned = op("Reshape", stacked, longs(1, HEADS, TOKENS, HEAD));
        } else {
            String first = op("Slice", value, longs(0), longs(half), longs(3), longs(1));
            String second = op("Slice", value, longs(half), longs(Long.MAX_VALUE), longs(3), longs(1));
            turned = op("Concat", Attribute.of("axis", -1L), op("Neg", second), first);
        }
        String cosines = constant(Tensor.of(Shape.of(1, 1, TOKENS, HEAD), cos));
        String sines = constant(Tensor.of(Shape.of(1, 1, TOKENS, HEAD), sin));
        return op("Add", op("Mul", value, cosines), op("Mul", turned, sines));
    }

    /// True where a token may look.
    private String causal() {
        byte[] allowed = new byte[TOKENS * TOKENS];
        for (int i = 0; i < allowed.length; i++) {
            allowed[i] = (byte) (i % TOKENS <= i / TOKENS ? 1 : 0);
        }
        return constant(new Tensor(
                DataType.BOOL, Shape.of(1, 1, TOKENS, TOKENS), java.lang.foreign.MemorySegment.ofArray(allowed)));
    }

    private String linear(String in, int width) {
        return linear(in, width, name());
    }

    private String linear(String in, int width, String out) {
        float[] weight = new float[WIDTH * width];
        for (int i = 0; i < weight.length; i++) {
            weight[i] = (float) (random.nextGaussian() / Math.sqrt(WIDTH));
        }
        float[] bias = new float[width];
        for (int i = 0; i < width; i++) {
            bias[i] = (float) random.nextGaussian() * 0.1f;
        }
        String product = op("MatMul", in, stored(Tensor.of(Shape.of(WIDTH, width), weight)));
        nodes.add(Node.of(
                out + "_node", "Add", List.of(product, stored(Tensor.of(Shape.of(width), bias))), List.of(out)));
        return out;
    }

    private String mean(String value, long axis) {
        return opset < 18
                ? op("ReduceMean", Attribute.ofInts("axes", axis), value)
                : op("ReduceMean", value, longs(axis));
    }

    private String[] split(String value, long axis, int parts) {
        String[] outputs = new String[parts];
        Arrays.setAll(outputs, _ -> name());
        List<Attribute> attributes = new ArrayList<>(List.of(Attribute.of("axis", axis)));
        if (opset >= 18) {
            attributes.add(Attribute.of("num_outputs", (long) parts));
        }
        nodes.add(Node.of(
                outputs[0] + "_node", "Split", List.of(value), List.of(outputs), attributes.toArray(new Attribute[0])));
        return outputs;
    }

    private String op(String type, String... inputs) {
        return op(type, new Attribute[0], inputs);
    }

    private String op(String type, Attribute attribute, String... inputs) {
        return op(type, new Attribute[] {attribute}, inputs);
    }

    private String op(String type, Attribute[] attributes, String... inputs) {
        String out = name();
        nodes.add(Node.of(out + "_node", type, List.of(inputs), List.of(out), attributes));
        return out;
    }

    private String number(float value) {
        return constant(Tensor.of(Shape.SCALAR, value));
    }

    private String longs(long... values) {
        return constant(Tensor.of(Shape.of(values.length), values));
    }

    private String vector(float centre, float spread) {
        float[] values = new float[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            values[i] = centre + (float) random.nextGaussian() * spread;
        }
        return stored(Tensor.of(Shape.of(WIDTH), values));
    }

    private String constant(Tensor value) {
        if (!constantNodes) {
            return stored(value);
        }
        String name = name();
        nodes.add(Node.of(
                name + "_node",
                "Constant",
                List.of(),
                List.of(name),
                Attribute.of("value", Initializer.of(name, value))));
        return name;
    }

    private String stored(Tensor value) {
        String name = name();
        initializers.add(Initializer.of(name, value));
        return name;
    }

    private String name() {
        return "v" + made++;
    }
}
