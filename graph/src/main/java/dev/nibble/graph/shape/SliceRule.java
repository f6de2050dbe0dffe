package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// [Slice](https://onnx.ai/onnx/operators/onnx__Slice.html), with its bounds as attributes (before opset 10) or
/// inputs.
final class SliceRule {
    private SliceRule() {}

    static void apply(NodeShapes c) {
        List<Dim> x = c.dims(0);
        if (x == null) {
            c.set(0, c.type(0), null);
            return;
        }
        int rank = x.size();
        boolean old = c.has("starts");
        IntValues starts = old ? IntValues.vector(Dims.list(c.node.intsAttribute("starts"))) : c.value(1);
        IntValues ends = old ? IntValues.vector(Dims.list(c.node.intsAttribute("ends"))) : c.value(2);
        List<Dim> startDims = old ? null : c.dims(1);
        int count = starts != null
                ? starts.size()
                : startDims == null || startDims.isEmpty() ? -1 : (int) Dims.size(startDims.get(0));
        long[] axes;
        if (old ? c.has("axes") : c.node.hasInput(3)) {
            long[] told = c.attributeOrInput("axes", 3);
            if (told == null) {
                c.set(0, c.type(0), Dims.unknown(rank));
                return;
            }
            axes = told;
        } else if (count < 0) {
            c.set(0, c.type(0), Dims.unknown(rank));
            return;
        } else {
            axes = MovementRules.upTo(count);
        }
        IntValues steps = c.node.hasInput(4) ? c.value(4) : null;
        List<Dim> dims = new ArrayList<>(x);
        long[] from = new long[rank];
        long[] by = new long[rank];
        Arrays.fill(by, 1);
        boolean known = true;
        for (int i = 0; i < axes.length; i++) {
            int axis = Dims.axis(axes[i], rank);
            long size = Dims.size(x.get(axis));
            boolean stepKnown = !c.node.hasInput(4) || steps != null && steps.get(i) instanceof Dim.Known;
            long step = steps != null ? Dims.size(steps.get(i)) : 1;
            if (size < 0
                    && starts != null
                    && ends != null
                    && Dims.is(starts.get(i), 0)
                    && Dims.size(ends.get(i)) >= Integer.MAX_VALUE
                    && stepKnown
                    && step == 1) {
                // Everything is kept, however much it is.
                continue;
            }
            if (size < 0
                    || starts == null
                    || ends == null
                    || !(starts.get(i) instanceof Dim.Known(long start))
                    || !(ends.get(i) instanceof Dim.Known(long end))
                    || !stepKnown
                    || step == 0) {
                dims.set(axis, Dims.UNKNOWN);
                known = false;
                continue;
            }
            long first = start < 0 ? Math.addExact(start, size) : start;
            long last = end < 0 ? Math.max(end, -size - 1) + size : end;
            long length;
            if (step > 0) {
                first = Math.clamp(first, 0, size);
                last = Math.clamp(last, 0, size);
                length = Math.ceilDiv(last - first, step);
            } else {
                first = Math.clamp(first, 0, Math.max(0, size - 1));
                last = Math.clamp(last, -1, Math.max(0, size - 1));
                length = step == Long.MIN_VALUE ? last < first ? 1 : 0 : Math.ceilDiv(first - last, -step);
            }
            dims.set(axis, Dims.of(Math.max(0, length)));
            from[axis] = first;
            by[axis] = step;
        }
        c.set(0, c.type(0), dims);
        IntValues value = c.value(0);
        if (value != null && known && value.shape().rank() == rank) {
            Shape shape = Shape.of(dims.stream().map(Dims::size).toList());
            c.setValue(0, value.picked(shape, i -> {
                long at = 0;
                long left = i;
                for (int d = rank - 1; d >= 0; d--) {
                    at += (from[d] + left % shape.dim(d) * by[d])
                            * value.shape().product(d + 1, rank);
                    left /= shape.dim(d);
                }
                return (int) at;
            }));
        }
    }
}
