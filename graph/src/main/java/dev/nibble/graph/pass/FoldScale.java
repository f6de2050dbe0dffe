package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Folds a multiplication by a constant per channel into the convolution before it: `Conv(x, W, b) · c → Conv(x, c·W,
/// c·b)`, for Conv and ConvTranspose. Division by a constant likewise.
///
/// Learnable affine blocks (PP-LCNetV3) and normalizations that were exported in pieces look like that; together with
/// [FuseConvBias] the whole `c · Conv(x) + d` goes.
public final class FoldScale implements Pass {
    @Override
    public String name() {
        return "fold-scale";
    }

    @Override
    public String description() {
        return "fold multiplication by a constant into the Conv or ConvTranspose before it";
    }

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            if (!candidate.isAny("Mul", "Div")) {
                continue;
            }
            Optional<Node> now = current.graph().producer(candidate.output(0));
            if (now.isPresent() && now.get().isAny("Mul", "Div")) {
                current = fold(current, now.get(), findings);
            }
        }
        return findings.result(current);
    }

    private static Model fold(Model model, Node mul, Findings findings) {
        View view = new View(model);
        for (int side = 0; side < (mul.is("Mul") ? 2 : 1); side++) {
            Optional<Node> conv = view.maker(mul.input(side), "Conv", "ConvTranspose");
            Optional<Tensor> constant = view.constant(mul.input(1 - side));
            if (conv.isEmpty()
                    || constant.isEmpty()
                    || view.constant(conv.get().input(1)).isEmpty()) {
                continue;
            }
            Tensor weight = view.constant(conv.get().input(1)).orElseThrow();
            int channels = (int) FuseConvBias.channels(conv.get(), weight.shape());
            if (!FuseConvBias.isPerChannel(constant.get(), weight.shape().rank(), channels)) {
                findings.skipped(
                        mul,
                        "the constant it multiplies %s with has shape %s, which is not one number per channel (%d)",
                        conv.get(),
                        constant.get().shape(),
                        channels);
                return model;
            }
            double[] given = Numbers.doubles(constant.get());
            double[] scale = new double[channels];
            Arrays.setAll(
                    scale,
                    i -> mul.is("Mul") ? given[given.length == 1 ? 0 : i] : 1 / given[given.length == 1 ? 0 : i]);
            if (!Arrays.stream(scale).allMatch(Double::isFinite)) {
                findings.skipped(mul, "its constant holds zero, NaN or infinity");
                return model;
            }
            Optional<String> obstacle = FoldBatchNorm.obstacleBefore(
                    view, conv.get(), mul, new FoldBatchNorm.Affine(scale, new double[channels]));
            if (obstacle.isPresent()) {
                findings.skipped(mul, "%s", obstacle.get());
                return model;
            }
            findings.changed("folded %s into %s before it", mul, conv.get());
            return folded(view, conv.get(), mul, weight, scale);
        }
        return model;
    }

    private static Model folded(View view, Node conv, Node mul, Tensor weight, double[] scale) {
        double[] values = Numbers.doubles(weight);
        for (int i = 0; i < values.length; i++) {
            values[i] *= scale[FoldBatchNorm.outputOf(conv, weight.shape(), i)];
        }
        return view.model.withGraph(view.graph.edit(e -> {
            Node changed = conv.withOutputs(List.of(mul.output(0)))
                    .withInput(
                            1,
                            FoldBatchNorm.putWeight(
                                    e, view, conv, 1, Numbers.tensor(weight.type(), weight.shape(), values)));
            if (conv.hasInput(2)) {
                Tensor bias = view.constant(conv.input(2)).orElseThrow();
                double[] scaled = Numbers.doubles(bias);
                for (int i = 0; i < scaled.length; i++) {
                    scaled[i] *= scale[i];
                }
                changed = changed.withInput(2, FoldBatchNorm.putBias(e, view, conv, bias.type(), scaled));
            }
            e.remove(mul).replace(conv, changed);
        }));
    }
}
