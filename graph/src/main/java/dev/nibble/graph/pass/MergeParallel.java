package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Makes one of convolutions, or of products with constant matrices, that read the same value in the same way: their
/// weights side by side, and a Split behind. A bias and a Relu that each of them has go in front of the Split.
public final class MergeParallel implements Rewrite {
    @Override
    public String name() {
        return "merge-parallel";
    }

    /// One of the layers side by side.
    ///
    /// @param nodes the product, then perhaps the Add of its bias, then perhaps a Relu
    /// @param bias where there is one, the Add's or the convolution's own
    private record Branch(List<Node> nodes, Tensor weight, Optional<Tensor> bias) {
        Node product() {
            return nodes.getFirst();
        }

        String output() {
            return nodes.getLast().output(0);
        }

        boolean relu() {
            return nodes.getLast().is("Relu");
        }
    }

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (Map.Entry<String, List<Branch>> group : groups(view, skipped).entrySet()) {
            List<Branch> branches = group.getValue();
            List<String> labels =
                    branches.stream().map(b -> b.product().label()).toList();
            places.add(new Place(
                    group.getKey(),
                    labels,
                    "%d %s read '%s' in the same way, with %s channels"
                            .formatted(
                                    branches.size(),
                                    branches.getFirst().product().opType(),
                                    branches.getFirst().product().input(0),
                                    String.join(
                                            " + ",
                                            branches.stream()
                                                    .map(b -> String.valueOf(channels(b)))
                                                    .toList()))));
        }
        return new Found(places, skipped);
    }

    private static long channels(Branch branch) {
        return branch.weight().shape().dim(branch.product().is("Conv") ? 0 : -1);
    }

    /// By the first branch's product's output.
    private static Map<String, List<Branch>> groups(View view, List<PassResult.Skipped> skipped) {
        Map<String, List<Branch>> groups = new LinkedHashMap<>();
        Map<String, String> firstOnInput = new LinkedHashMap<>();
        Map<String, List<Branch>> byKind = new LinkedHashMap<>();
        for (Node node : view.graph.nodes()) {
            Optional<Branch> branch = branch(view, node);
            if (branch.isEmpty()) {
                continue;
            }
            String kind = kind(view, branch.get());
            byKind.computeIfAbsent(kind, k -> new ArrayList<>()).add(branch.get());
            String other = firstOnInput.putIfAbsent(node.input(0), kind);
            if (other != null && !other.equals(kind)) {
                skipped.add(PassResult.Skipped.of(
                        node,
                        "another layer reads '%s' too, but with another window, type or tail"
                                .formatted(node.input(0))));
            }
        }
        for (List<Branch> branches : byKind.values()) {
            if (branches.size() > 1) {
                groups.put(branches.getFirst().product().output(0), branches);
            }
        }
        return groups;
    }

    private static Optional<Branch> branch(View view, Node node) {
        if (!node.isAny("Conv", "MatMul") || node.intAttribute("group", 1) != 1) {
            return Optional.empty();
        }
        Optional<Tensor> weight = view.constant(node.input(1));
        int rank = weight.map(w -> w.shape().rank()).orElse(0);
        if (weight.isEmpty()
                || !Numbers.isFloat(weight.get().type())
                || node.is("MatMul") && rank != 2
                || view.rank(node.output(0)).isEmpty()) {
            return Optional.empty();
        }
        List<Node> nodes = new ArrayList<>(List.of(node));
        Optional<Tensor> bias = Optional.empty();
        if (node.hasInput(2)) {
            bias = view.constant(node.input(2));
            if (bias.isEmpty()) {
                return Optional.empty();
            }
        }
        if (node.is("MatMul")) {
            Optional<Node> add = onlyReader(view, node.output(0)).filter(n -> n.is("Add"));
            if (add.isPresent()) {
                int side = add.get().input(0).equals(node.output(0)) ? 1 : 0;
                long columns = weight.get().shape().dim(-1);
                Optional<Tensor> added = view.constant(add.get().input(side))
                        .filter(t ->
                                t.elements() == columns && t.shape().dim(-1) == columns && Numbers.isFloat(t.type()));
                if (added.isPresent()) {
                    nodes.add(add.get());
                    bias = added;
                }
            }
        }
        onlyReader(view, nodes.getLast().output(0)).filter(n -> n.is("Relu")).ifPresent(nodes::add);
        return Optional.of(new Branch(nodes, weight.get(), bias));
    }

    private static Optional<Node> onlyReader(View view, String value) {
        List<Node> readers = view.graph.consumers(value);
        return view.graph.isOutput(value) || readers.size() != 1 ? Optional.empty() : Optional.of(readers.getFirst());
    }

    /// What branches must have in common.
    private static String kind(View view, Branch branch) {
        Node node = branch.product();
        Shape shape = branch.weight().shape();
        StringBuilder kind = new StringBuilder(node.opType()).append(' ').append(node.input(0));
        kind.append(' ').append(branch.weight().type()).append(branch.relu() ? " relu" : "");
        if (node.is("MatMul")) {
            return kind.append(' ')
                    .append(shape.dim(0))
                    .append(branch.bias().isPresent())
                    .toString();
        }
        kind.append(' ')
                .append(shape.with(0, 1))
                .append(' ')
                .append(view.graph.shape(node.output(0)).map(s -> s.with(1, 1)));
        for (String key : List.of("kernel_shape", "strides", "pads", "dilations")) {
            kind.append(' ').append(java.util.Arrays.toString(node.intsAttribute(key)));
        }
        return kind.append(' ')
                .append(node.stringAttribute("auto_pad", "NOTSET"))
                .toString();
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        List<Branch> branches = groups(view, new ArrayList<>()).get(anchor);
        return branches == null ? Optional.empty() : Optional.of(merged(view, branches));
    }

    private static Model merged(View view, List<Branch> branches) {
        Branch first = branches.getFirst();
        boolean conv = first.product().is("Conv");
        List<Tensor> weights = branches.stream().map(Branch::weight).toList();
        Tensor weight = conv ? stacked(weights) : sideBySide(weights);
        boolean biased = branches.stream().anyMatch(b -> b.bias().isPresent());
        long[] parts = branches.stream().mapToLong(MergeParallel::channels).toArray();
        return view.model.withGraph(view.graph.edit(e -> {
            branches.forEach(b -> e.removeAll(b.nodes()));
            String name = first.product().output(0);
            String weightName = e.freshName(name + ".merged_weight");
            e.put(Initializer.of(weightName, weight));
            String at = e.freshName(name + ".merged");
            Node product = first.product().withInput(1, weightName).withOutputs(List.of(at));
            String biasName = e.freshName(name + ".merged_bias");
            if (biased) {
                e.put(Initializer.of(biasName, biases(branches, parts)));
            }
            e.add(conv && biased ? product.withInput(2, biasName) : product);
            if (!conv && biased) {
                String sum = e.freshName(name + ".merged_sum");
                e.add(Node.of(
                        e.freshName(first.product().label() + ".bias"), "Add", List.of(at, biasName), List.of(sum)));
                at = sum;
            }
            if (first.relu()) {
                String relu = e.freshName(name + ".merged_relu");
                e.add(Node.of(e.freshName(first.product().label() + ".relu"), "Relu", List.of(at), List.of(relu)));
                at = relu;
            }
            List<String> outputs = branches.stream().map(Branch::output).toList();
            int axis = conv ? 1 : view.rank(first.product().output(0)).orElseThrow() - 1;
            String label = e.freshName(first.product().label() + ".split");
            if (view.model.opset() >= 13) {
                String sizes = e.freshName(name + ".parts");
                e.put(Initializer.of(sizes, Tensor.of(Shape.of(parts.length), parts)));
                e.add(Node.of(label, "Split", List.of(at, sizes), outputs, Attribute.of("axis", axis)));
            } else {
                e.add(Node.of(
                        label,
                        "Split",
                        List.of(at),
                        outputs,
                        Attribute.of("axis", axis),
                        Attribute.ofInts("split", parts)));
            }
        }));
    }

    private static Tensor biases(List<Branch> branches, long[] parts) {
        int sum = (int) java.util.Arrays.stream(parts).sum();
        double[] all = new double[sum];
        int at = 0;
        for (int i = 0; i < parts.length; i++) {
            Optional<Tensor> bias = branches.get(i).bias();
            if (bias.isPresent()) {
                double[] values = Numbers.doubles(bias.get());
                System.arraycopy(values, 0, all, at, values.length);
            }
            at += (int) parts[i];
        }
        return Numbers.tensor(branches.getFirst().weight().type(), Shape.of(sum), all);
    }

    /// Along the first axis.
    private static Tensor stacked(List<Tensor> weights) {
        Shape shape = weights.getFirst().shape();
        long outputs = weights.stream().mapToLong(w -> w.shape().dim(0)).sum();
        Shape all = shape.with(0, outputs);
        double[] values = new double[Math.toIntExact(all.elements())];
        int at = 0;
        for (Tensor weight : weights) {
            double[] part = Numbers.doubles(weight);
            System.arraycopy(part, 0, values, at, part.length);
            at += part.length;
        }
        return Numbers.tensor(weights.getFirst().type(), all, values);
    }

    /// Along the last axis of matrices.
    private static Tensor sideBySide(List<Tensor> weights) {
        int rows = (int) weights.getFirst().shape().dim(0);
        int columns = (int) weights.stream().mapToLong(w -> w.shape().dim(1)).sum();
        double[] values = new double[Math.multiplyExact(rows, columns)];
        int from = 0;
        for (Tensor weight : weights) {
            double[] part = Numbers.doubles(weight);
            int width = (int) weight.shape().dim(1);
            for (int row = 0; row < rows; row++) {
                System.arraycopy(part, row * width, values, row * columns + from, width);
            }
            from += width;
        }
        return Numbers.tensor(weights.getFirst().type(), Shape.of(rows, columns), values);
    }
}
