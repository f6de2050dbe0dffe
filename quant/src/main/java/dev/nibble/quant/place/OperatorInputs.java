package dev.nibble.quant.place;

import dev.nibble.graph.Node;
import dev.nibble.quant.place.WeightQuantizer.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// What the inputs of ONNX's operators are for: data, weights, or parameters that stay as they are.
public final class OperatorInputs {
    private OperatorInputs() {}

    /// The inputs that carry data which a quantizer may stand before. Left out are sizes, bounds, axes and
    /// the like.
    static List<Integer> data(Node node) {
        int count = node.inputs().size();
        List<Integer> all = switch (node.opType()) {
            case "Resize",
                    "Upsample",
                    "Clip",
                    "Pad",
                    "Dropout",
                    "TopK",
                    "Gather",
                    "GatherElements",
                    "GatherND",
                    "CumSum",
                    "Reshape",
                    "Flatten",
                    "Transpose",
                    "Slice",
                    "Squeeze",
                    "Unsqueeze",
                    "Expand",
                    "Tile",
                    "Split",
                    "Compress",
                    "Cast",
                    "CastLike",
                    "ReduceMax",
                    "ReduceMin",
                    "ReduceMean",
                    "ReduceSum",
                    "ReduceL1",
                    "ReduceL2",
                    "ReduceLogSum",
                    "ReduceLogSumExp",
                    "ReduceSumSquare",
                    "ReduceProd" -> List.of(0);
            case "Where" -> List.of(1, 2);
            case "ScatterElements", "ScatterND", "Scatter" -> List.of(0, 2);
            case "OneHot", "Range", "ConstantOfShape", "Shape", "Size" -> List.of();
            default -> IntStream.range(0, count).boxed().toList();
        };
        List<Integer> present = new ArrayList<>();
        for (int i : all) {
            if (node.hasInput(i)) {
                present.add(i);
            }
        }
        return present;
    }

    /// Whether input `index` is a bias that takes int32 with the scale of its accumulator.
    static boolean isBias(Node node, int index) {
        return index == 2 && node.isAny("Conv", "ConvTranspose", "Gemm", "LayerNormalization", "InstanceNormalization");
    }

    /// What a constant at input `index` is.
    static Role role(Node node, int index) {
        if (index == 1 && node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul")) {
            return Role.WEIGHT;
        }
        if (index == 1 && node.isAny("LayerNormalization", "RMSNormalization", "InstanceNormalization")) {
            return Role.PARAMETER;
        }
        return Role.OPERAND;
    }

    /// The axis of output channels of the weight, and of input channels behind it.
    public record WeightAxes(int channel, int block) {}

    /// The axes of the weight of `node`, of rank `rank`; empty where it has no channels of its own.
    public static Optional<WeightAxes> axes(Node node, int rank) {
        return switch (node.opType()) {
            case "Conv" -> rank >= 3 ? Optional.of(new WeightAxes(0, 1)) : Optional.empty();
            case "ConvTranspose" -> rank >= 3 ? Optional.of(new WeightAxes(1, 0)) : Optional.empty();
            case "Gemm" ->
                rank != 2
                        ? Optional.empty()
                        : Optional.of(
                                node.intAttribute("transB", 0) != 0 ? new WeightAxes(0, 1) : new WeightAxes(1, 0));
            case "MatMul" -> rank < 2 ? Optional.empty() : Optional.of(new WeightAxes(rank - 1, rank - 2));
            default -> Optional.empty();
        };
    }
}
