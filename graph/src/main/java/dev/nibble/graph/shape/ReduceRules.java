package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Operators that take axes away: reductions, arg-max, top-k, and those that count.
final class ReduceRules {
    private ReduceRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "ReduceMax",
                    "ReduceMin",
                    "ReduceMean",
                    "ReduceSum",
                    "ReduceProd",
                    "ReduceL1",
                    "ReduceL2",
                    "ReduceLogSum",
                    "ReduceLogSumExp",
                    "ReduceSumSquare" -> reduce(c);
            case "ArgMax", "ArgMin" -> {
                long keep = c.node.intAttribute("keepdims", 1);
                c.set(0, DataType.INT64, without(c.dims(0), new long[] {c.node.intAttribute("axis", 0)}, keep == 1));
            }
            case "TopK" -> topK(c);
            case "NonZero" -> {
                int rank = c.rank(0);
                c.set(0, DataType.INT64, List.of(rank < 0 ? Dims.UNKNOWN : Dims.of(Math.max(rank, 1)), Dims.UNKNOWN));
            }
            case "Compress" ->
                c.set(
                        0,
                        c.type(0),
                        !c.has("axis")
                                ? List.of(Dims.UNKNOWN)
                                : replaced(c.dims(0), c.node.intAttribute("axis", 0), Dims.UNKNOWN));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static void reduce(NodeShapes c) {
        boolean keep = c.node.intAttribute("keepdims", 1) == 1;
        List<Dim> x = c.dims(0);
        long[] axes = c.attributeOrInput("axes", 1);
        boolean unknown = axes == null && c.node.hasInput(1);
        if (x == null || unknown) {
            c.set(0, c.type(0), x != null && keep ? Dims.unknown(x.size()) : null);
            return;
        }
        if (axes == null || axes.length == 0) {
            boolean nothing = c.node.intAttribute("noop_with_empty_axes", 0) == 1;
            axes = new long[nothing ? 0 : x.size()];
            for (int i = 0; i < axes.length; i++) {
                axes[i] = i;
            }
        }
        c.set(0, c.type(0), without(x, axes, keep));
        long[] values = c.longs(0);
        if (values != null && x.size() == 1 && axes.length == 1) {
            long result = values.length == 0 ? 0 : values[0];
            if (c.node.opType().equals("ReduceProd")) {
                result = 1;
                for (long value : values) {
                    result = Math.multiplyExact(result, value);
                }
            } else if (c.node.opType().equals("ReduceSum")) {
                result = 0;
                for (long value : values) {
                    result = Math.addExact(result, value);
                }
            } else if (c.node.opType().equals("ReduceMax") && values.length > 0) {
                for (long value : values) {
                    result = Math.max(result, value);
                }
            } else if (c.node.opType().equals("ReduceMin") && values.length > 0) {
                for (long value : values) {
                    result = Math.min(result, value);
                }
            } else {
                return;
            }
            c.setValue(0, keep ? IntValues.vector(Dims.list(result)) : IntValues.scalar(Dims.of(result)));
        }
    }

    private static @Nullable List<Dim> without(@Nullable List<Dim> dims, long[] axes, boolean keep) {
        if (dims == null) {
            return null;
        }
        List<@Nullable Dim> changed = new ArrayList<>(dims);
        for (long axis : axes) {
            if (!dims.isEmpty()) {
                changed.set(Dims.axis(axis, dims.size()), keep ? Dims.ONE : null);
            }
        }
        List<Dim> left = new ArrayList<>();
        for (Dim dim : changed) {
            if (dim != null) {
                left.add(dim);
            }
        }
        return left;
    }

    static @Nullable List<Dim> replaced(@Nullable List<Dim> dims, long axis, Dim dim) {
        return dims == null ? null : NodeShapes.changed(dims, Dims.axis(axis, dims.size()), dim);
    }

    private static void topK(NodeShapes c) {
        IntValues input = c.value(1);
        Dim k = c.has("k")
                ? Dims.of(c.node.intAttribute("k", 0))
                : input == null || input.size() == 0 ? Dims.UNKNOWN : input.get(0);
        List<Dim> dims = replaced(c.dims(0), c.node.intAttribute("axis", -1), k);
        c.set(0, c.type(0), dims);
        c.set(1, DataType.INT64, dims);
    }
}
