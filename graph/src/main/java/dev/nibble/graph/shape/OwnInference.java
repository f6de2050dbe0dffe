package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Nibble's own shape inference: one rule for each common operator, and small whole-number tensors followed
/// through the computations that exporters write around shapes (Shape → Gather → Unsqueeze → Concat → Reshape).
final class OwnInference {
    private final long opset;
    private final List<String> conflicts = new ArrayList<>();
    private final Map<String, Integer> withoutRule = new TreeMap<>();
    private int open;

    private OwnInference(long opset) {
        this.opset = opset;
    }

    /// @param conflicts what does not fit, and what is declared otherwise than it was inferred
    /// @param withoutRule operators that have no rule here, with their number
    /// @param open values whose shape is not known afterwards
    record Found(Model model, List<String> conflicts, Map<String, Integer> withoutRule, int open) {}

    /// `model`, whose nodes must be in order, with what could be inferred declared.
    static Found infer(Model model) {
        OwnInference inference = new OwnInference(model.opset());
        Graph graph = inference.infer(model.graph(), null, new ArrayList<>());
        return new Found(
                model.withGraph(graph),
                List.copyOf(inference.conflicts),
                new TreeMap<>(inference.withoutRule),
                inference.open);
    }

    /// @param results what the graph's outputs turned out to be; null for those of which nothing is known
    private Graph infer(Graph graph, @Nullable Scope outer, List<ValueType.@Nullable TensorType> results) {
        Scope scope = new Scope(graph, outer);
        List<Node> nodes = new ArrayList<>();
        boolean changed = false;
        for (Node node : graph.nodes()) {
            Node inferred = infer(node, scope);
            changed |= inferred != node;
            nodes.add(inferred);
        }
        conflicts.addAll(scope.conflicts());
        graph.outputs().forEach(o -> results.add(scope.type(o.name())));
        return new Graph(
                graph.name(),
                changed ? nodes : graph.nodes(),
                graph.initializers(),
                graph.sparseInitializers(),
                graph.inputs(),
                graph.outputs().stream().map(o -> declared(o, scope)).toList(),
                declarations(graph, scope),
                graph.carried());
    }

    private Node infer(Node node, Scope scope) {
        NodeShapes shapes = new NodeShapes(node, opset, scope);
        Node result = node;
        try {
            boolean ruled = false;
            if (node.isStandard()) {
                ruled = ElementRules.apply(shapes)
                        || MovementRules.apply(shapes)
                        || ShapeRules.apply(shapes)
                        || ReshapeRules.apply(shapes)
                        || WindowRules.apply(shapes)
                        || MatrixRules.apply(shapes)
                        || ReduceRules.apply(shapes);
            } else if (node.domain().equals("com.microsoft")) {
                ruled = ContribRules.apply(shapes);
            }
            if (!node.subgraphs().isEmpty()) {
                List<List<ValueType.@Nullable TensorType>> results = new ArrayList<>();
                result = node.mapSubgraphs(g -> {
                    List<ValueType.@Nullable TensorType> inside = new ArrayList<>();
                    Graph inferred = infer(g, scope, inside);
                    results.add(inside);
                    return inferred;
                });
                ruled = control(shapes, results);
            }
            if (!ruled) {
                withoutRule.merge(node.opType(), 1, Integer::sum);
            }
        } catch (Dims.UnfitShape e) {
            conflicts.add(node + ": " + e.getMessage());
        } catch (ArithmeticException e) {
            conflicts.add(node + ": its sizes are beyond what a number holds");
        } catch (IndexOutOfBoundsException e) {
            conflicts.add(node + ": has fewer inputs, axes or attribute values than its operator takes");
        }
        for (int i = 0; i < node.outputs().size(); i++) {
            String output = node.output(i);
            if (!output.isEmpty() && (!shapes.done() || scope.type(output) == null)) {
                // What the file says of it stands.
                scope.put(output, 0, null);
            }
            ValueType.TensorType type = output.isEmpty() ? null : scope.type(output);
            if (type != null && type.dims() == null) {
                open++;
            }
        }
        return result;
    }

    /// If: what both branches agree on. Loop: what its body gives, where that cannot change from turn to turn.
    private static boolean control(NodeShapes c, List<List<ValueType.@Nullable TensorType>> results) {
        if (c.node.is("If") && results.size() == 2) {
            for (int i = 0; i < c.node.outputs().size(); i++) {
                ValueType.TensorType a = results.get(0).get(i);
                ValueType.TensorType b = results.get(1).get(i);
                if (a != null && b != null && a.elementCode() == b.elementCode()) {
                    c.set(i, a.elementCode(), common(a.dims(), b.dims()));
                }
            }
            return true;
        }
        if (c.node.is("Loop") && results.size() == 1) {
            int carried = c.node.inputs().size() - 2;
            for (int i = 0; i < c.node.outputs().size(); i++) {
                ValueType.TensorType inside = results.get(0).get(i + 1);
                if (inside == null) {
                    continue;
                }
                if (i < carried) {
                    c.set(i, inside.elementCode(), common(inside.dims(), c.dims(i + 2)));
                } else if (inside.dims() != null) {
                    List<Dim> stacked = new ArrayList<>(List.of(Dims.UNKNOWN));
                    stacked.addAll(inside.dims());
                    c.set(i, inside.elementCode(), stacked);
                }
            }
            return true;
        }
        return false;
    }

    private static @Nullable List<Dim> common(@Nullable List<Dim> a, @Nullable List<Dim> b) {
        if (a == null || b == null || a.size() != b.size()) {
            return null;
        }
        List<Dim> dims = new ArrayList<>();
        for (int i = 0; i < a.size(); i++) {
            dims.add(Dims.either(a.get(i), b.get(i)));
        }
        return dims;
    }

    private static List<ValueInfo> declarations(Graph graph, Scope scope) {
        List<ValueInfo> all = new ArrayList<>();
        Set<String> there = new HashSet<>();
        for (ValueInfo value : graph.valueInfos()) {
            all.add(declared(value, scope));
            there.add(value.name());
        }
        graph.inputs().forEach(v -> there.add(v.name()));
        graph.outputs().forEach(v -> there.add(v.name()));
        for (Node node : graph.nodes()) {
            for (String output : node.outputs()) {
                ValueType.TensorType type = output.isEmpty() ? null : scope.type(output);
                if (type != null && type.elementCode() != 0 && there.add(output)) {
                    all.add(new ValueInfo(output, plain(type)));
                }
            }
        }
        return all;
    }

    private static ValueInfo declared(ValueInfo value, Scope scope) {
        ValueType.TensorType type = scope.type(value.name());
        boolean tensor = value.type() instanceof ValueType.TensorType || value.type() instanceof ValueType.Unstated;
        if (type == null || !tensor || type.elementCode() == 0) {
            return value;
        }
        ValueType.TensorType before = value.tensorType().orElse(null);
        if (before != null
                && before.elementCode() == type.elementCode()
                && java.util.Objects.equals(before.dims(), type.dims())) {
            return value;
        }
        return value.withType(plain(type));
    }

    private static ValueType.TensorType plain(ValueType.TensorType type) {
        return new ValueType.TensorType(type.elementCode(), type.dims(), null);
    }
}
