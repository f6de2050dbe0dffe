package dev.nibble.pipeline;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.place.OperatorInputs;
import dev.nibble.report.InspectDocument.Weight;
import dev.nibble.report.InspectDocument.WeightError;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What storing each weight as integers costs, by width and granularity: strict symmetric codes over the range of each
/// group, as the HTP takes them.
final class WeightErrors {
    private static final int[] WIDTHS = {8, 4};
    private static final int[] BLOCKS = {128, 32};

    private final Kernels kernels = Kernels.best();
    private final List<Weight> weights = new ArrayList<>();
    private final List<String> missing = new ArrayList<>();

    private WeightErrors() {}

    /// @param weights worst first, by their least SQNR
    /// @param missing weights that are not in the file
    record Measured(List<Weight> weights, List<String> missing) {}

    /// Measures the constant weights of the convolutions and matrix products of `graph`. Those with NaN or infinity are
    /// left out: they are findings of their own.
    static Measured of(Graph graph) {
        WeightErrors errors = new WeightErrors();
        Set<String> seen = new HashSet<>();
        for (Node node : graph.nodes()) {
            if (!node.isStandard() || !node.hasInput(1) || !node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul")) {
                continue;
            }
            String name = node.input(1);
            Optional<Initializer> constant = graph.constant(name);
            if (constant.isPresent() && seen.add(name)) {
                errors.measure(node, name, constant.get());
            }
        }
        errors.weights.sort(Comparator.comparingDouble(WeightErrors::worst));
        return new Measured(List.copyOf(errors.weights), List.copyOf(errors.missing));
    }

    private static double worst(Weight weight) {
        double worst = Double.MAX_VALUE;
        for (WeightError error : weight.errors()) {
            Double sqnrDb = error.sqnrDb();
            worst = Math.min(worst, sqnrDb == null ? Double.MAX_VALUE : sqnrDb);
        }
        return worst;
    }

    private void measure(Node node, String name, Initializer constant) {
        DataType type = DataType.ofCode(constant.typeCode()).orElse(DataType.STRING);
        Shape shape = constant.shape();
        OperatorInputs.WeightAxes axes = OperatorInputs.axes(node, shape.rank()).orElse(null);
        boolean floats = type == DataType.FLOAT || type == DataType.FLOAT16 || type == DataType.BFLOAT16;
        if (!floats || axes == null || shape.elements() == 0) {
            return;
        }
        if (!constant.hasData()) {
            missing.add(name);
            return;
        }
        Rows rows = Rows.of(constant.tensor(), axes.channel(), axes.block());
        if (!kernels.extremes(MemorySegment.ofArray(rows.values()), 0, rows.values().length)
                .isFinite()) {
            return;
        }
        List<WeightError> errors = new ArrayList<>();
        for (int bits : WIDTHS) {
            add(errors, rows, bits, "tensor", rows.values().length);
            add(errors, rows, bits, "channel", rows.values().length / rows.channels());
            for (int block : BLOCKS) {
                if (block < rows.depth()) {
                    add(errors, rows, bits, "block:" + block, block);
                }
            }
        }
        List<Long> dims = new ArrayList<>();
        for (int i = 0; i < shape.rank(); i++) {
            dims.add(shape.dim(i));
        }
        weights.add(new Weight(name, node.opType(), dims, errors));
    }

    /// @param size elements that share a scale; blocks end with the row
    private void add(List<WeightError> errors, Rows rows, int bits, String granularity, int size) {
        float[] values = rows.values();
        float[] rounded = values.clone();
        MemorySegment segment = MemorySegment.ofArray(rounded);
        int row = size < rows.depth() ? rows.depth() : size;
        for (int start = 0; start < values.length; start += row) {
            int end = Math.min(values.length, start + row);
            for (int from = start; from < end; from += size) {
                int to = Math.min(end, from + size);
                Extremes extremes = kernels.extremes(segment, from, to);
                Encoding encoding = Encoding.ofRange(extremes.min(), extremes.max(), bits, Symmetry.STRICT_SYMMETRIC);
                kernels.fakeQuantize(segment, from, to, encoding);
            }
        }
        double noise = 0;
        double signal = 0;
        for (int i = 0; i < values.length; i++) {
            double error = (double) values[i] - rounded[i];
            noise += error * error;
            signal += (double) values[i] * values[i];
        }
        @Nullable
        Double sqnrDb =
                signal == 0 && noise == 0 ? Double.POSITIVE_INFINITY : (Double) (10 * Math.log10(signal / noise));
        errors.add(new WeightError(bits, granularity, noise / values.length, sqnrDb));
    }

    /// A weight with everything that may share a scale side by side: channels, then whatever else, then the axis of the
    /// blocks.
    ///
    /// @param depth size of the blocks' axis
    private record Rows(float[] values, int channels, int depth) {
        static Rows of(Tensor tensor, int channel, int block) {
            float[] source = tensor.toFloats();
            Shape shape = tensor.shape();
            int rank = shape.rank();
            long[] strides = new long[rank];
            long stride = 1;
            for (int i = rank - 1; i >= 0; i--) {
                strides[i] = stride;
                stride *= shape.dim(i);
            }
            int[] order = new int[rank];
            int at = 0;
            order[at++] = channel;
            for (int i = 0; i < rank; i++) {
                if (i != channel && i != block) {
                    order[at++] = i;
                }
            }
            order[at] = block;
            float[] values = new float[source.length];
            long[] index = new long[rank];
            long from = 0;
            int last = order[rank - 1];
            int depth = Math.toIntExact(shape.dim(last));
            for (int to = 0; to < values.length; to += depth) {
                for (int k = 0; k < depth; k++) {
                    values[to + k] = source[(int) (from + k * strides[last])];
                }
                for (int i = rank - 2; i >= 0; i--) {
                    int axis = order[i];
                    from += strides[axis];
                    if (++index[axis] < shape.dim(axis)) {
                        break;
                    }
                    from -= strides[axis] * shape.dim(axis);
                    index[axis] = 0;
                }
            }
            return new Rows(values, Math.toIntExact(shape.dim(channel)), depth);
        }
    }
}
