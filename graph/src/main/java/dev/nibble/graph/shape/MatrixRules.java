package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Matrix products, Einsum, recurrent cells and attention.
final class MatrixRules {
    private MatrixRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "MatMul" -> c.set(0, c.typeFrom(0), product(c.dims(0), c.dims(1)));
            case "MatMulInteger" -> c.set(0, DataType.INT32, product(c.dims(0), c.dims(1)));
            case "QLinearMatMul" -> c.set(0, c.type(7), product(c.dims(0), c.dims(3)));
            case "Gemm" -> gemm(c);
            case "Einsum" -> c.set(0, c.typeFrom(0), einsum(c));
            case "LSTM" -> recurrent(c, 3);
            case "GRU", "RNN" -> recurrent(c, 2);
            case "Attention" -> attention(c);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static @Nullable List<Dim> product(@Nullable List<Dim> a, @Nullable List<Dim> b) {
        if (a == null || b == null) {
            return null;
        }
        if (a.isEmpty() || b.isEmpty()) {
            throw new Dims.UnfitShape("a matrix product of scalars");
        }
        List<Dim> left = a.size() == 1 ? List.of(Dims.ONE, a.get(0)) : a;
        List<Dim> right = b.size() == 1 ? List.of(b.get(0), Dims.ONE) : b;
        Dim inner = left.getLast();
        Dim other = right.get(right.size() - 2);
        if (inner instanceof Dim.Known(long x) && other instanceof Dim.Known(long y) && x != y) {
            throw new Dims.UnfitShape("a matrix product over %d and %d elements".formatted(x, y));
        }
        List<Dim> batch = Dims.broadcast(left.subList(0, left.size() - 2), right.subList(0, right.size() - 2));
        List<Dim> dims = new ArrayList<>(batch == null ? List.of() : batch);
        if (a.size() > 1) {
            dims.add(left.get(left.size() - 2));
        }
        if (b.size() > 1) {
            dims.add(right.getLast());
        }
        return dims;
    }

    private static void gemm(NodeShapes c) {
        List<Dim> a = c.dims(0);
        List<Dim> b = c.dims(1);
        Dim rows = a == null ? Dims.UNKNOWN : a.get(c.node.intAttribute("transA", 0) == 0 ? 0 : 1);
        Dim columns = b == null ? Dims.UNKNOWN : b.get(c.node.intAttribute("transB", 0) == 0 ? 1 : 0);
        c.set(0, c.typeFrom(0), List.of(rows, columns));
    }

    private static @Nullable List<Dim> einsum(NodeShapes c) {
        String equation = c.node.stringAttribute("equation", "").replace(" ", "");
        String[] sides = equation.split("->", -1);
        String[] terms = sides[0].split(",", -1);
        Map<Character, Dim> sizes = new HashMap<>();
        Map<Character, Integer> uses = new TreeMap<>();
        List<Dim> ellipsis = List.of();
        for (int i = 0; i < terms.length; i++) {
            List<Dim> dims = c.dims(i);
            if (dims == null) {
                return null;
            }
            String letters = terms[i].replace("...", "");
            int dots = terms[i].indexOf("...");
            int rest = dims.size() - letters.length();
            if (rest < 0 || dots < 0 && rest > 0) {
                throw new Dims.UnfitShape(
                        "equation '%s' does not fit an input of rank %d".formatted(equation, dims.size()));
            }
            int at = 0;
            for (int l = 0; l <= letters.length(); l++) {
                if (l == dots || dots < 0 && l == letters.length()) {
                    List<Dim> wider = Dims.broadcast(ellipsis, dims.subList(at, at + rest));
                    ellipsis = wider == null ? List.of() : wider;
                    at += rest;
                }
                if (l < letters.length()) {
                    sizes.merge(letters.charAt(l), dims.get(at++), Dims::merge);
                    uses.merge(letters.charAt(l), 1, Integer::sum);
                }
            }
        }
        String result;
        if (sides.length > 1) {
            result = sides[1];
        } else {
            StringBuilder once = new StringBuilder("...");
            uses.forEach((letter, count) -> {
                if (count == 1) {
                    once.append(letter);
                }
            });
            result = once.toString();
        }
        List<Dim> dims = new ArrayList<>();
        for (int i = 0; i < result.length(); i++) {
            if (result.charAt(i) == '.') {
                dims.addAll(ellipsis);
                i += 2;
            } else {
                dims.add(sizes.getOrDefault(result.charAt(i), Dims.UNKNOWN));
            }
        }
        return dims;
    }

    private static void recurrent(NodeShapes c, int outputs) {
        List<Dim> x = c.dims(0);
        List<Dim> r = c.dims(2);
        Dim directions = Dims.of(c.node.stringAttribute("direction", "forward").equals("bidirectional") ? 2 : 1);
        Dim hidden = c.has("hidden_size")
                ? Dims.of(c.node.intAttribute("hidden_size", 0))
                : r == null ? Dims.UNKNOWN : r.getLast();
        boolean batchFirst = c.node.intAttribute("layout", 0) == 1;
        Dim steps = x == null ? Dims.UNKNOWN : x.get(batchFirst ? 1 : 0);
        Dim batch = x == null ? Dims.UNKNOWN : x.get(batchFirst ? 0 : 1);
        int type = c.typeFrom(0);
        c.set(
                0,
                type,
                batchFirst ? List.of(batch, steps, directions, hidden) : List.of(steps, directions, batch, hidden));
        for (int i = 1; i < outputs; i++) {
            c.set(i, type, batchFirst ? List.of(batch, directions, hidden) : List.of(directions, batch, hidden));
        }
    }

    /// [Attention](https://onnx.ai/onnx/operators/onnx__Attention.html) of opset 23 on: Q, K and V with four
    /// axes (batch, heads, length, size) or three (batch, length, heads × size).
    private static void attention(NodeShapes c) {
        List<Dim> q = c.dims(0);
        List<Dim> k = c.dims(1);
        List<Dim> v = c.dims(2);
        int type = c.type(0);
        if (q == null || k == null || v == null || q.size() != v.size() || q.size() < 3) {
            c.set(0, type, null);
            return;
        }
        Dim queries = Dims.of(c.node.intAttribute("q_num_heads", 0));
        Dim keys = Dims.of(c.node.intAttribute("kv_num_heads", 0));
        boolean flat = q.size() == 3;
        Dim size = flat ? over(v.get(2), keys) : v.get(3);
        Dim qHeads = flat ? queries : q.get(1);
        c.set(
                0,
                type,
                flat
                        ? List.of(q.get(0), q.get(1), Dims.times(queries, size))
                        : List.of(q.get(0), q.get(1), q.get(2), size));
        Dim length = k.get(k.size() - 2);
        List<Dim> past = c.dims(4);
        Dim total = c.node.hasInput(4) ? past == null ? Dims.UNKNOWN : Dims.plus(past.get(2), length) : length;
        Dim heads = flat ? keys : k.get(1);
        c.set(1, type, List.of(q.get(0), heads, total, flat ? over(k.get(2), keys) : k.get(3)));
        c.set(2, type, List.of(q.get(0), heads, total, size));
        c.set(3, type, List.of(q.get(0), qHeads, flat ? q.get(1) : q.get(2), total));
    }

    private static Dim over(Dim size, Dim parts) {
        return size instanceof Dim.Known(long whole) && parts instanceof Dim.Known(long n) && n > 0
                ? Dims.of(whole / n)
                : Dims.UNKNOWN;
    }
}
