package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.List;

/// [Resize](https://onnx.ai/onnx/operators/onnx__Resize.html) and the older Upsample.
final class ResizeRule {
    private ResizeRule() {}

    static void apply(NodeShapes c) {
        List<Dim> x = c.dims(0);
        if (x == null) {
            c.set(0, c.type(0), null);
            return;
        }
        boolean upsample = c.node.opType().equals("Upsample");
        boolean old = upsample || c.opset < 11;
        IntValues sizes = old ? null : c.value(3);
        float[] scales = c.floats(old ? 1 : 2);
        if (c.has("scales")) {
            scales = null;
        }
        long[] named = c.node.intsAttribute("axes");
        int rank = x.size();
        int count = named.length == 0 ? rank : named.length;
        List<Dim> dims = new ArrayList<>(x);
        for (int i = 0; i < count; i++) {
            int axis = named.length == 0 ? i : Dims.axis(named[i], rank);
            long size = Dims.size(x.get(axis));
            Dim out = Dims.UNKNOWN;
            if (sizes != null && sizes.size() == count) {
                out = sizes.get(i);
            } else if (scales != null && scales.length == count) {
                out = size >= 0
                        ? Dims.of((long) Math.floor(size * (double) scales[i]))
                        : scales[i] == 1 ? x.get(axis) : Dims.UNKNOWN;
            }
            dims.set(axis, out);
        }
        boolean keepsAspect =
                !c.node.stringAttribute("keep_aspect_ratio_policy", "stretch").equals("stretch");
        c.set(0, c.type(0), keepsAspect && sizes != null ? aspect(c, x, sizes, named, rank) : dims);
    }

    private static List<Dim> aspect(NodeShapes c, List<Dim> x, IntValues sizes, long[] named, int rank) {
        long[] wanted = sizes.known();
        int count = named.length == 0 ? rank : named.length;
        if (wanted == null || wanted.length != count) {
            return Dims.unknown(rank);
        }
        boolean larger = c.node.stringAttribute("keep_aspect_ratio_policy", "").equals("not_larger");
        double scale = larger ? Double.POSITIVE_INFINITY : 0;
        for (int i = 0; i < count; i++) {
            long size = Dims.size(x.get(named.length == 0 ? i : Dims.axis(named[i], rank)));
            if (size <= 0) {
                return Dims.unknown(rank);
            }
            scale = larger ? Math.min(scale, wanted[i] / (double) size) : Math.max(scale, wanted[i] / (double) size);
        }
        List<Dim> dims = new ArrayList<>(x);
        for (int i = 0; i < count; i++) {
            int axis = named.length == 0 ? i : Dims.axis(named[i], rank);
            dims.set(axis, Dims.of(Math.round(scale * Dims.size(x.get(axis)))));
        }
        return dims;
    }
}
