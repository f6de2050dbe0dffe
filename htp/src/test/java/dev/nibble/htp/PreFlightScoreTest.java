package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The rules against the compiler, on models that they were not written from: other shapes, kernels, strides, ranks,
/// axes and pairs of types.
@Tag("slow")
@Tag("gate")
class PreFlightScoreTest {
    /// Of the answers, the share that must be the compiler's.
    private static final double REQUIRED = 0.97;

    private static final List<String> TARGETS = List.of("sm8650");
    private static final List<String> ACTIVATIONS = List.of("u8", "u16", "s8", "f32");

    /// Activation, weight, granularity.
    private static final List<String> WEIGHTED = List.of(
            "u8/s8/pc", "u8/s8/pt", "u8/s4/pc", "u16/s8/pc", "u16/s8/pt", "u16/s4/pc", "u16/s16/pt", "f32/f32/pt");

    /// One operator: `op | shapes of what it computes with | weight | constants | attributes`.
    private static final List<String> WEIGHTED_VARIANTS = List.of(
            "Conv | 1,3,17,19 | 8,3,5,5 | | pads=2,2,2,2",
            "Conv | 1,8,30,9 | 24,8,7,1 | | strides=2,1",
            "Conv | 2,16,8,8 | 4,16,1,1 | | strides=2,2",
            "Conv | 1,12,15,15 | 12,1,5,5 | | group=12 pads=2,2,2,2",
            "Conv | 1,12,20,6 | 24,4,3,3 | | group=3",
            "Conv | 1,6,40 | 10,6,7 | | strides=3",
            "Conv | 1,4,5,9,9 | 6,4,2,3,3 | |",
            "ConvTranspose | 1,6,7,9 | 6,5,4,4 | | strides=2,2 pads=1,1,1,1",
            "ConvTranspose | 1,6,7,7 | 6,3,3,3 | | strides=3,3",
            "Gemm | 5,33 | 33,17 | |",
            "Gemm | 1,128 | 256,128 | | transB=1",
            "MatMul | 2,7,48 | 48,20 | |",
            "MatMul | 1,2,9,31 | 31,64 | |");

    private static final List<String> VARIANTS = List.of(
            "Add | 3,5,7;3,5,7 | | |",
            "Add | 1,6,9,4;1,6,1,1 | | |",
            "Sub | 2,40;40 | | |",
            "Mul | 1,2,3,4,5;1,2,3,4,5 | | |",
            "Div | 4,9;4,9 | | |",
            "MatMul | 1,3,8,16;1,3,16,5 | | |",
            "MatMul | 4,24;24,6 | | |",
            "Relu | 7 | | |",
            "Sigmoid | 1,17 | | |",
            "Tanh | 1,5,6,7 | | |",
            "HardSwish | 1,24,5,5 | | |",
            "HardSigmoid | 2,9 | | | alpha=0.2f",
            "Gelu | 1,13,40 | | |",
            "Elu | 1,4,9 | | |",
            "LeakyRelu | 1,16,3,11 | | | alpha=0.1f",
            "Softplus | 3,8 | | |",
            "Abs | 2,3,4 | | |",
            "Neg | 2,3,4 | | |",
            "Exp | 1,9 | | |",
            "Sqrt | 1,4,4 | | |",
            "Erf | 1,9 | | |",
            "Celu | 2,6 | | |",
            "Softmax | 2,3,9,9 | | | axis=-1",
            "Softmax | 1,10,7 | | | axis=1",
            "LogSoftmax | 1,11 | | | axis=-1",
            "MaxPool | 1,7,13,13 | | | kernel_shape=5,5 strides=1,1 pads=2,2,2,2",
            "MaxPool | 1,4,9,12 | | | kernel_shape=2,3 strides=2,3",
            "MaxPool | 1,4,12,12 | | | kernel_shape=2,2 dilations=2,2",
            "AveragePool | 1,4,13,9 | | | kernel_shape=3,2 strides=2,2",
            "GlobalAveragePool | 1,9,5,11 | | |",
            "GlobalMaxPool | 1,9,5,11 | | |",
            "Transpose | 2,3,4,5 | | | perm=3,1,0,2",
            "Transpose | 1,2,3,4,5 | | | perm=0,3,1,4,2",
            "Transpose | 1,2,1,3,2,2 | | | perm=0,5,1,3,2,4",
            "Reshape | 2,3,20 | | 6,4,5 |",
            "Reshape | 4,60 | | 1,4,3,2,5,2 |",
            "Slice | 1,8,9,10 | | 1;7;2;3 |",
            "Slice | 3,40 | | 4;36;1;1 |",
            "Expand | 1,7 | | 6,7 |",
            "Tile | 2,3,4 | | 1,2,3 |",
            "Unsqueeze | 3,4 | | 0,2 |",
            "Squeeze | 1,6,1,4 | | 0,2 |",
            "Pad | 1,3,6,6 | | 0,0,2,1,0,0,1,2 |",
            "Flatten | 2,3,4,5 | | | axis=2",
            "Concat | 1,3,6;1,5,6 | | | axis=1",
            "Concat | 2,3,4,5;2,3,4,2 | | | axis=-1",
            "DepthToSpace | 1,12,5,7 | | | blocksize=2",
            "SpaceToDepth | 1,3,6,4 | | | blocksize=2",
            "ReduceMean | 2,7,9 | | 1 | keepdims=1",
            "ReduceMean | 1,5,6,7 | | 2,3 | keepdims=0",
            "ReduceSum | 3,11 | | 1 | keepdims=0",
            "ReduceMax | 1,4,5,6 | | 1 | keepdims=1",
            "ReduceProd | 2,6 | | 1 | keepdims=1",
            "CumSum | 2,9 | | |",
            "Min | 2,5;2,5 | | |",
            "Max | 1,3,4,4;1,3,4,4 | | |",
            "InstanceNormalization | 1,6,8,8 | | |",
            "Round | 2,8 | | |",
            "Sin | 1,12 | | |",
            "Mish | 1,6,6 | | |");

    private static final Set<String> LEFT_OUT = Set.of("CumSum", "InstanceNormalization");

    @Test
    void theRulesAnswerAsTheCompilerDoes() {
        int asked = 0;
        List<String> wrong = new ArrayList<>();
        try (HtpCompiler compiler = new HtpCompiler(TestLibraries.require())) {
            for (String types : WEIGHTED) {
                for (String variant : WEIGHTED_VARIANTS) {
                    asked += score(compiler, variant, types, wrong);
                }
            }
            for (String type : ACTIVATIONS) {
                for (String variant : VARIANTS) {
                    if (!LEFT_OUT.contains(variant.split(" ", 2)[0])) {
                        asked += score(compiler, variant, type + "/-/-", wrong);
                    }
                }
            }
        }
        String report = "the rules agree with the compiler in %d of %d cases that they were not written from%n%s"
                .formatted(asked - wrong.size(), asked, String.join("\n", wrong));
        System.out.println(report);
        assertTrue(wrong.size() <= (1 - REQUIRED) * asked, report);
    }

    private static int score(HtpCompiler compiler, String variant, String types, List<String> wrong) {
        Model model = ShapeInference.inferOwn(model(variant, types)).model();
        for (String name : TARGETS) {
            Target target = Targets.find(name);
            PreFlight.Verdict verdict = PreFlight.of(target, model.graph()).stream()
                    .filter(v -> v.node().name().equals("node"))
                    .findFirst()
                    .orElseThrow();
            HtpCompiler.Answer answer;
            try {
                answer = compiler.quick(model, Soc.of(target));
            } catch (NibbleException e) {
                wrong.add("%s %s [%s]: %s".formatted(name, types, variant, e.getMessage()));
                continue;
            }
            boolean taken = answer.finalized() && answer.left().isEmpty();
            if (taken != verdict.accepted()) {
                wrong.add("%s %s [%s]: the rules %s, the compiler %s %s"
                        .formatted(
                                name,
                                types,
                                variant,
                                verdict.accepted() ? "take it" : "refuse it (" + verdict.reason() + ")",
                                taken ? "takes it" : "does not:",
                                taken ? "" : answer.failure() + answer.left()));
            }
        }
        return TARGETS.size();
    }

    private static Model model(String variant, String types) {
        String[] parts = (variant + " ").split("\\|", -1);
        String[] type = types.split("/", -1);
        Builder builder = new Builder(type[0]);
        List<String> inputs = new ArrayList<>();
        for (String shape : parts[1].strip().split(";", -1)) {
            inputs.add(builder.input(longs(shape)));
        }
        if (!parts[2].isBlank()) {
            inputs.add(builder.weight(parts[0].strip(), longs(parts[2]), type[1], type[2].equals("pc")));
        }
        if (!parts[3].isBlank()) {
            for (String constant : parts[3].strip().split(";", -1)) {
                inputs.add(builder.constant(longs(constant)));
            }
        }
        List<Attribute> attributes = new ArrayList<>();
        for (String attribute : parts.length > 4 ? parts[4].strip().split(" ", -1) : new String[0]) {
            if (attribute.isBlank()) {
                continue;
            }
            String name = attribute.split("=", 2)[0];
            String value = attribute.split("=", 2)[1];
            boolean list = value.contains(",") || name.equals("strides");
            attributes.add(
                    value.endsWith("f")
                            ? Attribute.of(name, Float.parseFloat(value))
                            : list ? Attribute.ofInts(name, longs(value)) : Attribute.of(name, Long.parseLong(value)));
        }
        return builder.model(parts[0].strip(), inputs, attributes.toArray(Attribute[]::new));
    }

    private static long[] longs(String text) {
        return Arrays.stream(text.strip().split(",", -1))
                .mapToLong(n -> Long.parseLong(n.strip()))
                .toArray();
    }

    /// One operator with quantizers around it.
    private static final class Builder {
        private static final Map<String, DataType> TYPES = Map.of(
                "u8", DataType.UINT8,
                "s8", DataType.INT8,
                "u16", DataType.UINT16,
                "s16", DataType.INT16,
                "s4", DataType.INT4);

        private final String activation;
        private final List<Node> nodes = new ArrayList<>();
        private final List<Initializer> initializers = new ArrayList<>();
        private final List<ValueInfo> inputs = new ArrayList<>();
        private int count;

        Builder(String activation) {
            this.activation = activation;
            if (!activation.equals("f32")) {
                initializers.add(Initializer.of("scale", Tensor.of(Shape.SCALAR, 0.01f)));
                initializers.add(Initializer.of("zero", zero(type(activation), Shape.SCALAR)));
            }
        }

        private static DataType type(String letter) {
            DataType type = TYPES.get(letter);
            if (type == null) {
                throw new IllegalArgumentException(letter);
            }
            return type;
        }

        private static Tensor zero(DataType type, Shape shape) {
            long bytes = Math.max(1, (shape.elements() * type.bits() + 7) / 8);
            return new Tensor(type, shape, Arena.ofAuto().allocate(bytes, 64));
        }

        String input(long[] shape) {
            String name = "x" + count++;
            inputs.add(ValueInfo.of(name, DataType.FLOAT, Shape.of(shape)));
            return quantized(name, name + "d");
        }

        private String quantized(String from, String to) {
            if (activation.equals("f32")) {
                return from;
            }
            nodes.add(Node.of(from + "_q", "QuantizeLinear", List.of(from, "scale", "zero"), List.of(from + "q")));
            nodes.add(Node.of(from + "_d", "DequantizeLinear", List.of(from + "q", "scale", "zero"), List.of(to)));
            return to;
        }

        String weight(String op, long[] dims, String letter, boolean perChannel) {
            Shape shape = Shape.of(dims);
            if (letter.equals("f32")) {
                float[] values = new float[(int) shape.elements()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (i % 7 - 3) / 10f;
                }
                initializers.add(Initializer.of("w", Tensor.of(shape, values)));
                return "w";
            }
            DataType type = type(letter);
            MemorySegment data = zero(type, shape).data();
            for (long i = 0; i < data.byteSize(); i++) {
                data.set(ValueLayout.JAVA_BYTE, i, (byte) (i % 5));
            }
            int axis = op.equals("Conv") ? 0 : op.equals("ConvTranspose") ? 1 : dims.length - 1;
            if (op.equals("Gemm") && dims[0] == 256) {
                axis = 0;
            }
            float[] scales = new float[perChannel ? (int) dims[axis] : 1];
            Arrays.fill(scales, 0.02f);
            Shape scaleShape = perChannel ? Shape.of(scales.length) : Shape.SCALAR;
            initializers.add(Initializer.of("w", new Tensor(type, shape, data)));
            initializers.add(Initializer.of("w_scale", Tensor.of(scaleShape, scales)));
            initializers.add(Initializer.of("w_zero", zero(type, scaleShape)));
            List<String> read = List.of("w", "w_scale", "w_zero");
            nodes.add(
                    perChannel
                            ? Node.of("w_d", "DequantizeLinear", read, List.of("wd"), Attribute.of("axis", axis))
                            : Node.of("w_d", "DequantizeLinear", read, List.of("wd")));
            return "wd";
        }

        String constant(long[] values) {
            String name = "c" + count++;
            initializers.add(Initializer.of(name, Tensor.of(Shape.of(values.length), values)));
            return name;
        }

        Model model(String op, List<String> read, Attribute... attributes) {
            nodes.add(Node.of("node", op, read, List.of("y"), attributes));
            String output = quantized("y", "out");
            return Model.of(
                    10,
                    21,
                    Graph.of(
                            op,
                            nodes,
                            initializers,
                            inputs,
                            List.of(new ValueInfo(
                                    output,
                                    new dev.nibble.graph.ValueType.TensorType(DataType.FLOAT.code(), null, null)))));
        }
    }
}
