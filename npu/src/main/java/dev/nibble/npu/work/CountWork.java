package dev.nibble.npu.work;

import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.npu.work.Flow.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Counts the [Work] of each layer of a [Flow].
public final class CountWork {
    private static final Set<String> RESHAPING = Set.of("Reshape", "Flatten", "Squeeze", "Unsqueeze");
    private static final Set<String> AFFINE = Set.of("Add", "Sub", "Mul", "Div");

    private final Flow flow;

    private CountWork(Flow flow) {
        this.flow = flow;
    }

    /// One for each layer, in their order.
    public static List<Work> of(Flow flow) {
        CountWork count = new CountWork(flow);
        Map<String, Integer> made = new HashMap<>();
        List<Work> all = new ArrayList<>();
        for (int i = 0; i < flow.layers().size(); i++) {
            int at = i;
            all.add(count.new OneLayer(flow.layers().get(i)).count(i, made));
            flow.layers().get(i).outputs().forEach(o -> made.put(o, at));
        }
        return List.copyOf(all);
    }

    private @Nullable Value value(String name) {
        return flow.values().get(flow.aliases().getOrDefault(name, name));
    }

    /// The elements as they lie on the device.
    static double padded(Value value) {
        return value.padded(value.channels() <= 4 ? 4 : 32);
    }

    private final class OneLayer {
        private final Layer layer;
        private final EnumMap<VectorKind, Double> vector = new EnumMap<>(VectorKind.class);
        private final Set<String> withoutRule = new TreeSet<>();
        private long macs;
        private double matrix;
        private double pixels;
        private double perChannel;
        private double requantized;
        private int barriers;

        OneLayer(Layer layer) {
            this.layer = layer;
        }

        Work count(int index, Map<String, Integer> made) {
            if (layer.whole() && !layer.type().equals("Attention")) {
                add(kind(layer.type()), largest(layer.inputs(), layer.outputs()));
            } else {
                layer.nodes().forEach(this::count);
            }
            double weights = 0;
            double adjacent = 0;
            double skipped = 0;
            double entering = 0;
            for (String input : layer.inputs().stream().distinct().toList()) {
                Value in = input.isEmpty() ? null : value(input);
                if (in == null) {
                    continue;
                }
                if (in.constant()) {
                    boolean looked = layer.type().equals("Gather");
                    weights +=
                            in.integer() ? 0 : looked ? output(layer.outputs()).elements() : in.elements();
                } else if (!made.containsKey(input)) {
                    entering += in.elements();
                } else if (index - made.getOrDefault(input, 0) <= 1) {
                    adjacent += padded(in);
                } else {
                    skipped += padded(in);
                }
            }
            double written = 0;
            double leaving = 0;
            for (String name : layer.outputs()) {
                Value out = value(name);
                written += out == null ? 0 : padded(out);
                leaving += out != null && flow.isOutput(name) ? out.elements() : 0;
            }
            boolean free = matrix == 0
                    && pixels == 0
                    && requantized == 0
                    && vector.values().stream().allMatch(v -> v == 0)
                    && withoutRule.isEmpty();
            return new Work(
                    macs,
                    matrix,
                    vector,
                    free ? 0 : weights,
                    free ? 0 : adjacent,
                    free ? 0 : skipped,
                    written,
                    entering,
                    leaving,
                    pixels,
                    perChannel,
                    requantized,
                    barriers,
                    free,
                    List.copyOf(withoutRule));
        }

        private VectorKind kind(String type) {
            VectorKind kind = Operators.kind(type);
            if (kind == null) {
                withoutRule.add(type);
                return VectorKind.MOVEMENT;
            }
            return kind;
        }

        private void add(VectorKind kind, double elements) {
            vector.merge(kind, elements, Double::sum);
        }

        private void count(Node node) {
            List<Value> in = new ArrayList<>();
            node.inputs().stream().filter(i -> !i.isEmpty()).forEach(i -> {
                Value v = value(i);
                if (v != null && v.shape() != null) {
                    in.add(v);
                }
            });
            Value out = output(node.outputs());
            switch (node.opType()) {
                case "Conv" -> convolution(node, in, out, false);
                case "ConvTranspose" -> convolution(node, in, out, true);
                case "Gemm" -> {
                    Shape a = shape(in, 0);
                    product(out.elements() / last(out), last(out), a.dim(node.intAttribute("transA", 0) == 0 ? -1 : 0));
                }
                case "MatMul" ->
                    product(out.elements() / last(out), last(out), shape(in, 0).dim(-1));
                case "LSTM", "GRU", "RNN" -> recurrent(node, in, out);
                default -> other(node, in, out);
            }
        }

        private Shape shape(List<Value> in, int index) {
            Shape shape = index < in.size() ? in.get(index).shape() : null;
            return shape == null || shape.rank() == 0 ? Shape.of(1) : shape;
        }

        private long last(Value value) {
            Shape shape = value.shape();
            return shape == null || shape.rank() == 0 ? 1 : Math.max(1, shape.dim(-1));
        }

        private void product(long rows, long columns, long inner) {
            add(MatrixWork.product(rows, columns, inner));
        }

        private void add(MatrixWork work) {
            macs += work.macs();
            matrix += work.padded();
            if (work.depthwise() > 0) {
                add(VectorKind.DEPTHWISE, work.depthwise());
            }
        }

        private void convolution(Node node, List<Value> in, Value out, boolean transposed) {
            Shape x = shape(in, 0);
            Shape w = shape(in, 1);
            if (w.rank() < 3 || x.rank() < 3) {
                withoutRule.add(node.opType());
                return;
            }
            add(MatrixWork.convolution(node, x, w, shape(List.of(out), 0), transposed));
            // A dilated convolution runs on pictures that are taken apart, and put together again afterwards.
            if (Arrays.stream(node.intsAttribute("dilations")).anyMatch(d -> d > 1)) {
                add(VectorKind.MOVEMENT, padded(in.getFirst()) + padded(out));
            }
        }

        private void recurrent(Node node, List<Value> in, Value out) {
            Shape x = shape(in, 0);
            Shape w = shape(in, 1);
            Shape r = shape(in, 2);
            if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3) {
                withoutRule.add(node.opType());
                return;
            }
            long turns = x.dim(0) * x.dim(1) * r.dim(0);
            macs += turns * w.dim(1) * (w.dim(2) + r.dim(2));
            matrix += turns * MatrixWork.up(w.dim(1), 32) * (MatrixWork.up(w.dim(2), 32) + MatrixWork.up(r.dim(2), 32));
            add(VectorKind.FUNCTION, turns * MatrixWork.up(w.dim(1), 32));
        }

        private void other(Node node, List<Value> in, Value out) {
            String type = node.opType();
            boolean joined = layer.nodes().size() > 1;
            if (isPixelwise(node, in, out)) {
                pixels += node.isAny("Mul", "Div") ? out.elements() / 3.0 : 0;
                return;
            }
            if (RESHAPING.contains(type) && isView(in.getFirst(), out) || type.equals("Transpose") && isView(node)) {
                return;
            }
            if (type.equals("Concat") && in.size() > 1) {
                concatenation(node, in, out);
                return;
            }
            double elements = largest(node.inputs(), node.outputs());
            boolean matrixLead = layer.nodes().stream().anyMatch(n -> Operators.MATRIX.contains(n.opType()));
            if (joined && matrixLead && (Operators.CLIPPING.contains(type) || Operators.PARAMETRIC.contains(type))) {
                add(VectorKind.ELEMENTWISE, elements * (Operators.PARAMETRIC.contains(type) ? 1.5 : 0.5));
                return;
            }
            if (joined && matrixLead && type.equals("BatchNormalization")) {
                return;
            }
            if (joined && matrixLead && type.equals("Add") && in.stream().anyMatch(Value::constant)) {
                return;
            }
            if (joined && type.equals("Relu")) {
                add(VectorKind.ELEMENTWISE, elements * 0.5);
                return;
            }
            if (type.equals("BatchNormalization")) {
                perChannel += elements;
            }
            VectorKind kind = kind(type);
            if (kind == VectorKind.MOVEMENT && out.integer()) {
                return;
            }
            if (node.isAny("GlobalAveragePool", "GlobalMaxPool", "ReduceMean")
                    && shape(in, 0).rank() >= 4) {
                barriers++;
            }
            if (kind == VectorKind.POOLING) {
                long taps = 1;
                for (long k : node.intsAttribute("kernel_shape")) {
                    taps *= Math.max(1, k);
                }
                elements = padded(out) * taps;
            }
            add(kind, elements);
        }

        /// Channels in whole blocks of 32 are put together by writing down where they are; others are copied. What
        /// only the concatenation reads is made at its scale; what others read too has to be brought to it.
        private void concatenation(Node node, List<Value> in, Value out) {
            int rank = shape(List.of(out), 0).rank();
            boolean channels = Math.floorMod(node.intAttribute("axis", 1), Math.max(1, rank)) == out.channelAxis();
            boolean blocks = !channels || in.stream().limit(in.size() - 1).allMatch(v -> v.channels() % 32 == 0);
            for (Value part : in) {
                if (part.constant()) {
                    continue;
                }
                if (!blocks) {
                    add(VectorKind.MOVEMENT, out.integer() ? 0 : padded(part));
                }
                if (flow.consumers(part.name()).size() > 1 && !out.integer()) {
                    requantized += padded(part);
                }
            }
        }

        /// Whether this is part of `(x − mean) / std` on a picture of three channels, each with its own constant.
        private boolean isPixelwise(Node node, List<Value> in, Value out) {
            return layer.nodes().size() == 1
                    && AFFINE.contains(node.opType())
                    && out.channels() == 3
                    && in.stream().anyMatch(v -> v.constant() && v.elements() == 3);
        }

        /// Whether only the order of names changes, not that of the data as they lie on the device.
        private boolean isView(Value in, Value out) {
            return in.channels() == out.channels() || out.elements() == out.channels();
        }

        private boolean isView(Node node) {
            Value in = value(node.input(0));
            Value out = output(node.outputs());
            long[] perm = node.intsAttribute("perm");
            if (in == null
                    || in.shape() == null
                    || out.shape() == null
                    || perm.length != in.shape().rank()) {
                return false;
            }
            List<Long> before = layout(in.shape(), in.channelAxis());
            List<Long> after = layout(out.shape(), out.channelAxis()).stream()
                    .map(axis -> perm[axis.intValue()])
                    .toList();
            return before.equals(after);
        }

        /// The axes longer than 1 from the outermost to the innermost on the device.
        private List<Long> layout(Shape shape, int channelAxis) {
            List<Long> axes = new ArrayList<>();
            for (int i = 0; i < shape.rank(); i++) {
                if (i != channelAxis && shape.dim(i) != 1) {
                    axes.add((long) i);
                }
            }
            if (channelAxis < shape.rank() && shape.dim(channelAxis) != 1) {
                axes.add((long) channelAxis);
            }
            return axes;
        }

        private double largest(List<String> inputs, List<String> outputs) {
            double largest = padded(output(outputs));
            for (String input : inputs) {
                Value in = input.isEmpty() ? null : value(input);
                if (in != null && !in.constant()) {
                    largest = Math.max(largest, padded(in));
                }
            }
            return largest;
        }

        private Value output(List<String> outputs) {
            for (String output : outputs) {
                Value out = output.isEmpty() ? null : value(output);
                if (out != null) {
                    return out;
                }
            }
            return new Value("", Shape.SCALAR, false, 0, 0, false);
        }
    }

    private Value output(List<String> outputs) {
        return flow.value(outputs.getFirst());
    }
}
