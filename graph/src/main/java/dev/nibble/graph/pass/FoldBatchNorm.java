package dev.nibble.graph.pass;

import dev.nibble.graph.Carried;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Folds a BatchNormalization into the linear operator before it, or else into the one after it.
///
/// With `s = γ / √(σ² + ε)` and `t = β − μ·s` per channel, the operator before takes `W'ₒ = sₒ·Wₒ`,
/// `b'ₒ = sₒ·bₒ + tₒ` (Conv, ConvTranspose, Gemm, MatMul of rank 2). The Conv after takes `W'ₒᵢ = sᵢ·Wₒᵢ`,
/// `b'ₒ = bₒ + Σᵢₖ Wₒᵢₖ·tᵢ`, which needs a Conv without padding, since padding stands after the
/// normalization. Computed in double, rounded once to the weight's type. (Jacob et al.,
/// [Quantization and Training of Neural Networks](https://arxiv.org/abs/1712.05877), §3.2)
public final class FoldBatchNorm implements Pass {
    @Override
    public String name() {
        return "fold-batch-norm";
    }

    @Override
    public String description() {
        return "fold BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul beside it";
    }

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            if (!candidate.is("BatchNormalization")) {
                continue;
            }
            // An earlier fold may have changed its inputs; its output keeps its name.
            Optional<Node> now = current.graph().producer(candidate.output(0));
            if (now.isPresent() && now.get().is("BatchNormalization")) {
                current = fold(current, now.get(), findings);
            }
        }
        return findings.result(current);
    }

    /// The normalization as one multiplication and one addition per channel: `y = scale·x + shift`.
    record Affine(double[] scale, double[] shift) {}

    private static Model fold(Model model, Node norm, Findings findings) {
        View view = new View(model);
        if (norm.intAttribute("training_mode", 0) != 0
                || norm.outputs().stream().filter(o -> !o.isEmpty()).count() > 1) {
            findings.skipped(norm, "it is in training mode: it normalizes by each batch's own statistics");
            return model;
        }
        if (model.opset() < 9 && norm.intAttribute("spatial", 1) == 0) {
            findings.skipped(norm, "it has statistics for each position (spatial = 0)");
            return model;
        }
        for (int i = 1; i <= 4; i++) {
            if (view.constant(norm.input(i)).isEmpty()) {
                findings.skipped(norm, "its input '%s' is not a constant with data", norm.input(i));
                return model;
            }
        }
        Affine affine = affine(view, norm);
        Optional<Node> before = view.maker(norm.input(0), "Conv", "ConvTranspose", "Gemm", "MatMul");
        String backwardReason;
        if (before.isEmpty()) {
            backwardReason = view.graph
                    .producer(norm.input(0))
                    .map(n -> "what comes before it is " + n)
                    .orElse("it stands at an input");
        } else {
            Optional<String> obstacle = obstacleBefore(view, before.get(), norm, affine);
            if (obstacle.isEmpty()) {
                findings.changed("folded %s into %s before it", norm, before.get());
                return foldBackward(view, before.get(), norm, affine);
            }
            backwardReason = obstacle.get();
        }
        List<Node> readers = view.graph.consumers(norm.output(0));
        Optional<String> obstacle = obstacleAfter(view, norm, affine, readers);
        if (obstacle.isEmpty()) {
            findings.changed("folded %s into %s after it", norm, readers.getFirst());
            return foldForward(view, norm, readers.getFirst(), affine);
        }
        findings.skipped(norm, "%s; %s", backwardReason, obstacle.get());
        return model;
    }

    private static Affine affine(View view, Node norm) {
        double[] gamma = numbers(view, norm.input(1));
        double[] beta = numbers(view, norm.input(2));
        double[] mean = numbers(view, norm.input(3));
        double[] variance = numbers(view, norm.input(4));
        double epsilon = norm.floatAttribute("epsilon", 1e-5f);
        double[] scale = new double[gamma.length];
        double[] shift = new double[gamma.length];
        for (int i = 0; i < scale.length; i++) {
            scale[i] = gamma[i] / Math.sqrt(variance[i] + epsilon);
            shift[i] = beta[i] - mean[i] * scale[i];
        }
        return new Affine(scale, shift);
    }

    private static double[] numbers(View view, String value) {
        return Numbers.doubles(view.constant(value).orElseThrow());
    }

    static Optional<String> obstacleBefore(View view, Node linear, Node norm, Affine affine) {
        String between = linear.output(0);
        if (view.graph.isOutput(between)) {
            return Optional.of("'%s' between it and %s is a graph output".formatted(between, linear));
        }
        if (!view.onlyReadBy(between, norm)) {
            Node other = view.graph.consumers(between).stream()
                    .filter(n -> n != norm)
                    .findFirst()
                    .orElse(norm);
            return Optional.of("'%s' between it and %s is also read by %s".formatted(between, linear, other));
        }
        Optional<String> weights = obstacleInWeights(view, linear);
        if (weights.isPresent()) {
            return weights;
        }
        Shape weight = view.constant(linear.input(1)).orElseThrow().shape();
        if (linear.is("MatMul")
                && (weight.rank() != 2 || view.rank(linear.input(0)).orElse(0) != 2)) {
            return Optional.of("%s is not known to be of rank 2".formatted(linear));
        }
        if (outputs(linear, weight) != affine.scale().length) {
            return Optional.of("it has %d channels, but %s gives %d"
                    .formatted(affine.scale().length, linear, outputs(linear, weight)));
        }
        if (linear.is("Gemm") && linear.hasInput(2)) {
            Shape bias = view.constant(linear.input(2)).orElseThrow().shape();
            if (bias.elements() != 1 && bias.elements() != bias.dim(-1)) {
                return Optional.of("the bias of %s differs by row".formatted(linear));
            }
        }
        return Optional.empty();
    }

    static Optional<String> obstacleInWeights(View view, Node linear) {
        String weight = linear.input(1);
        if (view.overridable(weight)) {
            return Optional.of(
                    "weight '%s' of %s is also a graph input, so a caller may replace it".formatted(weight, linear));
        }
        Optional<Tensor> constant = view.constant(weight);
        if (constant.isEmpty()) {
            return Optional.of("weight '%s' of %s is not a constant with data".formatted(weight, linear));
        }
        if (!Numbers.isFloat(constant.get().type())) {
            return Optional.of("weight '%s' of %s is not of a float type".formatted(weight, linear));
        }
        List<Node> readers = view.graph.consumers(weight);
        if (readers.size() > 1 || view.graph.isOutput(weight)) {
            return Optional.of("weight '%s' of %s is also %s"
                    .formatted(
                            weight,
                            linear,
                            view.graph.isOutput(weight)
                                    ? "a graph output"
                                    : "used by "
                                            + readers.stream()
                                                    .filter(n -> n != linear)
                                                    .findFirst()
                                                    .orElse(linear)));
        }
        if (linear.inputs().stream().filter(weight::equals).count() > 1) {
            return Optional.of("weight '%s' is also another input of %s".formatted(weight, linear));
        }
        if (linear.hasInput(2) && view.constant(linear.input(2)).isEmpty()) {
            return Optional.of("bias '%s' of %s is not a constant with data".formatted(linear.input(2), linear));
        }
        return Optional.empty();
    }

    private static int outputs(Node linear, Shape weight) {
        return (int)
                switch (linear.opType()) {
                    case "Conv" -> weight.dim(0);
                    case "ConvTranspose" -> weight.dim(1) * linear.intAttribute("group", 1);
                    case "Gemm" -> weight.dim(linear.intAttribute("transB", 0) != 0 ? 0 : 1);
                    default -> weight.dim(-1);
                };
    }

    private static Model foldBackward(View view, Node linear, Node norm, Affine affine) {
        Tensor weight = view.constant(linear.input(1)).orElseThrow();
        int channels = affine.scale().length;
        boolean gemm = linear.isAny("Gemm", "MatMul");
        double[] bias = new double[channels];
        if (linear.hasInput(2)) {
            double[] given = numbers(view, linear.input(2));
            double beta = gemm ? linear.floatAttribute("beta", 1) : 1;
            Arrays.setAll(bias, i -> beta * given[given.length == 1 ? 0 : i]);
        }
        for (int i = 0; i < channels; i++) {
            bias[i] = bias[i] * affine.scale()[i] + affine.shift()[i];
        }
        double[] values = Numbers.doubles(weight);
        for (int i = 0; i < values.length; i++) {
            values[i] *= affine.scale()[outputOf(linear, weight.shape(), i)];
        }
        return view.model.withGraph(view.graph.edit(e -> {
            Node folded = linear.withOutputs(List.of(norm.output(0)))
                    .withInput(1, putWeight(e, view, linear, 1, Numbers.tensor(weight.type(), weight.shape(), values)))
                    .withInput(2, putBias(e, view, linear, weight.type(), bias));
            if (linear.is("Gemm")) {
                folded = folded.withoutAttribute("beta");
            } else if (linear.is("MatMul")) {
                folded = new Node(
                        linear.name(), "Gemm", "", folded.inputs(), folded.outputs(), List.of(), linear.carried());
            }
            e.remove(norm).replace(linear, folded);
        }));
    }

    /// The output channel that element `index` of the weight belongs to.
    static int outputOf(Node linear, Shape weight, int index) {
        return switch (linear.opType()) {
            case "Conv" -> (int) (index / weight.product(1, weight.rank()));
            case "ConvTranspose" -> {
                // (Cin, Cout / group, …): the group of the input channel says which outputs are meant.
                long inputsPerGroup = weight.dim(0) / linear.intAttribute("group", 1);
                long input = index / weight.product(1, weight.rank());
                long inGroup = index / weight.product(2, weight.rank()) % weight.dim(1);
                yield (int) (input / inputsPerGroup * weight.dim(1) + inGroup);
            }
            case "Gemm" ->
                (int) (linear.intAttribute("transB", 0) != 0 ? index / weight.dim(1) : index % weight.dim(1));
            default -> (int) (index % weight.dim(-1));
        };
    }

    private static Optional<String> obstacleAfter(View view, Node norm, Affine affine, List<Node> readers) {
        String output = norm.output(0);
        if (view.graph.isOutput(output)) {
            return Optional.of("its output is a graph output");
        }
        if (readers.size() != 1
                || !readers.getFirst().is("Conv")
                || !readers.getFirst().input(0).equals(output)) {
            return Optional.of(
                    readers.size() == 1
                            ? "what comes after it is " + readers.getFirst()
                            : "its output is read by %d nodes".formatted(readers.size()));
        }
        Node conv = readers.getFirst();
        String padding = conv.stringAttribute("auto_pad", "NOTSET");
        boolean pads = Arrays.stream(conv.intsAttribute("pads")).anyMatch(p -> p != 0);
        if (pads || !padding.equals("NOTSET") && !padding.equals("VALID")) {
            return Optional.of("%s after it pads with zeros, which the normalization would shift".formatted(conv));
        }
        Optional<String> weights = obstacleInWeights(view, conv);
        if (weights.isPresent()) {
            return weights;
        }
        Shape weight = view.constant(conv.input(1)).orElseThrow().shape();
        long inputs = weight.dim(1) * conv.intAttribute("group", 1);
        return inputs == affine.scale().length
                ? Optional.empty()
                : Optional.of("it has %d channels, but %s takes %d".formatted(affine.scale().length, conv, inputs));
    }

    private static Model foldForward(View view, Node norm, Node conv, Affine affine) {
        Tensor weight = view.constant(conv.input(1)).orElseThrow();
        Shape shape = weight.shape();
        int outputs = (int) shape.dim(0);
        long outputsPerGroup = outputs / conv.intAttribute("group", 1);
        long kernel = shape.product(2, shape.rank());
        double[] bias = conv.hasInput(2) ? numbers(view, conv.input(2)) : new double[outputs];
        double[] values = Numbers.doubles(weight);
        for (int i = 0; i < values.length; i++) {
            int output = (int) (i / (shape.dim(1) * kernel));
            int input = (int) (output / outputsPerGroup * shape.dim(1) + i / kernel % shape.dim(1));
            bias[output] += values[i] * affine.shift()[input];
            values[i] *= affine.scale()[input];
        }
        return view.model.withGraph(view.graph.edit(e -> e.remove(norm)
                .replace(
                        conv,
                        conv.withInput(0, norm.input(0))
                                .withInput(1, putWeight(e, view, conv, 1, Numbers.tensor(weight.type(), shape, values)))
                                .withInput(2, putBias(e, view, conv, weight.type(), bias)))));
    }

    /// Stores a constant that replaces input `index` of `node`, under its old name where nothing else reads that.
    static String putWeight(dev.nibble.graph.GraphEdit edit, View view, Node node, int index, Tensor tensor) {
        String old = node.input(index);
        Graph graph = view.graph;
        boolean own = !old.isEmpty()
                && graph.initializer(old).isPresent()
                && graph.consumers(old).size() == 1
                && !graph.isOutput(old)
                && node.inputs().stream().filter(old::equals).count() == 1;
        String name = own ? old : edit.freshName(old.isEmpty() ? node.output(0) + ".bias" : old + ".folded");
        Carried carried = own ? graph.initializer(old).orElseThrow().carried() : Carried.NONE;
        edit.put(new Initializer(
                name, tensor.type().code(), tensor.shape(), new Initializer.Storage.Raw(tensor.data()), carried));
        return name;
    }

    static String putBias(dev.nibble.graph.GraphEdit edit, View view, Node node, DataType type, double[] bias) {
        return putWeight(edit, view, node, 2, Numbers.tensor(type, Shape.of(bias.length), bias));
    }
}
