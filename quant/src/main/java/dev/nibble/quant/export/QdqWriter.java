package dev.nibble.quant.export;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.BiasQuantizer;
import dev.nibble.quant.place.Finding;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.PlacementPlan.Bounded;
import dev.nibble.quant.place.PlacementPlan.Conversion;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.WeightQuantizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// One QDQ model being written.
final class QdqWriter {
    private final PlacementPlan plan;
    private final Quantization quantization;
    private final Boundary boundary;
    private final Graph graph;
    private final Names names;
    private final QdqNodes qdq;
    private final List<Node> nodes = new ArrayList<>();
    private final Map<String, ActivationQuantizer> quantizers;
    private final Map<String, WeightQuantizer> weights;
    private final Map<String, BiasQuantizer> biases = new HashMap<>();
    private final Map<String, Conversion> conversions = new HashMap<>();

    /// Transposed values that are converted before they are transposed.
    private final Map<String, Conversion> hoisted = new HashMap<>();

    /// What the float model's values are called where they are made, if not by their own name.
    private final Map<String, String> raw = new HashMap<>();

    private final SortedMap<String, String> dequantized = new TreeMap<>();
    private final Map<String, String> constants = new HashMap<>();
    private final Map<String, String> conversionBases = new HashMap<>();
    private final Map<String, Bounded> dropped = new LinkedHashMap<>();
    private final Set<String> integerEdges = new HashSet<>();
    private final List<Finding> findings = new ArrayList<>();

    QdqWriter(PlacementPlan plan, Quantization quantization, Boundary boundary) {
        this.plan = plan;
        this.quantization = quantization;
        this.boundary = boundary;
        this.graph = plan.model().graph();
        this.names = new Names(graph.names());
        this.qdq = new QdqNodes(names);
        this.quantizers = plan.activationsByName();
        this.weights = plan.weightsByName();
        plan.biases().forEach(b -> biases.put(b.node().output(0), b));
        plan.conversions().forEach(c -> conversions.put(c.node() + " " + c.input(), c));
    }

    ExportResult write() {
        dropBounded();
        hoistConversions();
        for (ValueInfo input : graph.feeds()) {
            if (quantizers.containsKey(input.name())) {
                quantizeInput(input.name());
            }
        }
        nameOutputs();
        for (Node node : graph.nodes()) {
            if (dropped.containsKey(node.output(0))) {
                continue;
            }
            nodes.add(node.withInputs(readNames(node)).withOutputs(madeNames(node)));
            for (String output : node.outputs()) {
                String made = droppedName(output);
                if (quantizers.containsKey(made)) {
                    quantizeValue(made);
                }
            }
        }
        Model model = plan.model();
        long opset = Math.max(model.opset(), plan.requiredOpset());
        Model written =
                model.withGraph(finish()).withIrVersion(Math.max(model.irVersion(), QdqExport.irVersion(opset)));
        return new ExportResult(
                written,
                dequantized,
                dropped.values().stream().map(b -> b.node().label()).toList(),
                findings);
    }

    /// Marks the activation functions that the grid behind them makes superfluous. A value that overshoots a
    /// bound by less than half a step is the code nearest to the bound, so nothing changes.
    private void dropBounded() {
        for (Bounded bounded : plan.bounded()) {
            String output = bounded.node().output(0);
            Encoding grid = quantization.activations().get(output);
            boolean made = graph.producer(bounded.node().input(0)).isPresent();
            // A subgraph reads the value itself, not what was dequantized: it would miss the bounds.
            if (grid == null || !made || isCaptured(output)) {
                continue;
            }
            double slack = 0.49 * grid.scale();
            if (grid.min() >= bounded.min() - slack && grid.max() <= bounded.max() + slack) {
                dropped.put(output, bounded);
                raw.put(bounded.node().input(0), output);
            }
        }
    }

    /// Finds the conversions that change places with the Transpose before them: `Transpose → convert → MatMul` becomes
    /// `convert → Transpose → MatMul`, which computes the same. ONNX Runtime moves a Transpose that stands before a
    /// conversion to where the HTP's compiler refuses it (seen with attention in 16 bits, onnxruntime-qnn 2.7.0).
    private void hoistConversions() {
        for (Conversion conversion : plan.conversions()) {
            String value = conversion.value();
            Node maker = graph.producer(value).orElse(null);
            if (maker != null
                    && maker.is("Transpose")
                    && !graph.isOutput(value)
                    && graph.consumers(value).size() == 1
                    && quantizers.containsKey(value)
                    && quantizers.containsKey(maker.input(0))) {
                hoisted.put(value, conversion);
            }
        }
    }

    /// The value that `value` stands for once superfluous functions behind it are gone.
    private String droppedName(String value) {
        String at = value;
        for (String next = raw.get(at); next != null && dropped.containsKey(next); next = raw.get(at)) {
            at = next;
        }
        return at;
    }

    private boolean isIntegerEdge(String value) {
        return integerEdges.contains(value);
    }

    private boolean mayBeIntegers(String value) {
        if (boundary == Boundary.FLOAT) {
            return false;
        }
        boolean captured = isCaptured(value);
        if (captured) {
            findings.add(new Finding(
                    "Q105",
                    Finding.Severity.WARNING,
                    "'" + value + "' stays in float at the boundary: a subgraph reads it",
                    ""));
        }
        return !captured;
    }

    private boolean isCaptured(String value) {
        return graph.consumers(value).stream()
                .anyMatch(n -> n.subgraphs().stream().anyMatch(g -> g.captured().contains(value)));
    }

    private void quantizeInput(String input) {
        Encoding encoding = encoding(input);
        String source = source(input);
        String read = names.fresh(input + "_DequantizeLinear_Output");
        if (mayBeIntegers(input)) {
            integerEdges.add(input);
            nodes.add(qdq.dequantize(input, input, read, source, encoding));
        } else {
            String codes = names.fresh(input + "_QuantizeLinear_Output");
            nodes.add(qdq.quantize(input, input, codes, source, encoding));
            nodes.add(qdq.dequantize(input, codes, read, source, encoding));
        }
        dequantized.put(input, read);
    }

    /// Gives the values behind graph outputs another name where the output's name goes to what was
    /// dequantized.
    private void nameOutputs() {
        for (ValueInfo output : graph.outputs()) {
            String name = output.name();
            if (quantizers.containsKey(name) && graph.producer(name).isPresent()) {
                raw.put(name, names.fresh(name + "_QuantizeLinear_Input"));
                if (mayBeIntegers(name)) {
                    integerEdges.add(name);
                }
            }
        }
    }

    private void quantizeValue(String value) {
        Conversion before = hoisted.get(value);
        Encoding encoding = before == null ? encoding(value) : encoding(before);
        String source = before == null ? source(value) : conversionBase(before);
        String made = raw.getOrDefault(value, value);
        boolean output = graph.isOutput(value);
        String codes = isIntegerEdge(value) ? value : names.fresh(value + "_QuantizeLinear_Output");
        nodes.add(qdq.quantize(value, made, codes, source, encoding));
        if (isIntegerEdge(value) && graph.consumers(value).isEmpty()) {
            return;
        }
        String read = output && !isIntegerEdge(value) ? value : names.fresh(value + "_DequantizeLinear_Output");
        nodes.add(qdq.dequantize(value, codes, read, source, encoding));
        dequantized.put(value, read);
    }

    private List<String> madeNames(Node node) {
        return node.outputs().stream()
                .map(this::droppedName)
                .map(o -> raw.getOrDefault(o, o))
                .toList();
    }

    private List<String> readNames(Node node) {
        Conversion first = hoisted.get(node.output(0));
        if (first != null) {
            return List.of(convert(first, node.input(0)));
        }
        List<String> read = new ArrayList<>(node.inputs());
        for (int i = 0; i < read.size(); i++) {
            String input = node.input(i);
            if (input.isEmpty()) {
                continue;
            }
            Conversion conversion = conversions.get(node.output(0) + " " + i);
            BiasQuantizer bias = biases.get(node.output(0));
            WeightQuantizer weight = weights.get(input);
            if (conversion != null && !hoisted.containsKey(input)) {
                read.set(i, convert(conversion, input));
            } else if (bias != null && i == 2 && bias.name().equals(input)) {
                read.set(i, constant(input, quantization.biases().get(input)));
            } else if (weight != null
                    && weight.consumers().stream().anyMatch(c -> c.output(0).equals(node.output(0)))) {
                read.set(i, constant(input, quantization.weights().get(input)));
            } else {
                read.set(i, dequantized.getOrDefault(input, input));
            }
        }
        return read;
    }

    /// The name of `value` behind the pair that gives it the type which `conversion` asks for.
    private String convert(Conversion conversion, String value) {
        Encoding encoding = encoding(conversion);
        String from = dequantized.getOrDefault(value, value);
        String base = conversionBase(conversion);
        String codes = names.fresh(base + "_QuantizeLinear_Output");
        String read = names.fresh(base + "_DequantizeLinear_Output");
        nodes.add(qdq.quantize(base, from, codes, base, encoding));
        nodes.add(qdq.dequantize(base, codes, read, base, encoding));
        return read;
    }

    private String conversionBase(Conversion conversion) {
        return conversionBases.computeIfAbsent(
                Quantization.edge(conversion), edge -> names.fresh(conversion.value() + "_convert"));
    }

    private Encoding encoding(Conversion conversion) {
        String key = Quantization.edge(conversion);
        Encoding encoding = quantization.conversions().get(key);
        if (encoding == null) {
            throw new IllegalArgumentException("the quantization has no encoding for the edge " + key);
        }
        return encoding;
    }

    /// The name of constant `name` behind its DequantizeLinear, which is made at first use.
    private String constant(String name, @org.jspecify.annotations.Nullable QuantizedTensor codes) {
        String known = constants.get(name);
        if (known != null) {
            return known;
        }
        if (codes == null) {
            throw new IllegalArgumentException("the quantization has no codes for '" + name + "'");
        }
        String read = names.fresh(name + "_DequantizeLinear_Output");
        nodes.add(qdq.constant(name, read, codes));
        constants.put(name, read);
        return read;
    }

    private Encoding encoding(String value) {
        Encoding encoding = quantization.activations().get(value);
        if (encoding == null) {
            throw new IllegalArgumentException("the quantization has no encoding for '" + value + "'");
        }
        return encoding;
    }

    private String source(String value) {
        ActivationQuantizer quantizer = quantizers.get(value);
        return quantizer == null || weights.containsKey(quantizer.source()) ? value : quantizer.source();
    }

    private Graph finish() {
        Set<String> used = new LinkedHashSet<>();
        Set<String> made = new HashSet<>();
        for (Node node : nodes) {
            used.addAll(node.inputs());
            node.subgraphs().forEach(g -> used.addAll(g.captured()));
            made.addAll(node.outputs());
        }
        graph.outputs().forEach(o -> used.add(o.name()));
        List<Initializer> kept = new ArrayList<>(graph.initializers().stream()
                .filter(i -> used.contains(i.name()))
                .toList());
        Set<String> gone = new HashSet<>();
        graph.initializers().stream()
                .map(Initializer::name)
                .filter(n -> !used.contains(n))
                .forEach(gone::add);
        kept.addAll(qdq.initializers());
        Set<String> declared = new HashSet<>();
        graph.outputs().forEach(o -> declared.add(o.name()));
        return new Graph(
                graph.name(),
                nodes,
                kept,
                graph.sparseInitializers(),
                graph.inputs().stream()
                        .filter(i -> !gone.contains(i.name()))
                        .map(this::edge)
                        .toList(),
                graph.outputs().stream().map(this::edge).toList(),
                graph.valueInfos().stream()
                        .filter(v -> made.contains(v.name()) && !declared.contains(v.name()))
                        .toList(),
                graph.carried());
    }

    /// The declaration of a graph input or output under its type in the file.
    private ValueInfo edge(ValueInfo value) {
        if (!isIntegerEdge(value.name())) {
            return value;
        }
        DataType type = encoding(value.name()).grid().dataType();
        return value.tensorType()
                .map(t -> value.withType(new ValueType.TensorType(type.code(), t.dims(), null)))
                .orElse(value);
    }

    /// Makes the operators, and the constants they need.
    private static final class QdqNodes {
        private final Names names;
        private final Map<String, String[]> parameters = new HashMap<>();
        private final List<Initializer> initializers = new ArrayList<>();

        QdqNodes(Names names) {
            this.names = names;
        }

        List<Initializer> initializers() {
            return initializers;
        }

        Node quantize(String base, String from, String to, String source, Encoding encoding) {
            String[] constants = parameters(source, encoding);
            return Node.of(
                    names.fresh(base + "_QuantizeLinear"),
                    "QuantizeLinear",
                    List.of(from, constants[0], constants[1]),
                    List.of(to));
        }

        Node dequantize(String base, String from, String to, String source, Encoding encoding) {
            String[] constants = parameters(source, encoding);
            return Node.of(
                    names.fresh(base + "_DequantizeLinear"),
                    "DequantizeLinear",
                    List.of(from, constants[0], constants[1]),
                    List.of(to));
        }

        /// Scale and zero point of `source`, which all values that share its encoding use.
        private String[] parameters(String source, Encoding encoding) {
            return parameters.computeIfAbsent(source, s -> {
                String scale = names.fresh(s + "_scale");
                String zeroPoint = names.fresh(s + "_zero_point");
                initializers.add(Initializer.of(scale, Tensor.of(Shape.SCALAR, encoding.scale())));
                TensorEncoding.Affine one = TensorEncoding.Affine.of(Granularity.PER_TENSOR, List.of(encoding));
                initializers.add(Initializer.of(zeroPoint, zeroPoints(one, Shape.SCALAR)));
                return new String[] {scale, zeroPoint};
            });
        }

        Node constant(String name, String to, QuantizedTensor tensor) {
            TensorEncoding.Affine encoding = (TensorEncoding.Affine) tensor.encoding();
            String codes = names.fresh(name + "_quantized");
            String scale = names.fresh(name + "_scale");
            String zeroPoint = names.fresh(name + "_zero_point");
            Shape shape = encoding.granularity().scaleShape(tensor.shape());
            initializers.add(Initializer.of(codes, tensor.codes()));
            initializers.add(Initializer.of(scale, Tensor.of(shape, encoding.scales())));
            initializers.add(Initializer.of(zeroPoint, zeroPoints(encoding, shape)));
            Node node = Node.of(
                    names.fresh(name + "_DequantizeLinear"),
                    "DequantizeLinear",
                    List.of(codes, scale, zeroPoint),
                    List.of(to));
            int rank = tensor.shape().rank();
            return switch (encoding.granularity()) {
                case Granularity.PerTensor() -> node;
                case Granularity.PerChannel(int axis) -> node.withAttribute(Attribute.of("axis", positive(axis, rank)));
                case Granularity.PerBlock(int axis, int size) ->
                    node.withAttribute(Attribute.of("axis", positive(axis, rank)))
                            .withAttribute(Attribute.of("block_size", (long) size));
            };
        }

        private static long positive(int axis, int rank) {
            return axis < 0 ? axis + rank : axis;
        }

        private static Tensor zeroPoints(TensorEncoding.Affine encoding, Shape shape) {
            TensorEncoding.Affine trivial =
                    new TensorEncoding.Affine(encoding.grid(), Granularity.PER_TENSOR, new float[] {1}, new int[] {0});
            return QuantizedTensor.of(shape, encoding.zeroPoints(), trivial).codes();
        }
    }

    /// Names that nothing has yet.
    private static final class Names {
        private final Set<String> taken;

        Names(Set<String> taken) {
            this.taken = new HashSet<>(taken);
        }

        String fresh(String wanted) {
            String name = wanted;
            for (int i = 1; !taken.add(name); i++) {
                name = wanted + "_" + i;
            }
            return name;
        }
    }
}
