package dev.nibble.quant.encodings;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.quant.place.OperatorInputs;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Reads the encodings out of a QDQ model, whoever wrote it: ONNX Runtime, AIMET, Nibble.
///
/// Values go by the name that QuantizeLinear reads, or by the model's output behind DequantizeLinear; constants by the
/// float constant that is quantized in the graph, else by the name of their codes less `_quantized`, as ONNX Runtime
/// and Nibble form it, else by what DequantizeLinear gives.
public final class QdqEncodings {
    /// What [Encodings#version] says of a QDQ model.
    public static final String VERSION = "qdq";

    private static final List<String> SUFFIXES = List.of("_DequantizeLinear_Output", "_dequantized");
    private static final String CODES = "_quantized";

    private final Graph graph;
    private final Set<String> gridPreserving;
    private final Map<String, EncodingEntry> values = new LinkedHashMap<>();
    private final Map<String, EncodingEntry> constants = new LinkedHashMap<>();
    private final Map<String, Node> readers = new HashMap<>();
    private final Map<String, Integer> ranks = new HashMap<>();
    private final Set<String> passedOn = new LinkedHashSet<>();
    private final List<Omitted> omitted = new ArrayList<>();

    /// @param encodings of the whole file; axes are counted from the front
    /// @param passedOn values whose encoding is that of the value they were moved from
    /// @param implied for each constant with an operator of its own, the axis that the operator implies
    /// @param omitted what encodings cannot say
    public record Result(
            Encodings encodings, Set<String> passedOn, Map<String, OptionalInt> implied, List<Omitted> omitted) {
        public Result {
            passedOn = Set.copyOf(passedOn);
            implied = Map.copyOf(implied);
            omitted = List.copyOf(omitted);
        }

        /// The entries that files of `version` list: before 2.0.0, values that only pass an encoding on, and biases, are
        /// left to the converter.
        ///
        /// @throws NibbleException where scales lie along another axis than such a version implies
        public Encodings listed(EncodingsVersion version) {
            if (version.isOneList()) {
                return encodings;
            }
            Encodings rest = withoutImplied();
            CompleteEncodings.requireImpliedAxes(rest, (name, _) -> implied.getOrDefault(name, OptionalInt.empty()));
            return rest;
        }

        /// As [#listed] before 2.0.0, wherever the scales lie.
        public Encodings withoutImplied() {
            Map<String, EncodingEntry> activations = new LinkedHashMap<>(encodings.activations());
            activations.keySet().removeAll(passedOn);
            Map<String, EncodingEntry> params = new LinkedHashMap<>(encodings.params());
            params.values().removeIf(entry -> entry instanceof Affine affine && affine.bits() == 32);
            return new Encodings(
                    encodings.version(), activations, params, encodings.arguments(), encodings.supergroups());
        }
    }

    /// @param reason why it has no entry
    public record Omitted(String tensor, String reason) {}

    private QdqEncodings(Graph graph, Set<String> gridPreserving) {
        this.graph = graph;
        this.gridPreserving = gridPreserving;
    }

    /// @param gridPreserving types of operators that only move values
    /// @throws NibbleException where the model holds no QuantizeLinear and DequantizeLinear
    public static Result of(Model model, Set<String> gridPreserving) {
        return new QdqEncodings(model.graph(), gridPreserving).read();
    }

    private Result read() {
        for (Node node : graph.nodes()) {
            if (isDequantize(node)) {
                dequantize(node);
            } else if (isQuantize(node) && graph.isOutput(node.output(0))) {
                value(node.output(0), node);
            }
        }
        if (values.isEmpty() && constants.isEmpty()) {
            throw new NibbleException(
                    "the model holds no QuantizeLinear and DequantizeLinear whose encodings could be read",
                    "give a QDQ model, such as model.qdq.onnx, or a file of encodings");
        }
        Map<String, OptionalInt> implied = new HashMap<>();
        readers.forEach((name, reader) -> constant(name)
                .flatMap(entry -> OperatorInputs.axes(reader, rank(entry))
                        .map(axes -> entry.layout() == Layout.PER_BLOCK ? axes.block() : axes.channel()))
                .ifPresent(axis -> implied.put(name, OptionalInt.of(axis))));
        return new Result(new Encodings(VERSION, values, constants, Map.of(), List.of()), passedOn, implied, omitted);
    }

    private Optional<Affine> constant(String name) {
        return constants.get(name) instanceof Affine affine ? Optional.of(affine) : Optional.empty();
    }

    private int rank(Affine entry) {
        return ranks.getOrDefault(entry.name(), 0);
    }

    private void dequantize(Node node) {
        String codes = node.input(0);
        Optional<Initializer> stored = graph.constant(codes);
        if (stored.isPresent()) {
            constant(constantName(codes, node.output(0)), node, stored.get().shape(), stored.get());
            return;
        }
        Node maker = graph.producer(codes).orElse(null);
        if (maker == null) {
            value(codes, node);
            return;
        }
        if (!isQuantize(maker)) {
            omitted.add(new Omitted(node.output(0), "its codes come from " + maker + ", not from QuantizeLinear"));
            return;
        }
        Optional<Initializer> floats = graph.constant(maker.input(0));
        if (floats.isPresent()) {
            constant(maker.input(0), node, floats.get().shape(), null);
            return;
        }
        String from = maker.input(0);
        if (graph.producer(from).filter(QdqEncodings::isDequantize).isPresent()) {
            omitted.add(new Omitted(from, "it is converted to another encoding for some of its readers"));
            return;
        }
        value(graph.isOutput(node.output(0)) ? node.output(0) : from, node);
    }

    private static String constantName(String codes, String floats) {
        if (codes.endsWith(CODES) && codes.length() > CODES.length()) {
            return codes.substring(0, codes.length() - CODES.length());
        }
        return SUFFIXES.stream()
                .filter(suffix -> floats.endsWith(suffix) && floats.length() > suffix.length())
                .map(suffix -> floats.substring(0, floats.length() - suffix.length()))
                .findFirst()
                .orElse(floats);
    }

    private void value(String name, Node node) {
        entry(name, node, Shape.SCALAR, null).ifPresent(entry -> {
            if (entry.layout() != Layout.PER_TENSOR) {
                omitted.add(new Omitted(name, "values have one scale, and this has " + entry.scales().length));
                return;
            }
            put(values, entry);
            Node quantize =
                    isQuantize(node) ? node : graph.producer(node.input(0)).orElse(null);
            if (quantize != null && isMoved(quantize.input(0), quantize)) {
                passedOn.add(name);
            }
        });
    }

    /// Whether `value` was only moved, and has the scale of what it was moved from.
    private boolean isMoved(String value, Node quantize) {
        Node mover = graph.producer(value).orElse(null);
        if (mover == null || !gridPreserving.contains(mover.opType())) {
            return false;
        }
        Node before = graph.producer(mover.input(0))
                .filter(QdqEncodings::isDequantize)
                .orElse(null);
        Optional<Affine> of = before == null ? Optional.empty() : entry(value, before, Shape.SCALAR, null);
        Optional<Affine> own = entry(value, quantize, Shape.SCALAR, null);
        return of.isPresent() && own.isPresent() && same(of.get(), own.get());
    }

    private void constant(String name, Node node, Shape shape, @Nullable Initializer codes) {
        entry(name, node, shape, codes).ifPresent(entry -> {
            ranks.put(name, shape.rank());
            put(constants, entry);
            graph.consumers(node.output(0)).stream()
                    .filter(reader -> reader.input(1).equals(node.output(0)))
                    .findFirst()
                    .ifPresent(reader -> readers.put(name, reader));
        });
    }

    private void put(Map<String, EncodingEntry> entries, Affine entry) {
        EncodingEntry other = entries.putIfAbsent(entry.name(), entry);
        if (other instanceof Affine known && !same(known, entry)) {
            omitted.add(new Omitted(entry.name(), "some of its readers have another encoding; the first is taken"));
        }
    }

    private static boolean same(Affine a, Affine b) {
        return a.bits() == b.bits() && Arrays.equals(a.scales(), b.scales()) && Arrays.equals(a.offsets(), b.offsets());
    }

    /// What scale and zero point of `node` say; empty, and said, where that is no integer grid.
    private Optional<Affine> entry(String name, Node node, Shape shape, @Nullable Initializer codes) {
        Tensor scale = graph.constant(node.input(1))
                .filter(Initializer::hasData)
                .map(Initializer::tensor)
                .orElse(null);
        Tensor zeros = !node.hasInput(2)
                ? null
                : graph.constant(node.input(2))
                        .filter(Initializer::hasData)
                        .map(Initializer::tensor)
                        .orElse(null);
        if (scale == null || node.hasInput(2) && zeros == null) {
            omitted.add(new Omitted(name, "its scale and zero point are computed, not stored"));
            return Optional.empty();
        }
        DataType type = zeros != null
                ? zeros.type()
                : codes != null
                        ? DataType.ofCode(codes.typeCode()).orElse(DataType.FLOAT)
                        : graph.type(node.input(0))
                                .filter(DataType::isQuantized)
                                .orElse(DataType.UINT8);
        if (!type.isQuantized()) {
            omitted.add(new Omitted(name, "its codes are " + type.onnxName()));
            return Optional.empty();
        }
        float[] scales = scale.toFloats();
        for (float s : scales) {
            if (!(s > 0 && Float.isFinite(s))) {
                throw new NibbleException(
                        "'%s' has the scale %s".formatted(name, s), "scales are positive and finite: check the model");
            }
        }
        return Optional.of(affine(name, node, shape, scales, scale.shape(), type, zeros));
    }

    private static Affine affine(
            String name, Node node, Shape shape, float[] scales, Shape nesting, DataType type, @Nullable Tensor zeros) {
        boolean signed = type.onnxName().startsWith("int");
        long centre = signed ? 1L << (type.bits() - 1) : 0;
        double[] steps = new double[scales.length];
        long[] offsets = new long[scales.length];
        boolean centred = signed;
        for (int i = 0; i < scales.length; i++) {
            long zero = zeros == null ? 0 : zeros.longAt(zeros.elements() == 1 ? 0 : i);
            steps[i] = scales[i];
            offsets[i] = -zero - centre;
            centred &= zero == 0;
        }
        int blockSize = Math.toIntExact(node.intAttribute("block_size", 0));
        int axis = Math.toIntExact(node.intAttribute("axis", 1));
        if (blockSize > 0) {
            return SharedKernel.collapsed(new Affine(
                    name,
                    type.bits(),
                    centred,
                    Layout.PER_BLOCK,
                    steps,
                    offsets,
                    OptionalInt.of(axis < 0 ? axis + shape.rank() : axis),
                    blockSize,
                    nesting));
        }
        if (scales.length == 1) {
            return new Affine(
                    name,
                    type.bits(),
                    centred,
                    Layout.PER_TENSOR,
                    steps,
                    offsets,
                    OptionalInt.empty(),
                    0,
                    Shape.SCALAR);
        }
        return new Affine(
                name,
                type.bits(),
                centred,
                Layout.PER_CHANNEL,
                steps,
                offsets,
                OptionalInt.of(axis < 0 ? axis + shape.rank() : axis),
                0);
    }

    private static boolean isQuantize(Node node) {
        return node.opType().equals("QuantizeLinear");
    }

    private static boolean isDequantize(Node node) {
        return node.opType().equals("DequantizeLinear");
    }
}
