package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Operators that slide a window over the spatial axes: convolutions and pooling.
final class WindowRules {
    private WindowRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "Conv", "DeformConv" -> convolution(c, 1, c.type(0));
            case "ConvInteger" -> convolution(c, 1, DataType.INT32.code());
            case "QLinearConv" -> convolution(c, 3, c.type(7));
            case "ConvTranspose" -> transposed(c);
            case "MaxPool", "AveragePool", "LpPool" -> {
                pool(c, c.type(0), 0);
                if (c.node.opType().equals("MaxPool")) {
                    pool(c, DataType.INT64.code(), 1);
                }
            }
            case "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool" -> global(c);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static void convolution(NodeShapes c, int weight, int type) {
        List<Dim> x = c.dims(0);
        List<Dim> w = c.dims(weight);
        if (x == null || w == null) {
            c.set(0, type, x == null && w == null ? null : Dims.unknown(x == null ? size(w) : x.size()));
            return;
        }
        if (x.size() < 2 || x.size() != w.size()) {
            throw new Dims.UnfitShape("input of rank %d, weight of rank %d".formatted(x.size(), w.size()));
        }
        List<Dim> dims = new ArrayList<>(List.of(x.get(0), w.get(0)));
        dims.addAll(windows(c, x, w.subList(2, w.size())));
        c.set(0, type, dims);
    }

    private static int size(@Nullable List<Dim> dims) {
        return dims == null ? 0 : dims.size();
    }

    private static void pool(NodeShapes c, int type, int output) {
        List<Dim> x = c.dims(0);
        if (x == null) {
            c.set(output, type, null);
            return;
        }
        List<Dim> dims = new ArrayList<>(x.subList(0, 2));
        dims.addAll(windows(c, x, Dims.list(c.ints("kernel_shape", x.size() - 2, 1))));
        c.set(output, type, dims);
    }

    private static void global(NodeShapes c) {
        List<Dim> x = c.dims(0);
        List<Dim> dims = x == null ? null : new ArrayList<>(x);
        for (int i = 2; dims != null && i < dims.size(); i++) {
            dims.set(i, Dims.ONE);
        }
        c.set(0, c.type(0), dims);
    }

    /// The sizes of the spatial axes after a window has gone over them.
    private static List<Dim> windows(NodeShapes c, List<Dim> x, List<Dim> kernel) {
        int axes = x.size() - 2;
        long[] given = c.node.intsAttribute("kernel_shape");
        long[] strides = c.ints("strides", axes, 1);
        long[] dilations = c.ints("dilations", axes, 1);
        long[] pads = c.ints("pads", 2 * axes, 0);
        String auto = c.node.stringAttribute("auto_pad", "NOTSET");
        boolean up = c.node.intAttribute("ceil_mode", 0) == 1;
        List<Dim> sizes = new ArrayList<>();
        for (int i = 0; i < axes; i++) {
            long size = Dims.size(x.get(i + 2));
            long k = given.length > i ? given[i] : Dims.size(kernel.get(i));
            if (strides[i] < 1 || dilations[i] < 1) {
                throw new Dims.UnfitShape("strides and dilations must be at least 1");
            }
            if (size < 0 || k < 0) {
                sizes.add(Dims.UNKNOWN);
            } else if (auto.startsWith("SAME")) {
                sizes.add(Dims.of(Math.ceilDiv(size, strides[i])));
            } else {
                long pad = auto.equals("VALID") ? 0 : pads[i] + pads[i + axes];
                long span = Math.multiplyExact(dilations[i], k - 1) + 1;
                long room = Math.addExact(size, pad) - span;
                long out = (up ? Math.ceilDiv(room, strides[i]) : Math.floorDiv(room, strides[i])) + 1;
                // A window that starts in the padding behind the data is left out (ONNX 1.16 on, and ORT).
                if (up && (out - 1) * strides[i] >= size + (auto.equals("VALID") ? 0 : pads[i])) {
                    out--;
                }
                if (out < 0) {
                    throw new Dims.UnfitShape(
                            "a window of %d does not fit axis %d of size %d".formatted(span, i + 2, size));
                }
                sizes.add(Dims.of(out));
            }
        }
        return sizes;
    }

    private static void transposed(NodeShapes c) {
        List<Dim> x = c.dims(0);
        List<Dim> w = c.dims(1);
        if (x == null || w == null || x.size() < 2 || w.size() != x.size()) {
            c.set(0, c.type(0), x == null ? null : Dims.unknown(x.size()));
            return;
        }
        int axes = x.size() - 2;
        long[] told = c.node.intsAttribute("output_shape");
        long[] strides = c.ints("strides", axes, 1);
        long[] dilations = c.ints("dilations", axes, 1);
        long[] pads = c.ints("pads", 2 * axes, 0);
        long[] more = c.ints("output_padding", axes, 0);
        String auto = c.node.stringAttribute("auto_pad", "NOTSET");
        List<Dim> dims =
                new ArrayList<>(List.of(x.get(0), Dims.times(w.get(1), Dims.of(c.node.intAttribute("group", 1)))));
        if (told.length >= axes && axes > 0) {
            dims.addAll(Dims.list(Arrays.copyOfRange(told, told.length - axes, told.length)));
            c.set(0, c.type(0), dims);
            return;
        }
        for (int i = 0; i < axes; i++) {
            long size = Dims.size(x.get(i + 2));
            long k = Dims.size(w.get(i + 2));
            if (size < 0 || k < 0) {
                dims.add(Dims.UNKNOWN);
            } else if (auto.startsWith("SAME")) {
                dims.add(Dims.of(Math.multiplyExact(size, strides[i])));
            } else {
                long pad = auto.equals("VALID") ? 0 : pads[i] + pads[i + axes];
                dims.add(
                        Dims.of(Math.multiplyExact(strides[i], size - 1) + more[i] + (k - 1) * dilations[i] + 1 - pad));
            }
        }
        c.set(0, c.type(0), dims);
    }
}
