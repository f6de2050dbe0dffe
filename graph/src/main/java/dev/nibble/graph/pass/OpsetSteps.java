package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// What changed in the form of ONNX's operators from one operator set to the next
/// ([Changelog](https://github.com/onnx/onnx/blob/main/docs/Changelog.md)). An operator that is not named here only
/// gained types or optional parts, and stays as it is.
final class OpsetSteps {
    /// Experimental operators that later sets no longer have.
    private static final Set<String> REMOVED = Set.of(
            "ATen",
            "Affine",
            "ConstantFill",
            "Crop",
            "GRUUnit",
            "GivenTensorFill",
            "ImageScaler",
            "ParametricSoftplus",
            "Scale",
            "ScaledTanh");

    private OpsetSteps() {}

    /// `node` in the form that opset `to` asks for, given that it has the form of `to − 1`. The same instance where
    /// nothing changed.
    ///
    /// @throws dev.nibble.graph.NibbleException where there is no such form
    static List<Node> step(Node node, long to, OpsetScope scope) {
        if (REMOVED.contains(node.opType()) && to >= 10) {
            throw RaiseOpset.refused(node, to, "it was experimental, and ONNX no longer has it");
        }
        if (to <= 9) {
            return EarlyOpsetSteps.step(node, to, scope);
        }
        return switch ((int) to) {
            case 10 -> toTen(node, scope);
            case 11 -> toEleven(node, scope);
            case 12 ->
                node.is("Dropout") && node.attribute("ratio").isPresent()
                        ? List.of(node.withInput(
                                        1,
                                        scope.constant(
                                                node,
                                                "ratio",
                                                Tensor.of(Shape.SCALAR, node.floatAttribute("ratio", 0.5f))))
                                .withoutAttribute("ratio"))
                        : List.of(node);
            case 13 -> toThirteen(node, scope);
            case 14 -> toFourteen(node);
            case 16 ->
                node.is("RoiAlign")
                                && node.attribute("coordinate_transformation_mode")
                                        .isEmpty()
                        ? List.of(
                                node.withAttribute(Attribute.of("coordinate_transformation_mode", "output_half_pixel")))
                        : List.of(node);
            case 18 -> toEighteen(node, scope);
            case 20 -> toTwenty(node, scope);
            case 21 -> node.is("GroupNormalization") ? groupNormalization(node, scope) : List.of(node);
            default -> List.of(node);
        };
    }

    private static List<Node> toTen(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "Upsample" -> {
                String mode = node.stringAttribute("mode", "nearest");
                yield List.of(new Node(
                        node.name(),
                        "Resize",
                        "",
                        node.inputs(),
                        node.outputs(),
                        List.of(Attribute.of("mode", mode.equals("bilinear") ? "linear" : mode)),
                        node.carried()));
            }
            case "Slice" -> {
                long[] starts = node.intsAttribute("starts");
                Node changed = node.withInput(1, scope.longs(node, "starts", starts))
                        .withInput(2, scope.longs(node, "ends", node.intsAttribute("ends")));
                if (node.attribute("axes").isPresent()) {
                    changed = changed.withInput(3, scope.longs(node, "axes", node.intsAttribute("axes")));
                }
                yield List.of(without(changed, "starts", "ends", "axes"));
            }
            case "TopK" -> List.of(without(node.withInput(1, scope.longs(node, "k", node.intAttribute("k", 1))), "k"));
            case "Dropout" -> dropoutMask(node, scope);
            default -> List.of(node);
        };
    }

    /// Before 10 the mask had the type of the data, since then it is boolean.
    private static List<Node> dropoutMask(Node node, OpsetScope scope) {
        if (node.output(1).isEmpty()) {
            return List.of(node);
        }
        String mask = scope.fresh(node.output(1) + ".bool");
        DataType type = scope.type(node.input(0)).orElse(DataType.FLOAT);
        return List.of(
                node.withOutputs(List.of(node.output(0), mask)),
                Node.of("", "Cast", List.of(mask), List.of(node.output(1)), Attribute.of("to", (long) type.code())));
    }

    private static List<Node> toEleven(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "Pad" -> {
                Node changed = node.withInput(1, scope.longs(node, "pads", node.intsAttribute("pads")));
                if (node.attribute("value").isPresent()) {
                    changed = changed.withInput(2, scalar(node, "value", scope));
                }
                yield List.of(without(changed, "pads", "value"));
            }
            case "Clip" -> {
                Node changed = node;
                if (node.attribute("min").isPresent()) {
                    changed = changed.withInput(1, scalar(node, "min", scope));
                }
                if (node.attribute("max").isPresent()) {
                    changed = changed.withInput(2, scalar(node, "max", scope));
                }
                yield changed == node ? List.of(node) : List.of(without(changed, "min", "max"));
            }
            case "Resize" -> List.of(resize(node, scope));
            case "Scatter" ->
                List.of(new Node(
                        node.name(),
                        "ScatterElements",
                        "",
                        node.inputs(),
                        node.outputs(),
                        node.attributes(),
                        node.carried()));
            default -> List.of(node);
        };
    }

    /// Float attribute `name` as a scalar of the type of the node's first input.
    private static String scalar(Node node, String name, OpsetScope scope) {
        DataType type = scope.type(node.input(0)).orElse(DataType.FLOAT);
        return scope.constant(node, name, Numbers.tensor(type, Shape.SCALAR, node.floatAttribute(name, 0)));
    }

    /// Resize-10 divides output coordinates by the scale, and in mode nearest rounds down when it enlarges and up when
    /// it shrinks.
    private static Node resize(Node node, OpsetScope scope) {
        Node changed = node.withInputs(List.of(
                        node.input(0),
                        scope.constant(node, "roi", Tensor.of(Shape.of(0), new float[0])),
                        node.input(1)))
                .withAttribute(Attribute.of("coordinate_transformation_mode", "asymmetric"));
        if (!node.stringAttribute("mode", "nearest").equals("nearest")) {
            return changed;
        }
        Optional<Tensor> scales = scope.constant(node.input(1));
        if (scales.isEmpty()) {
            return changed.withAttribute(Attribute.of("nearest_mode", "floor"));
        }
        boolean up = false;
        boolean down = false;
        for (float scale : scales.get().toFloats()) {
            up |= scale > 1;
            down |= scale < 1;
        }
        if (up && down) {
            throw RaiseOpset.refused(node, 11, "it enlarges one axis and shrinks another, which rounds in two ways");
        }
        return changed.withAttribute(Attribute.of("nearest_mode", down ? "ceil" : "floor"));
    }

    private static List<Node> toThirteen(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "Squeeze", "Unsqueeze", "ReduceSum" -> List.of(moved(node, "axes", 1, scope));
            case "Split" -> List.of(moved(node, "split", 1, scope));
            case "Softmax", "LogSoftmax", "Hardmax" -> softmax(node, scope);
            case "Resize" -> {
                if (node.stringAttribute("coordinate_transformation_mode", "").equals("tf_half_pixel_for_nn")) {
                    throw RaiseOpset.refused(node, 13, "its coordinates are tf_half_pixel_for_nn, which ONNX dropped");
                }
                yield List.of(node);
            }
            default -> List.of(node);
        };
    }

    /// Whole-number attribute `name` as input `index`.
    private static Node moved(Node node, String name, int index, OpsetScope scope) {
        return node.attribute(name).isEmpty()
                ? node
                : node.withInput(index, scope.longs(node, name, node.intsAttribute(name)))
                        .withoutAttribute(name);
    }

    /// Before 13 all axes from `axis` on (default 1) were one; since then it is one axis (default the last).
    private static List<Node> softmax(Node node, OpsetScope scope) {
        long axis = node.intAttribute("axis", 1);
        Optional<Shape> shape = scope.shape(node.input(0));
        OptionalInt rank = scope.rank(node.input(0));
        if (rank.isPresent()) {
            int at = (int) (axis < 0 ? axis + rank.getAsInt() : axis);
            boolean last = at == rank.getAsInt() - 1;
            if (last
                    || shape.isPresent()
                            && shape.get().product(Math.min(at + 1, rank.getAsInt()), rank.getAsInt()) == 1) {
                return List.of(node.withAttribute(Attribute.of("axis", last ? -1L : at)));
            }
        } else if (axis == -1) {
            return List.of(node.withAttribute(Attribute.of("axis", -1L)));
        }
        String dims = scope.fresh(node.output(0) + ".shape");
        String flat = scope.fresh(node.output(0) + ".flat");
        String done = scope.fresh(node.output(0) + ".rows");
        return List.of(
                Node.of(scope.fresh(node.label() + ".shape"), "Shape", List.of(node.input(0)), List.of(dims)),
                Node.of(
                        scope.fresh(node.label() + ".flatten"),
                        "Flatten",
                        List.of(node.input(0)),
                        List.of(flat),
                        Attribute.of("axis", axis)),
                node.withInputs(List.of(flat)).withOutputs(List.of(done)).withAttribute(Attribute.of("axis", -1L)),
                Node.of(
                        scope.fresh(node.label() + ".reshape"),
                        "Reshape",
                        List.of(done, dims),
                        List.of(node.output(0))));
    }

    private static List<Node> toFourteen(Node node) {
        if (node.is("BatchNormalization")
                && node.outputs().stream().filter(o -> !o.isEmpty()).count() > 1) {
            throw RaiseOpset.refused(node, 14, "it is in training mode");
        }
        return List.of(node);
    }

    private static List<Node> toEighteen(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "ReduceMax",
                    "ReduceMean",
                    "ReduceMin",
                    "ReduceProd",
                    "ReduceL1",
                    "ReduceL2",
                    "ReduceLogSum",
                    "ReduceLogSumExp",
                    "ReduceSumSquare" -> List.of(moved(node, "axes", 1, scope));
            case "Split" ->
                node.hasInput(1) || node.attribute("num_outputs").isPresent()
                        ? List.of(node)
                        : List.of(node.withAttribute(Attribute.of(
                                "num_outputs", (long) node.outputs().size())));
            default -> List.of(node);
        };
    }

    private static List<Node> toTwenty(Node node, OpsetScope scope) {
        return switch (node.opType()) {
            case "GridSample" ->
                switch (node.stringAttribute("mode", "bilinear")) {
                    case "bilinear" -> List.of(node.withAttribute(Attribute.of("mode", "linear")));
                    case "bicubic" -> List.of(node.withAttribute(Attribute.of("mode", "cubic")));
                    default -> List.of(node);
                };
            case "DFT" ->
                List.of(node.withInput(
                                2, scope.constant(node, "axis", Tensor.of(Shape.SCALAR, node.intAttribute("axis", 1))))
                        .withoutAttribute("axis"));
            default -> List.of(node);
        };
    }

    /// Before 21 scale and bias were per group, since then they are per channel.
    private static List<Node> groupNormalization(Node node, OpsetScope scope) {
        Optional<Shape> shape = scope.shape(node.input(0));
        Optional<Tensor> scale = scope.constant(node.input(1));
        Optional<Tensor> bias = scope.constant(node.input(2));
        if (shape.isEmpty() || scale.isEmpty() || bias.isEmpty()) {
            throw RaiseOpset.refused(
                    node, 21, "scale and bias are per channel since then, and channels or values are not known");
        }
        int channels = (int) shape.get().dim(1);
        Node changed = node;
        for (int i = 1; i <= 2; i++) {
            double[] groups = Numbers.doubles(i == 1 ? scale.get() : bias.get());
            double[] each = new double[channels];
            Arrays.setAll(each, c -> groups[c / (channels / groups.length)]);
            Tensor tensor = Numbers.tensor(scale.get().type(), Shape.of(channels), each);
            changed = changed.withInput(i, scope.constant(node, i == 1 ? "scale" : "bias", tensor));
        }
        return List.of(changed);
    }

    static Node without(Node node, String... attributes) {
        List<String> gone = List.of(attributes);
        List<Attribute> kept = new ArrayList<>(node.attributes());
        kept.removeIf(a -> gone.contains(a.name()));
        return kept.size() == node.attributes().size() ? node : node.withAttributes(kept);
    }
}
