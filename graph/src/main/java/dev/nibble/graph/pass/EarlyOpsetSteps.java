package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.LongStream;

/// Opset steps up to 9, when ONNX's operators found their form.
final class EarlyOpsetSteps {
    private EarlyOpsetSteps() {}

    static List<Node> step(Node node, long to, OpsetScope scope) {
        return switch ((int) to) {
            case 2 -> toTwo(node);
            case 4 ->
                node.is("Concat") && node.attribute("axis").isEmpty()
                        ? List.of(node.withAttribute(Attribute.of("axis", 1)))
                        : List.of(node);
            case 5 ->
                node.is("Reshape") && node.attribute("shape").isPresent()
                        ? List.of(node.withInput(1, scope.longs(node, "shape", node.intsAttribute("shape")))
                                .withoutAttribute("shape")
                                .withoutAttribute("consumed_inputs"))
                        : List.of(node);
            case 6 -> toSix(node);
            case 7 -> toSeven(node, scope);
            case 9 -> toNine(node, scope);
            default -> List.of(node);
        };
    }

    private static List<Node> toTwo(Node node) {
        return switch (node.opType()) {
            case "Pad" ->
                List.of(node.withAttribute(Attribute.ofInts("pads", node.intsAttribute("paddings")))
                        .withoutAttribute("paddings"));
            case "Split" -> {
                if (node.hasInput(1)) {
                    throw RaiseOpset.refused(node, 2, "its sizes are computed, which opset 2 to 12 cannot express");
                }
                yield List.of(node);
            }
            default -> List.of(node);
        };
    }

    private static List<Node> toSix(Node node) {
        Node changed = OpsetSteps.without(node, "consumed_inputs");
        return switch (node.opType()) {
            case "Cast" -> {
                String type = node.stringAttribute("to", "");
                yield List.of(
                        type.isEmpty()
                                ? changed
                                : changed.withAttribute(Attribute.of("to", (long)
                                        RaiseOpset.typeNamed(node, 6, type).code())));
            }
            case "Tile" -> throw RaiseOpset.refused(node, 6, "its older form, tiles and axis, has no counterpart");
            default -> List.of(changed);
        };
    }

    private static List<Node> toSeven(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Greater", "Less", "Equal" ->
                broadcast(node, scope);
            case "PRelu" -> slope(node, scope);
            case "Gemm" -> List.of(OpsetSteps.without(node, "broadcast"));
            case "BatchNormalization" -> {
                if (node.intAttribute("is_test", 0) == 0) {
                    throw RaiseOpset.refused(node, 7, "it is in training mode (is_test = 0)");
                }
                yield List.of(OpsetSteps.without(node, "is_test"));
            }
            case "Dropout" -> List.of(OpsetSteps.without(node, "is_test"));
            case "GRU", "LSTM", "RNN" -> List.of(OpsetSteps.without(node, "output_sequence"));
            case "Upsample" -> {
                if (node.attribute("height_scale").isEmpty()) {
                    yield List.of(node);
                }
                Attribute scales = new Attribute(
                        "scales",
                        new Attribute.Value.OfFloats(List.of(
                                1f,
                                1f,
                                node.floatAttribute("height_scale", 1),
                                node.floatAttribute("width_scale", 1))));
                yield List.of(OpsetSteps.without(node.withAttribute(scales), "height_scale", "width_scale"));
            }
            default -> List.of(node);
        };
    }

    /// Before 7 the second operand was laid along the first from `axis` on; since then both are aligned at the end.
    private static List<Node> broadcast(Node node, OpsetScope scope) {
        Node plain = OpsetSteps.without(node, "broadcast", "axis");
        if (node.intAttribute("broadcast", 0) == 0 || node.attribute("axis").isEmpty()) {
            return List.of(plain);
        }
        if (scope.shape(node.input(1))
                .filter(s -> s.elements() == 1 && s.rank() <= 1)
                .isPresent()) {
            return List.of(plain);
        }
        OptionalInt large = scope.rank(node.input(0));
        OptionalInt small = scope.rank(node.input(1));
        if (large.isEmpty() || small.isEmpty()) {
            throw RaiseOpset.refused(node, 7, "the ranks of its inputs are not known, which its attribute axis needs");
        }
        long axis = node.intAttribute("axis", 0);
        long from = axis < 0 ? axis + large.getAsInt() : axis;
        long trailing = large.getAsInt() - from - small.getAsInt();
        return trailing <= 0 ? List.of(plain) : unsqueezed(plain, small.getAsInt(), trailing, scope);
    }

    /// Before 7 a slope of one number a channel stood for axis 1 by itself.
    private static List<Node> slope(Node node, OpsetScope scope) {
        Optional<Shape> slope = scope.shape(node.input(1));
        OptionalInt rank = scope.rank(node.input(0));
        if (slope.isPresent() && (slope.get().elements() == 1 || slope.get().rank() != 1)) {
            return List.of(node);
        }
        if (slope.isEmpty() || rank.isEmpty()) {
            throw RaiseOpset.refused(node, 7, "the ranks of its inputs are not known, which its slope needs");
        }
        return rank.getAsInt() <= 2 ? List.of(node) : unsqueezed(node, 1, rank.getAsInt() - 2, scope);
    }

    /// `node` with `count` axes of size 1 behind its second input, which has rank `rank`.
    private static List<Node> unsqueezed(Node node, int rank, long count, OpsetScope scope) {
        String wide = scope.fresh(node.input(1) + ".wide");
        return List.of(
                Node.of(
                        scope.fresh(node.label() + ".unsqueeze"),
                        "Unsqueeze",
                        List.of(node.input(1)),
                        List.of(wide),
                        Attribute.ofInts(
                                "axes", LongStream.range(rank, rank + count).toArray())),
                node.withInput(1, wide));
    }

    private static List<Node> toNine(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "BatchNormalization" -> {
                if (node.intAttribute("spatial", 1) == 0) {
                    throw RaiseOpset.refused(node, 9, "it has statistics for each position (spatial = 0)");
                }
                yield List.of(OpsetSteps.without(node, "spatial"));
            }
            case "Upsample" -> {
                List<Float> scales = new ArrayList<>();
                node.attribute("scales").ifPresent(a -> {
                    if (a.value() instanceof Attribute.Value.OfFloats(List<Float> values)) {
                        scales.addAll(values);
                    }
                });
                float[] values = new float[scales.size()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = scales.get(i);
                }
                yield List.of(node.withInput(
                                1, scope.constant(node, "scales", Tensor.of(Shape.of(values.length), values)))
                        .withoutAttribute("scales"));
            }
            case "Scan" ->
                throw RaiseOpset.refused(node, 9, "its older form, with lengths and a batch, has no counterpart");
            default -> List.of(node);
        };
    }
}
