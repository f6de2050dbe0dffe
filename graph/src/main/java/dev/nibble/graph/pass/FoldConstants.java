package dev.nibble.graph.pass;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Computes what does not depend on the model's inputs: Constant nodes become initializers, and a node whose inputs
/// are all constant becomes its result, under the name of its output.
///
/// Chains that compute shapes are worked out here ([ShapeArithmetic]); everything else takes an [Executor], and stays
/// without one. Never folded: what draws random numbers, and QuantizeLinear and DequantizeLinear, since a quantized
/// weight is meant to stay one.
public final class FoldConstants implements Pass {
    /// Results larger than this, in bytes, stay computed unless the constants they come from were larger still.
    public static final long GROWTH_LIMIT = 1 << 20;

    private static final Set<String> NEVER = Set.of(
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
            "Multinomial",
            "Bernoulli",
            "QuantizeLinear",
            "DequantizeLinear",
            "DynamicQuantizeLinear");
    private static final Set<String> GROWING = Set.of("ConstantOfShape", "Expand", "Tile", "Range");

    private final @Nullable Executor executor;

    /// @param executor what computes; null leaves all but shape arithmetic
    public FoldConstants(@Nullable Executor executor) {
        this.executor = executor;
    }

    @Override
    public String name() {
        return "fold-constants";
    }

    @Override
    public String description() {
        return "compute what does not depend on the inputs; Constant nodes become initializers";
    }

    @Override
    public PassResult apply(Model model) {
        return new Run(model).result();
    }

    /// One application.
    private final class Run {
        final View view;
        final Graph graph;
        final Findings findings = new Findings();
        /// Results so far, by value name; for nodes left to the executor, null until it has run.
        final Map<String, @Nullable Tensor> computed = new HashMap<>();
        final List<Node> constants = new ArrayList<>();
        final List<Node> folded = new ArrayList<>();
        final List<Node> forExecutor = new ArrayList<>();

        Run(Model model) {
            this.view = new View(model);
            this.graph = model.graph();
        }

        PassResult result() {
            for (Node node : graph.nodes()) {
                visit(node);
            }
            execute();
            Set<Node> removed = new HashSet<>(constants);
            Map<String, Tensor> stored = new LinkedHashMap<>();
            for (Node node : folded) {
                store(node, removed, stored);
            }
            if (removed.isEmpty()) {
                return findings.result(view.model);
            }
            if (!constants.isEmpty()) {
                findings.changed(
                        "made %d Constant node%s initializers, '%s' first",
                        constants.size(),
                        constants.size() == 1 ? "" : "s",
                        constants.getFirst().output(0));
            }
            return findings.result(view.model.withGraph(graph.edit(e -> {
                e.removeAll(removed);
                for (Node node : constants) {
                    e.put(graph.constant(node.output(0)).orElseThrow());
                }
                stored.forEach((name, tensor) -> e.put(Initializer.of(name, tensor)));
            })));
        }

        private void visit(Node node) {
            // An Identity of a constant is another name for it, not a copy: RemoveIdentity sees to it.
            if (!node.isStandard()
                    || node.is("Identity")
                    || node.outputs().stream().allMatch(String::isEmpty)) {
                return;
            }
            if (node.is("Constant")) {
                if (!graph.isOutput(node.output(0))
                        && graph.constant(node.output(0)).isPresent()) {
                    constants.add(node);
                }
                return;
            }
            Optional<Tensor> shape = StaticShape.of(view, node);
            if (shape.isPresent()) {
                computed.put(node.output(0), shape.get());
                folded.add(node);
                return;
            }
            if (node.inputs().isEmpty() || !node.inputs().stream().allMatch(this::isKnown)) {
                return;
            }
            if (NEVER.contains(node.opType()) || trains(node)) {
                findings.skipped(
                        node,
                        node.opType().contains("Linear")
                                ? "its input is constant, but a quantized weight stays quantized"
                                : "its inputs are constant, but it draws random numbers");
                return;
            }
            if (!node.subgraphs().isEmpty()) {
                return;
            }
            List<@Nullable Tensor> inputs = new ArrayList<>();
            node.inputs().forEach(i -> inputs.add(value(i)));
            boolean ready = node.inputs().stream().allMatch(i -> i.isEmpty() || value(i) != null);
            Optional<Tensor> result =
                    ready ? ShapeArithmetic.evaluate(node, inputs, view.model.opset()) : Optional.empty();
            if (result.isPresent()) {
                computed.put(node.output(0), result.get());
                folded.add(node);
            } else if (executor == null) {
                findings.skipped(node, "its inputs are constant, but there is nothing to compute it with");
            } else if (GROWING.contains(node.opType()) && growsBeyond(node)) {
                findings.skipped(node, "its result would take more than %d bytes", GROWTH_LIMIT);
            } else {
                node.outputs().forEach(o -> computed.put(o, null));
                forExecutor.add(node);
                folded.add(node);
            }
        }

        private boolean trains(Node node) {
            return node.is("Dropout")
                    && node.hasInput(2)
                    && view.constant(node.input(2))
                            .filter(t -> t.elements() == 1 && t.longAt(0) == 0)
                            .isEmpty();
        }

        private boolean isKnown(String value) {
            return value.isEmpty()
                    || computed.containsKey(value)
                    || view.constant(value).isPresent();
        }

        private @Nullable Tensor value(String name) {
            return computed.containsKey(name)
                    ? computed.get(name)
                    : view.constant(name).orElse(null);
        }

        private boolean growsBeyond(Node node) {
            if (node.is("Range")) {
                // Start, limit, step; of floats here, since whole numbers were worked out already.
                double[] ends = new double[3];
                for (int i = 0; i < 3; i++) {
                    Tensor end = value(node.input(i));
                    ends[i] = end == null || !Numbers.readable(end.type()) ? Double.NaN : Numbers.at(end, 0);
                }
                return !((ends[1] - ends[0]) / ends[2] * 4 <= GROWTH_LIMIT);
            }
            Tensor sizes = value(node.input(node.is("ConstantOfShape") ? 0 : 1));
            if (sizes == null) {
                return true;
            }
            Tensor data = value(node.input(0));
            double elements = node.is("Tile") && data != null ? data.elements() : 1;
            for (long size : sizes.toLongs()) {
                elements *= Math.max(1, size);
            }
            return elements * 4 > GROWTH_LIMIT;
        }

        /// Runs all nodes left to the executor as one model; where that fails, one by one, to find the culprit.
        private void execute() {
            if (executor == null || forExecutor.isEmpty()) {
                return;
            }
            try {
                computed.putAll(ConstantRun.of(view, forExecutor, computed, executor));
            } catch (NibbleException all) {
                for (Node node : forExecutor) {
                    boolean ready = node.inputs().stream().allMatch(i -> i.isEmpty() || value(i) != null);
                    if (!ready) {
                        continue;
                    }
                    try {
                        computed.putAll(ConstantRun.of(view, List.of(node), computed, executor));
                    } catch (NibbleException one) {
                        findings.skipped(
                                node,
                                "its inputs are constant, but computing it failed: %s",
                                String.valueOf(one.getMessage()));
                    }
                }
            }
        }

        /// Decides whether `node` goes, and if so stores those of its results that something else reads.
        private void store(Node node, Set<Node> removed, Map<String, Tensor> stored) {
            List<String> outputs =
                    node.outputs().stream().filter(o -> !o.isEmpty()).toList();
            if (outputs.stream().anyMatch(o -> computed.get(o) == null)) {
                return;
            }
            if (outputs.stream().anyMatch(graph::isOutput)) {
                findings.skipped(node, "its result is constant, but a graph output");
                return;
            }
            long before = node.inputs().stream()
                    .map(this::value)
                    .mapToLong(t -> t == null ? 0 : t.data().byteSize())
                    .sum();
            long after = outputs.stream()
                    .map(this::value)
                    .mapToLong(t -> t == null ? 0 : t.data().byteSize())
                    .sum();
            if (after > GROWTH_LIMIT && after > before) {
                findings.skipped(node, "its result would take %d bytes, its inputs %d", after, before);
                return;
            }
            removed.add(node);
            findings.changed("folded %s", node);
            for (String output : outputs) {
                Tensor tensor = computed.get(output);
                if (tensor != null) {
                    stored.put(output, tensor);
                }
            }
        }
    }
}
