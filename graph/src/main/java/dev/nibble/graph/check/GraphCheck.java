package dev.nibble.graph.check;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Names, definitions and uses, in each graph of a model.
final class GraphCheck {
    private static final String DAMAGED = "the file is damaged; export the model again";
    private static final String CLASH = "the model's names clash; export it again";

    private final Model model;
    private final List<Problem> problems;

    GraphCheck(Model model, List<Problem> problems) {
        this.model = model;
        this.problems = problems;
    }

    void check() {
        graph(model.graph(), null);
        for (Model.Function function : model.functions()) {
            String where = "function '" + function.name() + "'";
            Scope scope = new Scope(null);
            function.inputs().forEach(i -> define(scope, i, where, "input '" + i + "'"));
            nodes(function.nodes(), scope, where);
            for (String output : function.outputs()) {
                if (!scope.sees(output)) {
                    problems.add(Problem.error(where, "its output '" + output + "' is made by nobody", DAMAGED));
                }
            }
        }
    }

    /// The names that can be read at some point, in this graph and those around it.
    private record Scope(@Nullable Scope outer, Set<String> names) {
        Scope(@Nullable Scope outer) {
            this(outer, new HashSet<>());
        }

        boolean sees(String name) {
            for (Scope at = this; at != null; at = at.outer) {
                if (at.names.contains(name)) {
                    return true;
                }
            }
            return false;
        }
    }

    private void graph(Graph graph, @Nullable Scope outer) {
        String where = outer == null ? "the graph" : "subgraph '" + graph.name() + "'";
        Scope scope = new Scope(outer);
        for (ValueInfo input : graph.inputs()) {
            define(scope, input.name(), where, "input '" + input.name() + "'");
            declared(input, "input '" + input.name() + "'");
        }
        Set<String> constants = new HashSet<>();
        for (Initializer initializer : graph.initializers()) {
            String name = "initializer '" + initializer.name() + "'";
            TensorCheck.check(initializer, name, problems);
            constant(initializer.name(), name, scope, constants);
        }
        for (Graph.SparseInitializer sparse : graph.sparseInitializers()) {
            constant(sparse.name(), "sparse initializer '" + sparse.name() + "'", scope, constants);
        }
        nodes(graph.nodes(), scope, where);
        Set<String> outputs = new HashSet<>();
        for (ValueInfo output : graph.outputs()) {
            String name = "output '" + output.name() + "'";
            declared(output, name);
            if (output.name().isEmpty()) {
                problems.add(Problem.error(where, "has an output without a name", DAMAGED));
            } else if (!scope.sees(output.name())) {
                problems.add(Problem.error(where, "its " + name + " is made by nobody", DAMAGED));
            } else if (!outputs.add(output.name())) {
                problems.add(Problem.warning(where, "its " + name + " is listed more than once", CLASH));
            }
        }
        graph.valueInfos().forEach(v -> declared(v, "value '" + v.name() + "'"));
    }

    private void constant(String name, String where, Scope scope, Set<String> constants) {
        if (name.isEmpty()) {
            problems.add(Problem.error(where, "has no name", DAMAGED));
        } else if (!constants.add(name)) {
            problems.add(Problem.error(where, "is defined twice", CLASH));
        }
        // An input of the same name is its default value, not a second definition.
        scope.names.add(name);
    }

    private void define(Scope scope, String name, String where, String what) {
        if (name.isEmpty()) {
            problems.add(Problem.error(where, "has an input without a name", DAMAGED));
        } else if (!scope.names.add(name)) {
            problems.add(Problem.error(where, what + " is listed twice", CLASH));
        }
    }

    private void nodes(List<Node> nodes, Scope scope, String where) {
        Set<String> later = new HashSet<>();
        nodes.forEach(n -> later.addAll(n.outputs()));
        // Apart from what can be seen: a name that is read too early is seen from then on, but not yet defined.
        Set<String> defined = new HashSet<>(scope.names);
        boolean unsorted = false;
        Set<String> names = new HashSet<>();
        List<String> doubles = new ArrayList<>();
        for (Node node : nodes) {
            if (node.opType().isEmpty()) {
                problems.add(Problem.error(node.toString(), "has no operator", DAMAGED));
            }
            if (!node.name().isEmpty() && !names.add(node.name())) {
                doubles.add(node.name());
            }
            for (String input : node.inputs()) {
                if (input.isEmpty() || scope.sees(input)) {
                    continue;
                }
                if (later.contains(input)) {
                    unsorted = true;
                } else {
                    problems.add(Problem.error(node.toString(), "reads '" + input + "', which nobody makes", DAMAGED));
                    scope.names.add(input);
                }
            }
            for (Graph inside : node.subgraphs()) {
                for (String captured : inside.captured()) {
                    if (!scope.sees(captured) && later.contains(captured)) {
                        unsorted = true;
                        // Known from here on, so that it is not reported once more from inside.
                        scope.names.add(captured);
                    }
                }
            }
            attributes(node, scope);
            for (String output : node.outputs()) {
                if (output.isEmpty()) {
                    continue;
                }
                if (!defined.add(output) || scope.outer != null && scope.outer.sees(output)) {
                    problems.add(
                            Problem.error(node.toString(), "makes '" + output + "', which is defined already", CLASH));
                }
                scope.names.add(output);
            }
        }
        if (unsorted) {
            order(nodes, where);
        }
        if (!doubles.isEmpty()) {
            problems.add(Problem.note(
                    where,
                    "%d node names are used more than once: %s".formatted(doubles.size(), ModelChecker.someOf(doubles)),
                    "nothing to do; nodes are told apart by their outputs"));
        }
    }

    private void order(List<Node> nodes, String where) {
        List<Node> circle = RunningOrder.circle(nodes);
        if (circle.isEmpty()) {
            problems.add(Problem.warning(
                    where, "its nodes are not in an order in which they can run", "sort them before running it"));
        } else {
            problems.add(Problem.error(where, "has a cycle: " + RunningOrder.shown(circle), CLASH));
        }
    }

    private void attributes(Node node, Scope scope) {
        Set<String> names = new HashSet<>();
        for (Attribute attribute : node.attributes()) {
            if (attribute.name().isEmpty()) {
                problems.add(Problem.error(node.toString(), "has an attribute without a name", DAMAGED));
            } else if (!names.add(attribute.name())) {
                problems.add(Problem.error(node.toString(), "has attribute '" + attribute.name() + "' twice", DAMAGED));
            }
            AttributeKinds.mismatch(node, attribute)
                    .ifPresent(m -> problems.add(Problem.error(node.toString(), m, DAMAGED)));
            String where = "%s, attribute '%s'".formatted(node, attribute.name());
            switch (attribute.value()) {
                case Attribute.Value.OfTensor(Initializer tensor) -> TensorCheck.check(tensor, where, problems);
                case Attribute.Value.OfTensors(List<Initializer> tensors) ->
                    tensors.forEach(t -> TensorCheck.check(t, where, problems));
                case Attribute.Value.OfGraph(Graph inside) -> graph(inside, scope);
                case Attribute.Value.OfGraphs(List<Graph> inside) -> inside.forEach(g -> graph(g, scope));
                case Attribute.Value.OfInt i -> {}
                case Attribute.Value.OfFloat f -> {}
                case Attribute.Value.OfString s -> {}
                case Attribute.Value.OfInts i -> {}
                case Attribute.Value.OfFloats f -> {}
                case Attribute.Value.OfStrings s -> {}
                case Attribute.Value.Reference r -> {}
                case Attribute.Value.CarriedValue c -> {}
            }
        }
    }

    /// A declared type is not empty and its dimensions are those of a tensor that can exist.
    private void declared(ValueInfo value, String where) {
        if (value.type() instanceof ValueType.TensorType tensor) {
            if (tensor.elementCode() != 0 && tensor.elementType().isEmpty()) {
                problems.add(Problem.warning(
                        where,
                        "has element type " + tensor.elementCode() + ", which is not known",
                        "it is carried as it is; nothing can be computed with it"));
            }
            List<Dim> dims = tensor.dims() == null ? List.of() : tensor.dims();
            long elements = 1;
            for (Dim dim : dims) {
                if (dim instanceof Dim.Known(long size)) {
                    if (size < 0 || size != 0 && elements > Long.MAX_VALUE / 16 / size) {
                        problems.add(Problem.error(
                                where, "is declared as " + tensor + ", which no tensor can have", DAMAGED));
                        return;
                    }
                    elements *= Math.max(1, size);
                }
            }
        }
    }
}
