package dev.nibble.npu.work;

import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.npu.work.Flow.Value;
import java.util.ArrayList;
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

    private static double roundUp(double value, int multiple) {
        return Math.ceil(value / multiple) * multiple;
    }

    private final class OneLayer {
        private final Layer layer;
        private final EnumMap<VectorKind, Double> vector = new EnumMap<>(VectorKind.class);
        private final Set<String> withoutRule = new TreeSet<>();
        private long macs;
        private double matrix;
        private double pixels;
        private double perChannel;
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
            macs += rows * columns * inner;
            matrix += rows * roundUp(columns, 32) * roundUp(inner, 32);
        }

        private void convolution(Node node, List<Value> in, Value out, boolean transposed) {
            Shape x = shape(in, 0);
            Shape w = shape(in, 1);
            if (w.rank() < 3 || x.rank() < 3) {
                withoutRule.add(node.opType());
                return;
            }
            long groups = Math.max(1, node.intAttribute("group", 1));
            long taps = w.product(2, w.rank());
            long perOut = transposed ? w.dim(0) / groups : w.dim(1);
            long channels = transposed ? w.dim(1) * groups : w.dim(0);
            Shape positionsOf = transposed ? x : shape(List.of(out), 0);
            double positions = positionsOf.elements() / (double) Math.max(1, positionsOf.dim(1));
            macs += (long) (positions * channels * perOut * taps);
            if (groups > 1 && perOut == 1) {
                add(VectorKind.DEPTHWISE, positions * roundUp(channels, 32) * taps);
                return;
            }
            if (groups == 1) {
                matrix += positions * roundUp(channels, 32) * roundUp(perOut * taps, 32);
                return;
            }
            // Narrow groups lie side by side in one tile of 32 channels, off-diagonal blocks being zero.
            long together = Math.max(1, 32 / Math.max(1, perOut));
            matrix += Math.ceil(groups / (double) together)
                    * positions
                    * roundUp(channels / (double) groups * together, 32)
                    * roundUp(perOut * together, 32)
                    * taps;
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
            matrix += turns * roundUp(w.dim(1), 32) * (roundUp(w.dim(2), 32) + roundUp(r.dim(2), 32));
            add(VectorKind.FUNCTION, turns * roundUp(w.dim(1), 32));
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
