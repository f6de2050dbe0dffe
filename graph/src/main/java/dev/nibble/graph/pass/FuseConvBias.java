package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Optional;

/// Makes a constant per channel that is added to a convolution its bias: `Conv(x, W) + c → Conv(x, W, c)`, for Conv and
/// ConvTranspose, with a constant bias or none. Exporters that know no bias write it that way.
public final class FuseConvBias implements Pass {
    @Override
    public String name() {
        return "fuse-conv-bias";
    }

    @Override
    public String description() {
        return "make a constant that is added to a Conv or ConvTranspose its bias";
    }

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            if (!candidate.is("Add")) {
                continue;
            }
            Optional<Node> now = current.graph().producer(candidate.output(0));
            if (now.isPresent() && now.get().is("Add")) {
                current = fuse(current, now.get(), findings);
            }
        }
        return findings.result(current);
    }

    private static Model fuse(Model model, Node add, Findings findings) {
        View view = new View(model);
        for (int side = 0; side < 2; side++) {
            Optional<Node> conv = view.maker(add.input(side), "Conv", "ConvTranspose");
            Optional<Tensor> constant = view.constant(add.input(1 - side));
            if (conv.isEmpty() || constant.isEmpty()) {
                continue;
            }
            Optional<String> obstacle = obstacle(view, conv.get(), add, constant.get());
            if (obstacle.isPresent()) {
                findings.skipped(add, "%s", obstacle.get());
                return model;
            }
            findings.changed("made %s the bias of %s", add, conv.get());
            return model.withGraph(fused(view, conv.get(), add, constant.get()));
        }
        return model;
    }

    private static Optional<String> obstacle(View view, Node conv, Node add, Tensor constant) {
        Optional<String> needed = view.neededOutside(conv.output(0), List.of(add));
        if (needed.isPresent()) {
            return needed;
        }
        Optional<Shape> weight = view.stored(conv.input(1)).map(i -> i.shape());
        if (weight.isEmpty()) {
            return Optional.of("the weight of %s is not constant".formatted(conv));
        }
        if (conv.hasInput(2) && view.constant(conv.input(2)).isEmpty()) {
            return Optional.of("the bias of %s is not a constant with data".formatted(conv));
        }
        long channels = channels(conv, weight.get());
        return isPerChannel(constant, weight.get().rank(), channels)
                ? Optional.empty()
                : Optional.of("the constant it adds to %s has shape %s, which is not one number per channel (%d)"
                        .formatted(conv, constant.shape(), channels));
    }

    /// Whether `constant`, broadcast to a convolution's output of rank `rank`, is one number for each channel (axis 1) or
    /// one for all.
    static boolean isPerChannel(Tensor constant, int rank, long channels) {
        Shape shape = constant.shape();
        boolean perChannel = Numbers.isFloat(constant.type()) && shape.rank() <= rank;
        for (int i = 1; i <= shape.rank() && perChannel; i++) {
            long dim = shape.dim(-i);
            perChannel = dim == 1 || i == rank - 1 && dim == channels;
        }
        return perChannel;
    }

    static long channels(Node conv, Shape weight) {
        return conv.is("Conv") ? weight.dim(0) : weight.dim(1) * conv.intAttribute("group", 1);
    }

    private static dev.nibble.graph.Graph fused(View view, Node conv, Node add, Tensor constant) {
        double[] bias = new double
                [(int) channels(conv, view.stored(conv.input(1)).orElseThrow().shape())];
        double[] added = Numbers.doubles(constant);
        Optional<Tensor> given = conv.hasInput(2) ? view.constant(conv.input(2)) : Optional.empty();
        for (int i = 0; i < bias.length; i++) {
            bias[i] = added[added.length == 1 ? 0 : i] + (given.isPresent() ? Numbers.at(given.get(), i) : 0);
        }
        return view.graph.edit(e -> e.remove(add)
                .replace(
                        conv,
                        conv.withOutputs(List.of(add.output(0)))
                                .withInput(2, FoldBatchNorm.putBias(e, view, conv, constant.type(), bias))));
    }
}
