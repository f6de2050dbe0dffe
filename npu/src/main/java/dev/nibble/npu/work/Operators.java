package dev.nibble.npu.work;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What kind of vector work each operator is.
final class Operators {
    /// Joined with a convolution, these run on its output at half the price of a pass.
    static final Set<String> CLIPPING = Set.of("Relu", "Clip");
    /// Joined with a convolution, these take a pass of their own beside.
    static final Set<String> PARAMETRIC = Set.of("PRelu", "LeakyRelu", "HardSwish");

    static final Set<String> MATRIX = Set.of("Conv", "ConvTranspose", "Gemm", "MatMul");
    static final Set<String> RECURRENT = Set.of("LSTM", "GRU", "RNN");
    private static final Map<String, VectorKind> KINDS = new HashMap<>();

    static {
        put(
                VectorKind.ELEMENTWISE,
                "Add Sub Mul Div Relu Clip PRelu LeakyRelu BatchNormalization Cast Sign HardSwish HardSigmoid Neg Abs"
                        + " Where Min Max Sum Mean Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor Floor"
                        + " Ceil Round Mod ThresholdedRelu BitShift IsNaN IsInf");
        put(
                VectorKind.FUNCTION,
                "Silu Gelu Sigmoid Tanh Exp Log Sqrt Reciprocal Erf Pow Softplus Softsign Mish Elu Selu Celu Sin Cos"
                        + " Tan Asin Acos Atan Swish QuickGelu FastGelu");
        put(
                VectorKind.NORMALIZATION,
                "Softmax LogSoftmax LayerNormalization RMSNormalization SimplifiedLayerNormalization"
                        + " SkipLayerNormalization InstanceNormalization GroupNormalization LpNormalization LRN"
                        + " MeanVarianceNormalization ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1"
                        + " ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare GlobalAveragePool GlobalMaxPool"
                        + " CumSum Hardmax");
        put(
                VectorKind.MOVEMENT,
                "Transpose Concat Slice Split Gather GatherElements GatherND Scatter ScatterElements ScatterND Reshape"
                        + " DepthToSpace SpaceToDepth Pad Expand Tile Flatten Squeeze Unsqueeze Identity EyeLike"
                        + " ConstantOfShape Range Trilu ReverseSequence Col2Im OneHot");
        put(VectorKind.POOLING, "MaxPool AveragePool LpPool");
        put(VectorKind.RESIZE, "Resize Upsample GridSample RoiAlign AffineGrid");
        put(VectorKind.SELECTION, "ArgMax ArgMin TopK NonMaxSuppression Unique NonZero");
    }

    private Operators() {}

    private static void put(VectorKind kind, String types) {
        for (String type : types.split(" ")) {
            KINDS.put(type, kind);
        }
    }

    /// null where there is no rule.
    static @Nullable VectorKind kind(String type) {
        return KINDS.get(type);
    }
}
