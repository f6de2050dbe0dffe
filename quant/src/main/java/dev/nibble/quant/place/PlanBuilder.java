package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.place.NodeKinds.Kind;
import dev.nibble.quant.place.PlacementPlan.Bounded;
import dev.nibble.quant.place.PlacementPlan.Conversion;
import dev.nibble.quant.place.PlacementPlan.Skipped;
import dev.nibble.quant.place.WeightQuantizer.Role;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.PlacementRules.Constraint;
import dev.nibble.target.PlacementRules.FixedEncoding;
import dev.nibble.target.PlacementRules.Operand;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;

/// One run of the algorithm that [Placement] describes.
final class PlanBuilder {
    private final Model model;
    private final Graph graph;
    private final PlacementRules rules;
    private final Precision precision;
    private final WeightSchemes schemes;
    private final SortedMap<String, String> renamed;
    private final NodeKinds kinds;
    private final ForcedValues forced;
    private final Map<Node, Kind> kindOf = new IdentityHashMap<>();

    /// Grid-preserving output to its input, and inner value of a supergroup to the value behind it.
    private final Map<String, String> passedOn = new HashMap<>();

    private final Set<String> groupInner = new HashSet<>();
    private final Set<String> qdqOnly = new HashSet<>();
    private final Set<String> required = new LinkedHashSet<>();
    private final Map<String, String> tie = new HashMap<>();
    private final Map<String, Encoding> fixed = new HashMap<>();
    private final List<Bounded> bounded = new ArrayList<>();
    private final Map<String, WeightQuantizer> weights = new LinkedHashMap<>();
    private final List<Skipped> skipped = new ArrayList<>();
    private final List<Finding> notes = new ArrayList<>();

    PlanBuilder(
            Model model,
            PlacementRules rules,
            Precision precision,
            WeightSchemes schemes,
            SortedMap<String, String> renamed,
            List<Finding> notes) {
        this.model = model;
        this.graph = model.graph();
        this.rules = rules;
        this.precision = precision;
        this.schemes = schemes;
        this.renamed = renamed;
        this.notes.addAll(notes);
        this.kinds = new NodeKinds(graph, rules, precision.overrides());
        this.forced = new ForcedValues(precision.overrides());
    }

    PlacementPlan build() {
        for (Node node : graph.nodes()) {
            Kind kind = kinds.of(node);
            kindOf.put(node, kind);
            if (kind instanceof Kind.LeftInFloat(String reason)) {
                skipped.add(new Skipped(node.label(), node.opType(), reason));
            }
        }
        placeWeights();
        List<ActivationQuantizer> activations = List.of();
        List<Conversion> conversions = List.of();
        List<BiasQuantizer> biases = List.of();
        if (precision.activationBits().isPresent()) {
            passOnGrids();
            passOnSupergroups();
            require();
            requireForced();
            tieValues();
            fixRanges();
            activations = activations();
            conversions = conversions(activations);
            biases = biases(activations);
        }
        return new PlacementPlan(
                model,
                precision,
                rules.name(),
                activations,
                List.copyOf(weights.values()),
                biases,
                conversions,
                bounded,
                renamed,
                skipped,
                notes);
    }

    private boolean isConstant(String value) {
        return graph.initializer(value).isPresent();
    }

    private void placeWeights() {
        Set<String> matmulBiases = new HashSet<>();
        for (List<Node> chain : new Supergroups(graph, rules, precision.overrides()).find()) {
            if (chain.getFirst().is("MatMul") && chain.getLast().is("Add")) {
                matmulBiases.addAll(chain.getLast().inputs());
            }
        }
        for (Node node : graph.nodes()) {
            if (!Placement.isQuantizable(kinds.of(node))) {
                continue;
            }
            for (int i : OperatorInputs.data(node)) {
                String input = node.input(i);
                if (!isConstant(input) || !kinds.types().isFloat(input) || OperatorInputs.isBias(node, i)) {
                    continue;
                }
                WeightSchemes.Choice choice = schemes.choose(graph, node, i).orElse(null);
                if (choice == null) {
                    if (OperatorInputs.role(node, i) == Role.WEIGHT) {
                        skipped.add(new Skipped(node.label(), node.opType(), "the rules leave its weight in float"));
                    } else if (node.is("Gather") && precision.activationBits().isEmpty()) {
                        skipped.add(new Skipped(
                                node.label(), node.opType(), "its table stays in float: it is no matrix read by rows"));
                    }
                    continue;
                }
                if (choice.deviation() != null) {
                    notes.add(new Finding(
                            "Q103", Finding.Severity.INFO, "%s: %s".formatted(node, choice.deviation()), ""));
                }
                boolean inEncodings = choice.role() != Role.OPERAND || !matmulBiases.contains(input);
                WeightQuantizer known = weights.get(input);
                List<Node> consumers = new ArrayList<>(known == null ? List.of() : known.consumers());
                consumers.add(node);
                Role role = known != null && known.role() == Role.WEIGHT ? Role.WEIGHT : choice.role();
                weights.put(input, new WeightQuantizer(input, choice.scheme(), role, consumers, inEncodings));
            }
        }
    }

    private void passOnGrids() {
        for (Node node : graph.nodes()) {
            if (kindOf.get(node) instanceof Kind.GridPreserving) {
                node.outputs().stream().filter(kinds.types()::isFloat).forEach(o -> passedOn.put(o, node.input(0)));
            }
        }
    }

    /// @throws NibbleException where the user wants the chain as one, and an encoding for `inner` inside of it
    private void requireNotFused(List<Node> chain, String inner) {
        List<String> operators = chain.stream().map(Node::opType).toList();
        if (precision.overrides().fusions().contains(new Overrides.Fusion(operators, true))) {
            throw new NibbleException(
                    "the overrides contradict each other: %s is to be one supergroup, and '%s' inside of it is to have an encoding"
                            .formatted(String.join(", ", operators), inner),
                    "leave out '%s', or the supergroup".formatted(inner));
        }
    }

    private void passOnSupergroups() {
        for (List<Node> chain : new Supergroups(graph, rules, precision.overrides()).find()) {
            for (int i = chain.size() - 1; i > 0; i--) {
                Node node = chain.get(i);
                String before = chain.get(i - 1).output(0);
                String behind = node.output(0);
                if (precision.overrides().places(before)) {
                    requireNotFused(chain, before);
                    continue;
                }
                groupInner.add(before);
                passedOn.remove(before);
                double[] bounds = bounds(node);
                if (bounds != null) {
                    bounded.add(new Bounded(node, bounds[0], bounds[1]));
                }
                if (bounds != null || kindOf.get(node) instanceof Kind.GridPreserving) {
                    passedOn.remove(behind, before);
                    passedOn.put(before, behind);
                } else {
                    qdqOnly.add(before);
                }
            }
        }
    }

    /// The constant bounds of a Relu or Clip; null where it is something else or they are computed.
    private double @org.jspecify.annotations.Nullable [] bounds(Node node) {
        if (node.is("Relu")) {
            return new double[] {0, Double.POSITIVE_INFINITY};
        }
        if (!node.is("Clip")) {
            return null;
        }
        double min = node.floatAttribute("min", Float.NEGATIVE_INFINITY);
        double max = node.floatAttribute("max", Float.POSITIVE_INFINITY);
        for (int i = 1; i <= 2; i++) {
            if (node.hasInput(i)) {
                Optional<Initializer> bound = graph.constant(node.input(i)).filter(Initializer::hasData);
                if (bound.isEmpty() || bound.get().shape().elements() != 1) {
                    return null;
                }
                float value = bound.get().tensor().floatAt(0);
                min = i == 1 ? value : min;
                max = i == 2 ? value : max;
            }
        }
        return new double[] {min, max};
    }

    /// The value whose encoding `value` has, ties apart.
    private String root(String value) {
        String at = value;
        for (String next = passedOn.get(at); next != null; next = passedOn.get(at)) {
            at = next;
        }
        return at;
    }

    private void require() {
        for (Node node : graph.nodes()) {
            if (!(kindOf.get(node) instanceof Kind.Quantized)) {
                continue;
            }
            floatInputs(node).forEach(i -> required.add(root(node.input(i))));
            if (rules.outputQuantized(node.opType())) {
                for (String output : node.outputs()) {
                    if (kinds.types().isFloat(output) && isWanted(output)) {
                        required.add(root(output));
                    }
                }
            }
        }
        for (Node node : graph.nodes()) {
            if (kindOf.get(node) instanceof Kind.GridPreserving && weights.containsKey(root(node.input(0)))) {
                required.add(root(node.input(0)));
            }
        }
    }

    /// Quantizers where the user forces them; after [#require].
    private void requireForced() {
        forced.values().stream()
                .filter(value -> kinds.types().isFloat(value) && !isConstant(value) && isWanted(value))
                .forEach(value -> required.add(root(value)));
        forced.setRoots(this::root);
    }

    private boolean isWanted(String value) {
        return graph.isOutput(value) || !graph.consumers(value).isEmpty();
    }

    /// The inputs of `node` that are computed floats.
    private List<Integer> floatInputs(Node node) {
        return OperatorInputs.data(node).stream()
                .filter(i -> kinds.types().isFloat(node.input(i)) && !isConstant(node.input(i)))
                .toList();
    }

    private void tieValues() {
        for (Node node : graph.nodes()) {
            if (!rules.extensions().tied().contains(node.opType()) || !(kindOf.get(node) instanceof Kind.Quantized)) {
                continue;
            }
            String output = root(node.output(0));
            if (fixedEncoding(output).isPresent()) {
                continue;
            }
            for (int i : floatInputs(node)) {
                String input = root(node.input(i));
                if (!isConstant(input) && fixedEncoding(input).isEmpty()) {
                    String a = tied(input);
                    String b = tied(output);
                    if (!a.equals(b)) {
                        tie.put(b, a);
                    }
                }
            }
        }
    }

    private String tied(String value) {
        String at = value;
        for (String next = tie.get(at); next != null; next = tie.get(at)) {
            at = next;
        }
        return at;
    }

    private void fixRanges() {
        for (String value : required) {
            fixedEncoding(value).ifPresent(e -> fixed.put(value, e));
        }
        forced.setTies(this::tied);
        forced.ranges().forEach((value, encoding) -> {
            forced.checkBuiltIn(value, encoding, graph, rules);
            fixed.put(value, encoding);
        });
    }

    private Optional<Encoding> fixedEncoding(String value) {
        Optional<Node> producer = graph.producer(value);
        if (producer.isEmpty() || !producer.get().isStandard()) {
            return Optional.empty();
        }
        String op = producer.get().opType();
        int bits = bits(value);
        FixedEncoding builtIn =
                rules.extensions().fixedEncodings().getOrDefault(op, Map.of()).get(bits);
        if (builtIn != null) {
            return Optional.of(
                    new Encoding((float) builtIn.scale(), builtIn.zeroPoint(), new IntegerGrid(bits, false, false)));
        }
        return rules.constraint(op).filter(Constraint::isRange).map(c -> {
            Symmetry symmetry = c.isSymmetric() ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC;
            Encoding encoding = Encoding.ofRange(c.min(), c.max().orElseThrow(), bits, symmetry);
            return encoding.grid().signed() ? encoding.flippedSign() : encoding;
        });
    }

    private int bits(String root) {
        return forced.bits(root).orElse(precision.activationBits().orElseThrow());
    }

    private List<ActivationQuantizer> activations() {
        Map<String, Integer> widths = new HashMap<>();
        for (String value : required) {
            widths.merge(tied(value), bits(value), Math::max);
        }
        forced.tiedBits().forEach(widths::put);
        List<ActivationQuantizer> quantizers = new ArrayList<>();
        for (var input : graph.feeds()) {
            add(quantizers, input.name(), "input", widths);
        }
        for (Node node : graph.nodes()) {
            for (String output : node.outputs()) {
                if (kinds.types().isFloat(output)) {
                    add(quantizers, output, node.opType(), widths);
                }
            }
        }
        return quantizers;
    }

    private void add(List<ActivationQuantizer> quantizers, String value, String producer, Map<String, Integer> widths) {
        String root = root(value);
        if (!required.contains(root) || !isWanted(value)) {
            return;
        }
        String source = tied(root);
        WeightQuantizer constant = weights.get(source);
        Scheme.Integer scheme = constant != null
                ? constant.scheme()
                : new Scheme.Integer(widths.getOrDefault(source, bits(root)), symmetry(source), Granularity.PER_TENSOR);
        Optional<Encoding> known = Optional.ofNullable(fixed.get(source));
        boolean inEncodings = !groupInner.contains(value)
                && !qdqOnly.contains(value)
                && (!producer.equals("input") || rules.inputQuantized());
        quantizers.add(new ActivationQuantizer(
                value,
                scheme,
                source,
                known,
                value.equals(root) && known.isEmpty() && constant == null,
                inEncodings,
                producer));
    }

    private Symmetry symmetry(String source) {
        return forced.symmetry(source).or(precision::activationSymmetry).orElseGet(() -> {
            String op = graph.producer(source).map(Node::opType).orElse("");
            if (!rules.outputSymmetric(op)) {
                return Symmetry.ASYMMETRIC;
            }
            return rules.defaults().unsignedSymmetric() ? Symmetry.UNSIGNED_SYMMETRIC : Symmetry.SYMMETRIC;
        });
    }

    private List<Conversion> conversions(List<ActivationQuantizer> activations) {
        Map<String, Integer> widths = new HashMap<>();
        activations.forEach(a -> widths.put(a.name(), a.scheme().bits()));
        List<Conversion> conversions = new ArrayList<>();
        for (Node node : graph.nodes()) {
            if (!(kindOf.get(node) instanceof Kind.Quantized)) {
                continue;
            }
            Integer out = widths.get(node.output(0));
            boolean product = node.isAny("MatMul", "Gemm") && !isConstant(node.input(1));
            for (int i : floatInputs(node)) {
                Integer in = widths.get(node.input(i));
                if (in == null || out == null || OperatorInputs.isBias(node, i)) {
                    continue;
                }
                Operand operand =
                        product && i == 1 ? rules.extensions().secondOperand().get(out) : null;
                if (operand != null) {
                    conversions.add(new Conversion(
                            node.input(i),
                            node.output(0),
                            i,
                            in,
                            operand.bitwidth(),
                            operand.symmetric(),
                            "the second operand of a %d-bit MatMul is %d-bit%s"
                                    .formatted(out, operand.bitwidth(), operand.symmetric() ? " symmetric" : "")));
                } else if (!in.equals(out)) {
                    conversions.add(new Conversion(
                            node.input(i),
                            node.output(0),
                            i,
                            in,
                            out,
                            false,
                            "%s reads it at %d bits".formatted(node.opType(), out)));
                }
            }
        }
        return conversions;
    }

    private List<BiasQuantizer> biases(List<ActivationQuantizer> activations) {
        Set<String> quantized = new HashSet<>();
        activations.forEach(a -> quantized.add(a.name()));
        List<BiasQuantizer> biases = new ArrayList<>();
        for (Node node : graph.nodes()) {
            if (!(kindOf.get(node) instanceof Kind.Quantized) || !node.hasInput(2) || !OperatorInputs.isBias(node, 2)) {
                continue;
            }
            String reason = biasObstacle(node, quantized);
            if (reason == null) {
                biases.add(new BiasQuantizer(node.input(2), node, node.input(0), node.input(1)));
            } else {
                skipped.add(new Skipped(node.label(), node.opType(), "its bias stays in float: " + reason));
            }
        }
        return biases;
    }

    private @org.jspecify.annotations.Nullable String biasObstacle(Node node, Set<String> quantized) {
        if (precision.biasBits().isEmpty()) {
            return "no biases are quantized";
        }
        if (!isConstant(node.input(2))) {
            return "it is computed";
        }
        if (!quantized.contains(node.input(0))) {
            return "the input is in float";
        }
        WeightQuantizer weight = weights.get(node.input(1));
        if (weight == null && !quantized.contains(node.input(1))) {
            return "the weight is in float";
        }
        Shape bias = graph.shape(node.input(2)).orElse(Shape.SCALAR);
        if (bias.rank() > 1 && bias.elements() != bias.dim(-1)) {
            return "it is a matrix of shape " + bias;
        }
        if (weight != null
                && weight.role() == Role.WEIGHT
                && !(weight.scheme().granularity() instanceof Granularity.PerTensor)) {
            long channels = outputChannels(node);
            if (bias.elements() != channels) {
                return "its %d values do not match the %d output channels".formatted(bias.elements(), channels);
            }
        }
        return null;
    }

    private long outputChannels(Node node) {
        Shape weight = graph.shape(node.input(1)).orElse(Shape.SCALAR);
        return switch (node.opType()) {
            case "Conv" -> weight.dim(0);
            case "ConvTranspose" -> weight.dim(1) * node.intAttribute("group", 1);
            case "Gemm" -> weight.dim(node.intAttribute("transB", 0) != 0 ? 0 : 1);
            default -> weight.elements();
        };
    }
}
