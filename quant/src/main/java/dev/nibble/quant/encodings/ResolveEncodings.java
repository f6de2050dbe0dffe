package dev.nibble.quant.encodings;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.place.WeightAxis;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/// Lays what an encodings file says over the tensors of a model.
public final class ResolveEncodings {
    private ResolveEncodings() {}

    /// @param activations encodings of values, on unsigned grids unless the file has signed ones
    /// @param weights encodings of constants, biases among them
    /// @param floats tensors that stay in float, with their width
    public record Result(
            Map<String, Encoding> activations,
            Map<String, TensorEncoding.Affine> weights,
            Map<String, Integer> floats) {}

    /// The encodings in `file` for the tensors of `graph`.
    ///
    /// @throws NibbleException where names are not in the graph (the file belongs to another model), or
    ///     numbers of scales do not fit the tensors' shapes
    public static Result over(Graph graph, Encodings file) {
        List<String> unknown = file.all().keySet().stream()
                .filter(n -> !graph.names().contains(n))
                .sorted()
                .toList();
        if (!unknown.isEmpty()) {
            int all = file.all().size();
            throw new NibbleException(
                    "the encodings are for another model: %d of %d tensors are not in this one: %s%s"
                            .formatted(
                                    unknown.size(),
                                    all,
                                    String.join(", ", unknown.subList(0, Math.min(5, unknown.size()))),
                                    unknown.size() > 5 ? ", …" : ""),
                    "use the model that was written beside the encodings (model.float.onnx)");
        }
        Map<String, Encoding> activations = new TreeMap<>();
        Map<String, TensorEncoding.Affine> weights = new TreeMap<>();
        Map<String, Integer> floats = new TreeMap<>();
        file.all().forEach((name, entry) -> {
            boolean constant = graph.constant(name).isPresent();
            switch (entry) {
                case FloatingPoint(String _, int bits) -> floats.put(name, bits);
                case Affine affine when constant -> weights.put(name, weight(graph, affine, file.version()));
                case Affine affine -> activations.put(name, activation(affine));
                case LowPowerBlocks blocks when constant -> weights.put(name, blocks(graph, blocks));
                case EncodingEntry.Width _ ->
                    throw new NibbleException(
                            "'" + name + "' has a width, but no range",
                            "quantize with the file: quantize --quantization-overrides; model.encodings has ranges");
                case LowPowerBlocks _ ->
                    throw new NibbleException(
                            "'" + name + "' has blocks, but is no weight", "only weights have blocks");
            }
        });
        return new Result(activations, weights, floats);
    }

    static Encoding activation(Affine entry) {
        if (entry.scales().length != 1) {
            throw new NibbleException(
                    "value '%s' has %d scales".formatted(entry.name(), entry.scales().length),
                    "values have one scale each");
        }
        return new Encoding(
                (float) entry.scales()[0], (int) -entry.offsets()[0], grid(entry.name(), entry.bits(), false));
    }

    private static IntegerGrid grid(String name, int bits, boolean signed) {
        return switch (bits) {
            case 2, 4, 8, 16 -> new IntegerGrid(bits, signed, false);
            case 32 -> IntegerGrid.INT32;
            default ->
                throw new NibbleException(
                        "tensor '%s' has %d bits".formatted(name, bits), "use 2, 4, 8, 16 or 32 bits");
        };
    }

    static TensorEncoding.Affine weight(Graph graph, Affine entry, String version) {
        Shape shape = graph.shape(entry.name()).orElseThrow();
        float[] scales = floats(entry.scales());
        boolean signed = entry.symmetric() || entry.bits() == 32;
        IntegerGrid grid = grid(entry.name(), entry.bits(), signed);
        long centre = signed ? 1L << (entry.bits() - 1) : 0;
        int[] zeroPoints = new int[scales.length];
        for (int i = 0; i < scales.length; i++) {
            zeroPoints[i] = (int) (-entry.offsets()[i] - centre);
            if (zeroPoints[i] < grid.qMin() || zeroPoints[i] > grid.qMax()) {
                throw new NibbleException(
                        "weight '%s' has the offset %d".formatted(entry.name(), entry.offsets()[i]),
                        "symmetric %d-bit offsets are about %d".formatted(entry.bits(), -centre));
            }
        }
        if (entry.symmetric() && Arrays.stream(entry.offsets()).allMatch(o -> o == -centre + 1)) {
            grid = new IntegerGrid(entry.bits(), true, true);
            Arrays.fill(zeroPoints, 0);
        }
        return switch (entry.layout()) {
            case PER_TENSOR -> new TensorEncoding.Affine(grid, Granularity.PER_TENSOR, scales, zeroPoints);
            case PER_CHANNEL -> {
                int axis = axis(entry.axis(), graph, entry.name(), shape, false);
                if (shape.dim(axis) != scales.length) {
                    throw new NibbleException(
                            "weight '%s' of shape %s has %d scales for %d channels"
                                    .formatted(entry.name(), shape, scales.length, shape.dim(axis)),
                            version.startsWith("0.")
                                    ? "0.6.1 cannot express blocks, and tools that write them so write a wrong"
                                            + " file: export 1.0.0 or 2.0.0"
                                    : "check that the file belongs to this model");
                }
                yield new TensorEncoding.Affine(grid, new Granularity.PerChannel(axis), scales, zeroPoints);
            }
            case PER_BLOCK -> {
                int axis = axis(entry.axis(), graph, entry.name(), shape, true);
                int[] expand = expansion(entry.name(), shape, axis, entry.blockSize(), scales.length);
                yield new TensorEncoding.Affine(
                        grid,
                        new Granularity.PerBlock(axis, entry.blockSize()),
                        pick(scales, expand),
                        Arrays.stream(expand).map(i -> zeroPoints[i]).toArray());
            }
        };
    }

    static TensorEncoding.Affine blocks(Graph graph, LowPowerBlocks entry) {
        Shape shape = graph.shape(entry.name()).orElseThrow();
        int axis = axis(entry.axis(), graph, entry.name(), shape, true);
        int blocks = entry.blockScales().length / entry.channelScales().length;
        float[] effective = new float[entry.blockScales().length];
        // MatMul has the channels on the last axis, behind the blocks.
        boolean channelsLast = WeightAxis.of(graph, entry.name(), false).orElse(0) > axis;
        for (int i = 0; i < effective.length; i++) {
            int channel = channelsLast ? i % entry.channelScales().length : i / blocks;
            effective[i] = (float) (entry.channelScales()[channel] * entry.blockScales()[i]);
        }
        int[] expand = expansion(entry.name(), shape, axis, entry.blockSize(), effective.length);
        float[] scales = pick(effective, expand);
        return new TensorEncoding.Affine(
                grid(entry.name(), entry.compressedBits(), true),
                new Granularity.PerBlock(axis, entry.blockSize()),
                scales,
                new int[scales.length]);
    }

    /// The axis of scales: as stated, else as ONNX has it for the weight; counted from the front.
    ///
    /// @throws NibbleException where it is not known, or `shape` has no such axis
    static int axis(OptionalInt stated, Graph graph, String name, Shape shape, boolean block) {
        int axis = stated.orElseGet(() -> WeightAxis.of(graph, name, block)
                .orElseThrow(() -> new NibbleException(
                        "the axis of the scales of '" + name + "' is not known",
                        "write the encodings as 2.0.0, which says it")));
        if (axis < -shape.rank() || axis >= shape.rank()) {
            throw new NibbleException(
                    "'%s' of shape %s has no axis %d".formatted(name, shape, axis), "check the encodings file");
        }
        return axis < 0 ? axis + shape.rank() : axis;
    }

    /// For each scale of ONNX's blocked layout, which of the file's `count` scales it is. AIMET shares a
    /// convolution's scales among all positions of its kernel.
    private static int[] expansion(String name, Shape shape, int axis, int size, int count) {
        Shape onnx = shape.with(axis, Math.ceilDiv(shape.dim(axis), size));
        int all = Math.toIntExact(onnx.elements());
        int[] expand = new int[all];
        if (count == all) {
            Arrays.setAll(expand, i -> i);
            return expand;
        }
        long kernel = shape.rank() > 2 ? onnx.product(2, onnx.rank()) : 1;
        if (count * kernel != all) {
            throw new NibbleException(
                    "weight '%s' of shape %s has %d scales for blocks of %d".formatted(name, shape, count, size),
                    "check that the file belongs to this model");
        }
        Arrays.setAll(expand, i -> (int) (i / kernel));
        return expand;
    }

    private static float[] pick(float[] values, int[] at) {
        float[] picked = new float[at.length];
        for (int i = 0; i < at.length; i++) {
            picked[i] = values[at[i]];
        }
        return picked;
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
