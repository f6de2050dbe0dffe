package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.target.PlacementRules;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// Decides which tensors get quantizers: a target's rules as data, and one algorithm.
///
/// A value gets a quantizer where an operator that is quantized makes or reads it. Then, in this order:
///
/// 1. Operators that only rearrange values pass the encoding of their input on.
/// 2. Inside a supergroup (Conv, Relu) there is none: the encodings file lists nothing there, and QDQ drops
///    the activation function or gives it the encoding behind it. Where that would be wrong (LeakyRelu,
///    PRelu, HardSwish; MatMul before its bias) QDQ needs an encoding of its own, which the encodings file
///    does not list.
/// 3. Values that the target ties (inputs and output of Concat) share one encoding.
/// 4. Some outputs have the encoding that the target's kernels have built in (Sigmoid, Tanh, Softmax).
/// 5. An operator that reads a value at another width than it writes gets it converted, by DQ and Q on that
/// edge.
public final class Placement {
    private Placement() {}

    /// The plan for `model`.
    ///
    /// Works best on a model that was simplified: batch norms folded, LayerNorm and Gelu whole.
    ///
    /// @throws NibbleException where the model is quantized already, has nothing to quantize, or `wanted`
    ///     names a value that is not there
    public static PlacementPlan plan(Model model, PlacementRules rules, Precision wanted) {
        refuseQuantized(model.graph());
        BoundMasks.Result masks = BoundMasks.apply(SplitConstants.lift(model.graph()), rules);
        Graph lifted = masks.graph();
        WeightSchemes schemes = new WeightSchemes(rules, wanted);
        SplitConstants.Result split = SplitConstants.split(lifted, uses(lifted, rules, wanted, schemes));
        Graph graph = split.graph();
        for (String name : wanted.overrides().tensors().keySet()) {
            if (!graph.names().contains(name)) {
                throw new NibbleException(
                        "there is no tensor '" + name + "' that could be overridden",
                        Nearest.didYouMean(name, graph.names(), "name a tensor as the model does"));
            }
        }
        PlacementPlan plan = new PlanBuilder(
                        model.withGraph(graph),
                        rules,
                        wanted,
                        new WeightSchemes(rules, wanted, split.renamed()),
                        split.renamed(),
                        Stream.concat(
                                        masks.findings().stream(),
                                        new Supergroups(graph, rules, wanted.overrides()).unmatched().stream())
                                .toList())
                .build();
        plan = ForcedLegality.checked(plan, rules);
        if (plan.activations().isEmpty() && plan.weights().isEmpty()) {
            throw new NibbleException(
                    "the model has no float operators that can be quantized",
                    plan.skipped().isEmpty()
                            ? "check that it is the right model: it only moves or compares data, or computes with integers"
                            : "for example %s (%s): %s"
                                    .formatted(
                                            plan.skipped().getFirst().node(),
                                            plan.skipped().getFirst().op(),
                                            plan.skipped().getFirst().reason()));
        }
        return plan;
    }

    private static void refuseQuantized(Graph graph) {
        for (Node node : graph.nodes()) {
            boolean quantized = switch (node.opType()) {
                case "QuantizeLinear",
                        "DequantizeLinear",
                        "DynamicQuantizeLinear",
                        "MatMulInteger",
                        "ConvInteger",
                        "MatMulNBits",
                        "MatMulIntegerToFloat",
                        "DynamicQuantizeMatMul",
                        "QGemm",
                        "QAttention" -> true;
                default -> node.opType().startsWith("QLinear");
            };
            if (quantized) {
                throw new NibbleException(
                        "the model is quantized already: " + node, "give the float model it was made from");
            }
        }
    }

    /// Where constants are used, and in what way.
    private static List<SplitConstants.Use> uses(
            Graph graph, PlacementRules rules, Precision wanted, WeightSchemes schemes) {
        NodeKinds kinds = new NodeKinds(graph, rules, wanted.overrides());
        List<SplitConstants.Use> uses = new ArrayList<>();
        Map<String, Integer> biases = new HashMap<>();
        for (Node node : graph.nodes()) {
            if (!isQuantizable(kinds.of(node))) {
                continue;
            }
            for (int i : OperatorInputs.data(node)) {
                String input = node.input(i);
                if (!kinds.types().isFloat(input) || graph.constant(input).isEmpty()) {
                    continue;
                }
                if (OperatorInputs.isBias(node, i)) {
                    uses.add(new SplitConstants.Use(node, i, "bias " + biases.merge(input, 1, Integer::sum)));
                } else {
                    Optional<WeightSchemes.Choice> choice = schemes.choose(graph, node, i);
                    int index = i;
                    choice.ifPresent(c -> uses.add(new SplitConstants.Use(node, index, kind(node, c))));
                }
            }
        }
        return uses;
    }

    /// What two uses of a constant must have in common to read the same codes. A table whose rows are the channels of a
    /// layer does with the layer's.
    private static Object kind(Node node, WeightSchemes.Choice choice) {
        return choice.role() == WeightQuantizer.Role.TABLE
                ? List.of(choice.scheme(), WeightQuantizer.Role.WEIGHT, false)
                : List.of(choice.scheme(), choice.role(), node.is("Gather"));
    }

    static boolean isQuantizable(NodeKinds.Kind kind) {
        return switch (kind) {
            case NodeKinds.Kind.Quantized _ -> true;
            case NodeKinds.Kind.GridPreserving _ -> true;
            case NodeKinds.Kind.Inert _ -> false;
            case NodeKinds.Kind.LeftInFloat _ -> false;
        };
    }
}
