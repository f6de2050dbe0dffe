package dev.nibble.pipeline.htp;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.htp.KnownDepartures;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Groups;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/// Rewrites of single operators that the HTP does not take, or computes otherwise, into what it takes.
final class Rewrites {
    private static final int MOST_AXES = 5;
    private static final int WEIGHT_BITS = 8;

    private Rewrites() {}

    /// A kind of rewrite.
    ///
    /// @param what a sentence's beginning: what was done to the nodes
    /// @param exact whether the model must compute the same numbers afterwards
    record Kind(String what, boolean exact, Rewriting rewriting) {}

    interface Rewriting {
        /// The model with `node` rewritten, in each form that may do, the best one first; empty where this does not fit.
        ///
        /// @param values the floats behind a DequantizeLinear of a constant, by the name of what it makes
        List<Model> apply(Model model, Node node, Function<String, Tensor> values);
    }

    /// All of them.
    ///
    /// @param refused labels of the nodes that a target does not take by the rules
    static List<Kind> kinds(Set<String> refused) {
        return List.of(
                new Kind(
                        "transposed with fewer axes",
                        true,
                        (model, node, values) -> rank(model, node).stream().toList()),
                new Kind(
                        "resized by the rule that the HTP computes soundly",
                        true,
                        (model, node, values) -> resize(model, node)),
                new Kind(
                        "given an 8-bit unsigned weight of one scale",
                        false,
                        (model, node, values) -> refused.contains(node.label())
                                ? normalization(model, node, values).stream().toList()
                                : List.of()),
                new Kind(
                        "given an 8-bit weight with one scale a channel instead of a block",
                        false,
                        (model, node, values) -> refused.contains(node.label())
                                ? blocks(model, node, values).stream().toList()
                                : List.of()));
    }

    private static Optional<Model> normalization(Model model, Node node, Function<String, Tensor> values) {
        Optional<Node> weight = weight(model.graph(), node);
        if (weight.isEmpty() || !node.isAny("LayerNormalization", "RMSNormalization", "InstanceNormalization")) {
            return Optional.empty();
        }
        Tensor floats = values.apply(weight.get().output(0));
        double[] range = range(floats.toFloats(), 0, Math.toIntExact(floats.elements()));
        Encoding encoding = Encoding.ofRange(range[0], range[1], WEIGHT_BITS, Symmetry.ASYMMETRIC);
        return Optional.of(withWeight(model, node, weight.get(), floats, TensorEncoding.Affine.of(encoding)));
    }

    private static Optional<Model> blocks(Model model, Node node, Function<String, Tensor> values) {
        Optional<Node> weight = weight(model.graph(), node).filter(w -> w.intAttribute("block_size", 0) > 0);
        if (weight.isEmpty() || !node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul")) {
            return Optional.empty();
        }
        Tensor floats = values.apply(weight.get().output(0));
        int axis = switch (node.opType()) {
            case "Conv" -> 0;
            case "ConvTranspose" -> 1;
            case "Gemm" -> node.intAttribute("transB", 0) == 0 ? 1 : 0;
            default -> floats.shape().rank() - 1;
        };
        Granularity granularity = new Granularity.PerChannel(axis);
        Groups groups = granularity.over(floats.shape());
        double[] most = new double[groups.size()];
        float[] all = floats.toFloats();
        long inner = floats.shape().product(axis + 1, floats.shape().rank());
        for (int i = 0; i < all.length; i++) {
            int channel = (int) (i / inner % most.length);
            most[channel] = Math.max(most[channel], Math.abs(all[i]));
        }
        List<Encoding> encodings = Arrays.stream(most)
                .mapToObj(m -> Encoding.ofRange(-m, m, WEIGHT_BITS, Symmetry.STRICT_SYMMETRIC))
                .toList();
        return Optional.of(
                withWeight(model, node, weight.get(), floats, TensorEncoding.Affine.of(granularity, encodings)));
    }

    private static double[] range(float[] values, int from, int to) {
        double[] range = new double[2];
        for (int i = from; i < to; i++) {
            range[0] = Math.min(range[0], values[i]);
            range[1] = Math.max(range[1], values[i]);
        }
        return range;
    }

    /// What dequantizes the stored weight of `node`.
    private static Optional<Node> weight(Graph graph, Node node) {
        return node.hasInput(1)
                ? graph.producer(node.input(1))
                        .filter(maker -> maker.is("DequantizeLinear")
                                && graph.initializer(maker.input(0)).isPresent())
                : Optional.empty();
    }

    private static Model withWeight(Model model, Node node, Node old, Tensor floats, TensorEncoding.Affine encoding) {
        QuantizedTensor quantized = new LinearQuantization().quantize(old.input(0), floats, encoding);
        int[] zeroPoints = encoding.zeroPoints();
        boolean one = encoding.granularity().equals(Granularity.PER_TENSOR);
        Shape shape = one ? Shape.SCALAR : Shape.of(encoding.groups());
        QuantizedTensor zero =
                QuantizedTensor.of(shape, zeroPoints, TensorEncoding.Affine.of(new Encoding(1, 0, encoding.grid())));
        return model.withGraph(model.graph().edit(edit -> {
            String codes = edit.freshName(old.input(0) + ".u8");
            String scale = edit.freshName(codes + ".scale");
            String zeroPoint = edit.freshName(codes + ".zero_point");
            String read = edit.freshName(codes + ".read");
            edit.put(Initializer.of(codes, quantized.codes()));
            edit.put(Initializer.of(scale, Tensor.of(shape, encoding.scales())));
            edit.put(Initializer.of(zeroPoint, zero.codes()));
            List<Attribute> attributes = new ArrayList<>();
            if (encoding.granularity() instanceof Granularity.PerChannel(int axis)) {
                attributes.add(Attribute.of("axis", axis));
            }
            edit.replace(
                    node,
                    Node.of(
                            edit.freshName(read + "_DequantizeLinear"),
                            "DequantizeLinear",
                            List.of(codes, scale, zeroPoint),
                            List.of(read),
                            attributes.toArray(Attribute[]::new)),
                    node.withInput(1, read));
            if (model.graph().consumers(old.output(0)).size() == 1) {
                edit.remove(old);
                for (int i = 0; i < 3 && old.hasInput(i); i++) {
                    if (model.graph().consumers(old.input(i)).size() == 1) {
                        edit.removeInitializer(old.input(i));
                    }
                }
            }
        }));
    }

    /// A Transpose between two Reshapes, with or without quantizers between them: axes of size 1 go, and axes that stay
    /// beside each other become one.
    private static Optional<Model> rank(Model model, Node node) {
        Graph graph = model.graph();
        Optional<Shape> given = graph.shape(node.input(0)).filter(s -> s.rank() > MOST_AXES);
        if (!node.is("Transpose") || given.isEmpty() || node.intsAttribute("perm").length == 0) {
            return Optional.empty();
        }
        Optional<Node> before = reshapeBefore(graph, node.input(0));
        Optional<Node> after = reshapeAfter(graph, node.output(0));
        if (before.isEmpty() || after.isEmpty()) {
            return Optional.empty();
        }
        Optional<Shape> end = graph.shape(after.get().output(0));
        List<long[]> merged = merged(given.get(), node.intsAttribute("perm"));
        long[] dims = merged.get(0);
        if (dims.length > MOST_AXES || end.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(model.withGraph(graph.edit(edit -> {
            edit.replace(before.get(), reshaped(edit, before.get(), dims));
            edit.replace(node, node.withAttribute(Attribute.ofInts("perm", merged.get(1))));
            edit.replace(after.get(), reshaped(edit, after.get(), end.get().dims()));
        })));
    }

    private static Node reshaped(dev.nibble.graph.GraphEdit edit, Node reshape, long[] dims) {
        String name = edit.freshName(reshape.output(0) + ".shape");
        edit.put(Initializer.of(name, Tensor.of(Shape.of(dims.length), dims)));
        return reshape.withInput(1, name).withoutAttribute("allowzero");
    }

    /// The sizes and the order that are left.
    private static List<long[]> merged(Shape shape, long[] order) {
        List<List<Integer>> runs = new ArrayList<>();
        int last = -2;
        for (long at : order) {
            int axis = (int) at;
            if (shape.dim(axis) == 1) {
                continue;
            }
            boolean follows = last >= 0 && onlyOnes(shape, last + 1, axis);
            if (follows) {
                runs.getLast().add(axis);
            } else {
                runs.add(new ArrayList<>(List.of(axis)));
            }
            last = axis;
        }
        List<List<Integer>> inOrder = new ArrayList<>(runs);
        inOrder.sort((a, b) -> Integer.compare(a.getFirst(), b.getFirst()));
        long[] dims = inOrder.stream()
                .mapToLong(run -> run.stream().mapToLong(shape::dim).reduce(1, (a, b) -> a * b))
                .toArray();
        long[] perm = runs.stream().mapToLong(inOrder::indexOf).toArray();
        return List.of(dims, perm);
    }

    private static boolean onlyOnes(Shape shape, int from, int to) {
        boolean ones = from <= to;
        for (int axis = from; axis < to; axis++) {
            ones &= shape.dim(axis) == 1;
        }
        return ones;
    }

    private static Optional<Node> reshapeBefore(Graph graph, String value) {
        Optional<Node> maker = graph.producer(value).filter(n -> isOnlyReadOnce(graph, value));
        if (maker.isPresent() && maker.get().isAny("DequantizeLinear", "QuantizeLinear")) {
            return maker.get().intAttribute("block_size", 0) > 0
                            || graph.shape(maker.get().input(1))
                                            .orElse(Shape.SCALAR)
                                            .elements()
                                    != 1
                    ? Optional.empty()
                    : reshapeBefore(graph, maker.get().input(0));
        }
        return maker.filter(n -> n.is("Reshape"));
    }

    private static Optional<Node> reshapeAfter(Graph graph, String value) {
        if (!isOnlyReadOnce(graph, value)) {
            return Optional.empty();
        }
        Node reader = graph.consumers(value).getFirst();
        if (reader.isAny("DequantizeLinear", "QuantizeLinear")) {
            return graph.shape(reader.input(1)).orElse(Shape.SCALAR).elements() != 1
                    ? Optional.empty()
                    : reshapeAfter(graph, reader.output(0));
        }
        return reader.is("Reshape") && reader.input(0).equals(value) ? Optional.of(reader) : Optional.empty();
    }

    private static boolean isOnlyReadOnce(Graph graph, String value) {
        return !graph.isOutput(value) && graph.consumers(value).size() == 1;
    }

    /// Nearest in the forms that the emulator computes as ONNX says; whether one of them is the same is for the proof to
    /// say.
    private static List<Model> resize(Model model, Node node) {
        boolean unsound = node.is("Resize")
                && node.stringAttribute("mode", "nearest").equals("nearest")
                && KnownDepartures.cause(model.graph(), node).isPresent();
        if (!unsound) {
            return List.of();
        }
        List<Model> forms = new ArrayList<>();
        for (KnownDepartures.Nearest sound : KnownDepartures.SOUND_NEAREST) {
            forms.add(model.withGraph(model.graph()
                    .edit(edit -> edit.replace(
                            node,
                            node.withAttribute(Attribute.of("coordinate_transformation_mode", sound.coordinates()))
                                    .withAttribute(Attribute.of("nearest_mode", sound.rounding()))))));
        }
        return forms;
    }
}
