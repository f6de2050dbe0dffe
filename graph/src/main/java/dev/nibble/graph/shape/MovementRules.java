package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Operators that only move elements: joining, cutting, reordering. Those that shape computations use also move
/// the known values.
final class MovementRules {
    private MovementRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "Concat" -> concat(c);
            case "Split" -> split(c);
            case "Slice" -> SliceRule.apply(c);
            case "Gather" -> gather(c);
            case "GatherElements" -> c.set(0, c.type(0), c.dims(1));
            case "GatherND" -> gatherNd(c);
            case "Transpose" -> transpose(c);
            case "Pad" -> pad(c);
            case "Tile" -> tile(c);
            case "DepthToSpace" -> blocks(c, true);
            case "SpaceToDepth" -> blocks(c, false);
            case "Resize", "Upsample" -> ResizeRule.apply(c);
            case "GridSample" -> gridSample(c);
            case "CenterCropPad" -> crop(c);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static void concat(NodeShapes c) {
        int count = c.node.inputs().size();
        List<Dim> dims = null;
        for (int i = 0; i < count; i++) {
            List<Dim> next = c.dims(i);
            if (next == null) {
                c.set(0, c.typeFrom(0), null);
                return;
            }
            int axis = Dims.axis(c.node.intAttribute("axis", 1), next.size());
            if (dims == null) {
                dims = new ArrayList<>(next);
                continue;
            }
            if (next.size() != dims.size()) {
                throw new Dims.UnfitShape("inputs of rank %d and %d".formatted(dims.size(), next.size()));
            }
            for (int d = 0; d < next.size(); d++) {
                dims.set(d, d == axis ? Dims.plus(dims.get(d), next.get(d)) : Dims.merge(dims.get(d), next.get(d)));
            }
        }
        c.set(0, c.typeFrom(0), dims);
        List<Dim> elements = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            IntValues value = c.value(i);
            if (value == null || value.shape().rank() != 1) {
                return;
            }
            elements.addAll(value.elements());
        }
        c.setValue(0, IntValues.vector(elements));
    }

    private static void split(NodeShapes c) {
        int outputs = c.node.outputs().size();
        List<Dim> x = c.dims(0);
        if (x == null) {
            for (int i = 0; i < outputs; i++) {
                c.set(i, c.type(0), null);
            }
            return;
        }
        int axis = Dims.axis(c.node.intAttribute("axis", 0), x.size());
        long[] sizes = c.attributeOrInput("split", 1);
        long whole = Dims.size(x.get(axis));
        long part = Math.ceilDiv(Math.max(0, whole), c.node.intAttribute("num_outputs", outputs));
        IntValues value = c.value(0);
        long from = 0;
        for (int i = 0; i < outputs; i++) {
            long size = -1;
            if (sizes != null) {
                size = sizes[i];
            } else if (whole >= 0 && !c.node.hasInput(1)) {
                size = Math.min(part, whole - part * i);
            }
            c.set(i, c.type(0), NodeShapes.changed(x, axis, size < 0 ? Dims.UNKNOWN : Dims.of(size)));
            if (value != null && value.shape().rank() == 1 && size >= 0 && from + size <= value.size()) {
                c.setValue(i, IntValues.vector(value.elements().subList((int) from, (int) (from + size))));
                from += size;
            } else {
                value = null;
            }
        }
    }

    private static void gather(NodeShapes c) {
        List<Dim> x = c.dims(0);
        List<Dim> indices = c.dims(1);
        if (x == null || indices == null) {
            c.set(0, c.type(0), null);
            return;
        }
        int axis = Dims.axis(c.node.intAttribute("axis", 0), x.size());
        List<Dim> dims = new ArrayList<>(x.subList(0, axis));
        dims.addAll(indices);
        dims.addAll(x.subList(axis + 1, x.size()));
        c.set(0, c.type(0), dims);
        IntValues value = c.value(0);
        IntValues at = c.value(1);
        long[] picks = c.longs(1);
        if (value != null && at != null && picks != null && value.shape().rank() == 1) {
            for (int i = 0; i < picks.length; i++) {
                picks[i] = picks[i] < 0 ? picks[i] + value.size() : picks[i];
                if (picks[i] < 0 || picks[i] >= value.size()) {
                    throw new Dims.UnfitShape("index %d of %d elements".formatted(picks[i], value.size()));
                }
            }
            c.setValue(0, value.picked(at.shape(), i -> (int) picks[i]));
        }
    }

    private static void gatherNd(NodeShapes c) {
        List<Dim> x = c.dims(0);
        List<Dim> indices = c.dims(1);
        long depth = indices == null || indices.isEmpty() ? -1 : Dims.size(indices.getLast());
        if (x == null || indices == null || depth < 0) {
            c.set(0, c.type(0), null);
            return;
        }
        List<Dim> dims = new ArrayList<>(indices.subList(0, indices.size() - 1));
        dims.addAll(x.subList((int) (depth + c.node.intAttribute("batch_dims", 0)), x.size()));
        c.set(0, c.type(0), dims);
    }

    private static void transpose(NodeShapes c) {
        List<Dim> x = c.dims(0);
        if (x == null) {
            c.set(0, c.type(0), null);
            return;
        }
        long[] perm = c.node.intsAttribute("perm");
        int rank = x.size();
        if (perm.length == 0) {
            perm = new long[rank];
            for (int i = 0; i < rank; i++) {
                perm[i] = (long) rank - 1 - i;
            }
        }
        List<Dim> dims = new ArrayList<>();
        for (long axis : perm) {
            dims.add(x.get(Dims.axis(axis, rank)));
        }
        c.set(0, c.type(0), dims);
        IntValues value = c.value(0);
        if (value != null && value.shape().rank() == rank && perm.length == rank) {
            c.setValue(0, transposed(value, perm));
        }
    }

    private static IntValues transposed(IntValues value, long[] perm) {
        int rank = perm.length;
        long[] sizes = new long[rank];
        for (int i = 0; i < rank; i++) {
            sizes[i] = value.shape().dim((int) perm[i]);
        }
        long[] strides = new long[rank];
        for (int i = 0; i < rank; i++) {
            strides[i] = value.shape().product((int) perm[i] + 1, rank);
        }
        return value.picked(Shape.of(sizes), i -> {
            long from = 0;
            long left = i;
            for (int d = rank - 1; d >= 0; d--) {
                from += left % sizes[d] * strides[d];
                left /= sizes[d];
            }
            return (int) from;
        });
    }

    private static void pad(NodeShapes c) {
        List<Dim> x = c.dims(0);
        if (x == null) {
            c.set(0, c.type(0), null);
            return;
        }
        IntValues input = c.value(1);
        List<Dim> pads = c.has("pads")
                ? Dims.list(c.node.intsAttribute("pads"))
                : input == null ? Dims.unknown(2 * x.size()) : input.elements();
        long[] axes = axes(c, 3, x.size());
        if (axes == null) {
            c.set(0, c.type(0), Dims.unknown(x.size()));
            return;
        }
        List<Dim> dims = new ArrayList<>(x);
        for (int i = 0; i < axes.length; i++) {
            int axis = Dims.axis(axes[i], x.size());
            dims.set(axis, Dims.plus(dims.get(axis), Dims.plus(pads.get(i), pads.get(i + axes.length))));
        }
        c.set(0, c.type(0), dims);
    }

    /// The axes that input `index` names, all of them where it is left out; null where it is not known.
    static long @Nullable [] axes(NodeShapes c, int index, int rank) {
        if (c.node.hasInput(index)) {
            return c.longs(index);
        }
        return upTo(rank);
    }

    private static void tile(NodeShapes c) {
        List<Dim> x = c.dims(0);
        IntValues repeats = c.value(1);
        if (x == null || repeats == null || repeats.size() != x.size()) {
            c.set(0, c.type(0), x == null ? null : Dims.unknown(x.size()));
            return;
        }
        List<Dim> dims = new ArrayList<>();
        for (int i = 0; i < x.size(); i++) {
            dims.add(Dims.times(x.get(i), repeats.get(i)));
        }
        c.set(0, c.type(0), dims);
    }

    private static void blocks(NodeShapes c, boolean toSpace) {
        List<Dim> x = c.dims(0);
        long block = c.node.intAttribute("blocksize", 1);
        if (x == null || x.size() != 4 || block < 1) {
            c.set(0, c.type(0), x == null ? null : Dims.unknown(x.size()));
            return;
        }
        List<Dim> dims = new ArrayList<>(List.of(x.get(0)));
        for (int i = 1; i < 4; i++) {
            long size = Dims.size(x.get(i));
            long by = i == 1 ? Math.multiplyExact(block, block) : block;
            boolean grows = toSpace == (i > 1);
            dims.add(size < 0 ? Dims.UNKNOWN : Dims.of(grows ? Math.multiplyExact(size, by) : size / by));
        }
        c.set(0, c.type(0), dims);
    }

    private static void gridSample(NodeShapes c) {
        List<Dim> x = c.dims(0);
        List<Dim> grid = c.dims(1);
        if (x == null || grid == null || grid.size() < 2) {
            c.set(0, c.type(0), x == null ? null : Dims.unknown(x.size()));
            return;
        }
        List<Dim> dims = new ArrayList<>(x.subList(0, 2));
        dims.addAll(grid.subList(1, grid.size() - 1));
        c.set(0, c.type(0), dims);
    }

    private static void crop(NodeShapes c) {
        List<Dim> x = c.dims(0);
        IntValues shape = c.value(1);
        if (x == null || shape == null) {
            c.set(0, c.type(0), x == null ? null : Dims.unknown(x.size()));
            return;
        }
        long[] axes = c.node.intsAttribute("axes");
        List<Dim> dims = new ArrayList<>(x);
        for (int i = 0; i < shape.size(); i++) {
            dims.set(axes.length == 0 ? i : Dims.axis(axes[i], x.size()), shape.get(i));
        }
        c.set(0, c.type(0), dims);
    }

    /// The numbers `0 … count − 1`.
    static long[] upTo(int count) {
        long[] all = new long[count];
        Arrays.setAll(all, i -> i);
        return all;
    }
}
