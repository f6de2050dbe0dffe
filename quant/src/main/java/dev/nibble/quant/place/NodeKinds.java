package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.place.WeightQuantizer.Role;
import dev.nibble.target.PlacementRules;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Sorts a graph's nodes by what they mean for quantization.
final class NodeKinds {
    private final Graph graph;
    private final ValueTypes types;
    private final PlacementRules rules;
    private final Overrides overrides;

    NodeKinds(Graph graph, PlacementRules rules, Overrides overrides) {
        this.graph = graph;
        this.types = new ValueTypes(graph);
        this.rules = rules;
        this.overrides = overrides;
    }

    sealed interface Kind {
        /// Computes with floats, and may do so with integers.
        record Quantized() implements Kind {}

        /// Only rearranges or selects the values of input 0.
        record GridPreserving() implements Kind {}

        /// Makes no floats.
        record Inert() implements Kind {}

        /// Stays in float.
        record LeftInFloat(String reason) implements Kind {}
    }

    ValueTypes types() {
        return types;
    }

    Kind of(Node node) {
        List<Integer> data = OperatorInputs.data(node);
        boolean floatInput = data.stream().anyMatch(i -> types.isFloat(node.input(i)));
        boolean floatOutput = node.outputs().stream().anyMatch(types::isFloat);
        if (!node.subgraphs().isEmpty()) {
            return new Kind.LeftInFloat(rules.extensions()
                    .floatOperators()
                    .getOrDefault(node.opType(), "what is inside a subgraph stays in float"));
        }
        if (!floatOutput) {
            Optional<String> other = node.outputs().stream()
                    .flatMap(o -> types.of(o).stream())
                    .filter(t -> switch (t) {
                        case FLOAT16, BFLOAT16, DOUBLE -> true;
                        default -> false;
                    })
                    .map(t -> "it computes in " + t.onnxName() + ", and only float is quantized")
                    .findFirst();
            return other.<Kind>map(Kind.LeftInFloat::new).orElseGet(Kind.Inert::new);
        }
        if (!node.isStandard()) {
            return new Kind.LeftInFloat("there is no rule for operators of domain '" + node.domain() + "'");
        }
        String reason = rules.extensions().floatOperators().get(node.opType());
        if (reason != null) {
            return new Kind.LeftInFloat(reason);
        }
        Optional<String> wished = keptInFloat(node);
        if (wished.isPresent()) {
            return new Kind.LeftInFloat("the overrides keep '" + wished.get() + "' in float");
        }
        if (floatInput && isGridPreserving(node)) {
            return new Kind.GridPreserving();
        }
        Optional<String> infinite =
                data.stream().filter(i -> isInfinite(node, i)).map(node::input).findFirst();
        return infinite.<Kind>map(name ->
                        new Kind.LeftInFloat("its constant '" + name + "' holds an infinity, which no code stands for"))
                .orElseGet(Kind.Quantized::new);
    }

    /// The tensor of `node` that is to stay in float: an output, a weight or a bias. QNN computes the whole operator in
    /// float then.
    private Optional<String> keptInFloat(Node node) {
        return Stream.concat(
                        node.outputs().stream(),
                        node.inputs().stream().filter(i -> graph.constant(i).isPresent()))
                .filter(overrides::inFloat)
                .findFirst();
    }

    /// A bound or a mask. An infinite weight is an error elsewhere.
    private boolean isInfinite(Node node, int input) {
        if (OperatorInputs.role(node, input) != Role.OPERAND || !types.isFloat(node.input(input))) {
            return false;
        }
        Initializer constant = graph.initializer(node.input(input)).orElse(null);
        if (constant == null || !constant.hasData()) {
            return false;
        }
        Tensor values = constant.tensor();
        Extremes extremes = Kernels.best().extremes(values.data(), 0, values.elements());
        return extremes.max() == Float.POSITIVE_INFINITY || extremes.min() == Float.NEGATIVE_INFINITY;
    }

    private boolean isGridPreserving(Node node) {
        if (!types.isFloat(node.input(0))) {
            return false;
        }
        if (node.isAny("Resize", "Upsample")) {
            return node.stringAttribute("mode", "nearest").equals("nearest")
                    && !node.stringAttribute("coordinate_transformation_mode", "half_pixel")
                            .equals("tf_crop_and_resize");
        }
        if (!rules.extensions().gridPreserving().contains(node.opType())) {
            return false;
        }
        if (node.is("Pad") && node.stringAttribute("mode", "constant").equals("constant")) {
            return padsWithZero(node);
        }
        return true;
    }

    private boolean padsWithZero(Node node) {
        if (!node.hasInput(2)) {
            return node.floatAttribute("value", 0) == 0;
        }
        return graph.constant(node.input(2))
                .filter(Initializer::hasData)
                .map(c -> c.tensor().elements() == 1 && c.tensor().floatAt(0) == 0)
                .orElse(false);
    }
}
