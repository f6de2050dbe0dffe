package dev.nibble.htp;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.target.ConvolutionTraits;
import dev.nibble.target.Legality;
import dev.nibble.target.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// What the rules say of a model's nodes, without asking the compiler: operator × types × granularity × rank.
public final class PreFlight {
    private static final Set<String> WEIGHTED = Set.of(
            "Conv",
            "ConvTranspose",
            "Gemm",
            "MatMul",
            "LayerNormalization",
            "RMSNormalization",
            "InstanceNormalization",
            "BatchNormalization");

    private final Legality legality = Legality.htp();
    private final Target target;
    private final Graph graph;

    private PreFlight(Target target, Graph graph) {
        this.target = target;
        this.graph = graph;
    }

    /// What the rules say of one node.
    ///
    /// @param query what was asked, such as `u8/s8/pc`
    /// @param reason why it is refused; empty where it is accepted
    /// @param floatInside whether it computes in float inside a quantized model
    public record Verdict(Node node, String query, boolean accepted, String reason, boolean floatInside) {}

    /// The verdict on every node that computes, in the graph's order.
    ///
    /// @param graph whose shapes are inferred
    public static List<Verdict> of(Target target, Graph graph) {
        return new PreFlight(target, graph).verdicts();
    }

    private List<Verdict> verdicts() {
        // Where only weights are, float is what is wanted.
        boolean quantized = graph.nodes().stream().anyMatch(node -> node.is("QuantizeLinear"));
        List<Verdict> verdicts = new ArrayList<>();
        for (Node node : graph.nodes()) {
            if (node.isAny("QuantizeLinear", "DequantizeLinear", "Constant")) {
                continue;
            }
            String activation = activation(node);
            Legality.Query query =
                    new Legality.Query(node.opType(), activation + weight(node), traits(node, activation));
            Legality.Verdict verdict = legality.check(target.arch().value(), query);
            boolean isFloat = activation.equals("f32");
            boolean accepted = verdict.accepted();
            String reason = verdict.reason();
            if (accepted && isFloat && !target.float16().value()) {
                accepted = false;
                reason = "%s computes no float".formatted(target.name());
            }
            verdicts.add(new Verdict(node, query.types(), accepted, reason, quantized && isFloat));
        }
        return verdicts;
    }

    /// The type of what `node` reads first, or, where it reads none of floats, of what it makes.
    private String activation(Node node) {
        Optional<String> stored = Optional.empty();
        boolean computesFloat = false;
        for (String input : node.inputs()) {
            if (input.isEmpty() || graph.initializer(input).isPresent()) {
                continue;
            }
            Optional<String> codes = codes(input);
            boolean constant = graph.producer(input)
                    .filter(maker -> maker.is("DequantizeLinear"))
                    .flatMap(maker -> graph.initializer(maker.input(0)))
                    .isPresent();
            if (codes.isPresent() && !constant) {
                return codes.get();
            }
            stored = stored.or(() -> codes);
            computesFloat |= codes.isEmpty()
                    && graph.type(input).filter(DataType.FLOAT::equals).isPresent();
        }
        // A table's type is that of what is looked up in it; a weight's is not that of what it is multiplied with.
        if (stored.isPresent() && !computesFloat) {
            return stored.get();
        }
        for (String output : node.outputs()) {
            for (Node reader : graph.consumers(output)) {
                if (reader.is("QuantizeLinear") && reader.hasInput(2)) {
                    return graph.type(reader.input(2)).map(PreFlight::letter).orElse("f32");
                }
            }
        }
        boolean whole = node.inputs().stream()
                .filter(input -> !input.isEmpty())
                .allMatch(input -> graph.type(input)
                        .filter(type -> type == DataType.INT64 || type == DataType.INT32 || type == DataType.BOOL)
                        .isPresent());
        return whole && node.inputs().stream().anyMatch(input -> !input.isEmpty()) ? "int" : "f32";
    }

    private Optional<String> codes(String value) {
        return graph.producer(value)
                .filter(node -> node.is("DequantizeLinear") && node.hasInput(2))
                .flatMap(node -> graph.type(node.input(2)))
                .map(PreFlight::letter);
    }

    private static String letter(DataType type) {
        return (type.onnxName().toLowerCase(Locale.ROOT).startsWith("u") ? "u" : "s") + type.bits();
    }

    private String weight(Node node) {
        if (!WEIGHTED.contains(node.opType()) || !node.hasInput(1)) {
            return "/-/-";
        }
        Node maker = graph.producer(node.input(1)).orElse(null);
        if (maker == null) {
            return graph.initializer(node.input(1)).isPresent() ? "/f32/pt" : "/-/-";
        }
        if (!maker.is("DequantizeLinear") || graph.initializer(maker.input(0)).isEmpty()) {
            return "/-/-";
        }
        long block = maker.intAttribute("block_size", 0);
        boolean one =
                graph.shape(maker.input(1)).map(shape -> shape.elements() == 1).orElse(true);
        String granularity = block > 0 ? "block" + block : one ? "pt" : "pc";
        return "/" + graph.type(maker.input(0)).map(PreFlight::letter).orElse("f32") + "/" + granularity;
    }

    private Set<String> traits(Node node, String activation) {
        Set<String> traits = ConvolutionTraits.of(graph, node);
        int rank = Stream.concat(node.inputs().stream(), node.outputs().stream())
                .filter(value -> !value.isEmpty())
                .map(graph::shape)
                .flatMap(Optional::stream)
                .mapToInt(Shape::rank)
                .max()
                .orElse(0);
        if (rank > 5) {
            traits.add("rank6");
        } else if (rank == 5) {
            traits.add("rank5");
        }
        Shape weight = node.hasInput(1) ? graph.shape(node.input(1)).orElse(Shape.SCALAR) : Shape.SCALAR;
        if (node.is("MaxPool")) {
            if (node.intsAttribute("kernel_shape").length == 3) {
                traits.add("3d");
            }
            for (long dilation : node.intsAttribute("dilations")) {
                if (dilation > 1) {
                    traits.add("dilated");
                }
            }
        }
        if (node.is("Resize") && !node.stringAttribute("mode", "nearest").equals("linear")) {
            traits.add("notLinear");
        }
        if (node.is("Resize")
                && node.stringAttribute("mode", "nearest").equals("nearest")
                && node.stringAttribute("coordinate_transformation_mode", "half_pixel")
                        .equals("asymmetric")
                && !node.stringAttribute("nearest_mode", "round_prefer_floor").equals("floor")) {
            traits.add("notFloor");
        }
        if (node.is("Einsum")
                || node.is("MatMul")
                        && codes(node.input(1)).filter("s16"::equals).isPresent()) {
            traits.add("computed16");
        }
        if (node.is("PRelu") && weight.elements() > 1 || node.is("Pow") && !activation.equals("f32")) {
            traits.add("notExponent");
        }
        return traits;
    }
}
