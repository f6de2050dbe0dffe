package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// Raises ONNX's operator set: each node is rewritten for every version in which its operator changed its form
/// ([OpsetSteps]), in the main graph, in subgraphs and in functions. Value names stay; constants and helper values that
/// a new form needs get new names.
///
/// Weights are never touched, so size does not matter. ONNX's own converter is not used: it renames values, skips
/// subgraphs, and ends at opset 22.
public final class RaiseOpset implements Pass {
    /// What everything later relies on: QuantizeLinear with an axis, axes as inputs.
    public static final long MINIMUM = 13;

    /// The newest version whose changes [OpsetSteps] knows.
    public static final long NEWEST = 26;

    private final long atLeast;

    /// @param atLeast the version to raise to; a newer model is left as it is
    public RaiseOpset(long atLeast) {
        if (atLeast < 1 || atLeast > NEWEST) {
            throw new IllegalArgumentException("opset must be from 1 to %d, but was %d".formatted(NEWEST, atLeast));
        }
        this.atLeast = atLeast;
    }

    @Override
    public String name() {
        return "raise-opset";
    }

    @Override
    public String description() {
        return "rewrite operators for opset " + atLeast + " where the model is older";
    }

    /// @throws NibbleException naming the node, where an operator has no equivalent in the newer set
    @Override
    public PassResult apply(Model model) {
        long from = model.opset();
        if (from == 0 || from >= atLeast) {
            return PassResult.unchanged(model);
        }
        Findings findings = new Findings();
        Set<String> names = new HashSet<>();
        gather(model.graph(), names);
        List<Node> adapted = new ArrayList<>();
        Graph graph = convert(model.graph(), new OpsetScope(model.graph(), null, names), from, adapted);
        List<Model.Function> functions =
                model.functions().stream().map(f -> convert(f, names, adapted)).toList();
        long ir = Math.max(model.irVersion(), irFor(atLeast));
        if (model.irVersion() < 4) {
            Set<String> stored = new HashSet<>();
            graph.initializers().stream().map(Initializer::name).forEach(stored::add);
            Graph all = graph;
            graph = graph.edit(e -> e.setInputs(all.inputs().stream()
                    .filter(i -> !stored.contains(i.name()))
                    .toList()));
        }
        findings.changed(
                "raised opset %d to %d%s",
                from,
                atLeast,
                adapted.isEmpty()
                        ? ""
                        : "; rewrote %d node%s, %s first"
                                .formatted(adapted.size(), adapted.size() == 1 ? "" : "s", adapted.getFirst()));
        Model raised = new Model(
                ir, model.producerName(), model.producerVersion(), model.opsets(), graph, functions, model.carried());
        return findings.result(raised.withOpset(atLeast));
    }

    /// The oldest IR version in which a model of this opset may be written.
    static long irFor(long opset) {
        if (opset <= 8) {
            return 3;
        }
        if (opset <= 12) {
            return opset <= 11 ? opset - 5 : 7;
        }
        if (opset <= 18) {
            return opset <= 14 ? 7 : 8;
        }
        if (opset <= 22) {
            return opset <= 20 ? 9 : 10;
        }
        return opset <= 25 ? opset - 12 : 13;
    }

    private Graph convert(Graph graph, OpsetScope scope, long from, List<Node> adapted) {
        List<Node> nodes = convert(graph.nodes(), scope, from, adapted);
        List<Initializer> initializers = new ArrayList<>(graph.initializers());
        initializers.addAll(scope.initializers());
        return new Graph(
                graph.name(),
                nodes,
                initializers,
                graph.sparseInitializers(),
                graph.inputs(),
                graph.outputs(),
                graph.valueInfos(),
                graph.carried());
    }

    private Model.Function convert(Model.Function function, Set<String> names, List<Node> adapted) {
        long from = function.opsets().getOrDefault("", function.opsets().getOrDefault("ai.onnx", 0L));
        if (from == 0 || from >= atLeast) {
            return function;
        }
        function.nodes().forEach(n -> names.addAll(n.outputs()));
        SortedMap<String, Long> opsets = new TreeMap<>(function.opsets());
        opsets.remove("ai.onnx");
        opsets.put("", atLeast);
        return new Model.Function(
                function.name(),
                function.domain(),
                function.inputs(),
                function.outputs(),
                convert(function.nodes(), new OpsetScope(null, null, names), from, adapted),
                opsets,
                function.carried());
    }

    private List<Node> convert(List<Node> nodes, OpsetScope scope, long from, List<Node> adapted) {
        List<Node> converted = new ArrayList<>();
        for (Node node : nodes) {
            List<Node> now =
                    List.of(node.mapSubgraphs(g -> convert(g, new OpsetScope(g, scope, scope.names()), from, adapted)));
            Node original = now.getFirst();
            for (long to = from + 1; to <= atLeast; to++) {
                List<Node> next = new ArrayList<>();
                for (Node one : now) {
                    next.addAll(one.isStandard() ? OpsetSteps.step(one, to, scope) : List.of(one));
                }
                now = next;
            }
            if (now.size() != 1 || now.getFirst() != original) {
                adapted.add(node);
            }
            converted.addAll(scope.takeConstantNodes());
            converted.addAll(now);
        }
        return converted;
    }

    private static void gather(Graph graph, Set<String> names) {
        names.addAll(graph.names());
        graph.nodes().forEach(n -> n.subgraphs().forEach(g -> gather(g, names)));
    }

    /// `node` has no form in opset `to`.
    static NibbleException refused(Node node, long to, String reason) {
        return new NibbleException(
                "%s cannot be raised to opset %d: %s".formatted(node, to, reason),
                "export the model again with opset 13 or newer");
    }

    /// The element type by its ONNX name, as old Cast nodes spell it.
    static DataType typeNamed(Node node, long to, String name) {
        for (DataType type : DataType.values()) {
            if (type.onnxName().equalsIgnoreCase(name)) {
                return type;
            }
        }
        throw refused(node, to, "its type '" + name + "' is not known");
    }
}
