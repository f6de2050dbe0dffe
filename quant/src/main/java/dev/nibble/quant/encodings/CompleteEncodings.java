package dev.nibble.quant.encodings;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.place.WeightAxis;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BiFunction;

/// Adds what a version leaves to the model: the axes of scales, how they are nested, and which entries are of constants.
public final class CompleteEncodings {
    private CompleteEncodings() {}

    /// `file` with everything said. Entries of tensors that the model does not have stay as they are.
    ///
    /// @throws NibbleException where scales do not fit their tensor
    public static Encodings over(Graph graph, Encodings file) {
        Map<String, EncodingEntry> activations = new LinkedHashMap<>();
        Map<String, EncodingEntry> params = new LinkedHashMap<>();
        file.activations().forEach((name, entry) -> {
            boolean constant = graph.constant(name).isPresent();
            (constant && file.isOneList() ? params : activations).put(name, entry(graph, entry));
        });
        file.params().forEach((name, entry) -> params.put(name, entry(graph, entry)));
        return new Encodings(file.version(), activations, params, file.arguments(), file.supergroups());
    }

    /// Refuses axes that are not those of the operators, for versions that do not name them.
    ///
    /// @throws NibbleException for the first such entry
    public static void requireImpliedAxes(Graph graph, Encodings file) {
        requireImpliedAxes(file, (name, blocks) -> WeightAxis.of(graph, name, blocks));
    }

    /// @param operators the axis of channels, or of blocks, that the operator of a tensor implies
    static void requireImpliedAxes(Encodings file, BiFunction<String, Boolean, OptionalInt> operators) {
        file.all().values().forEach(entry -> {
            boolean blocks = entry instanceof LowPowerBlocks
                    || entry instanceof Affine affine && affine.layout() == Layout.PER_BLOCK;
            OptionalInt stated = switch (entry) {
                case LowPowerBlocks e -> e.axis();
                case Affine e -> e.layout() == Layout.PER_TENSOR ? OptionalInt.empty() : e.axis();
                case EncodingEntry.FloatingPoint _, EncodingEntry.Width _ -> OptionalInt.empty();
            };
            OptionalInt implied = operators.apply(entry.name(), blocks);
            if (stated.isPresent() && !stated.equals(implied)) {
                throw new NibbleException(
                        "the scales of '%s' lie along axis %d, which the operator does not imply"
                                .formatted(entry.name(), stated.getAsInt()),
                        "write 2.0.0, which names the axis");
            }
        });
    }

    /// `entry` with axis and nesting.
    static EncodingEntry entry(Graph graph, EncodingEntry entry) {
        Shape shape =
                graph.constant(entry.name()).map(constant -> constant.shape()).orElse(Shape.SCALAR);
        if (shape.rank() == 0) {
            return entry;
        }
        return switch (entry) {
            case LowPowerBlocks e -> {
                int axis = ResolveEncodings.axis(e.axis(), graph, e.name(), shape, true);
                yield new LowPowerBlocks(
                        e.name(),
                        e.bits(),
                        e.compressedBits(),
                        e.blockSize(),
                        e.channelScales(),
                        e.blockScales(),
                        OptionalInt.of(axis),
                        nesting(e.name(), shape, axis, e.blockSize(), e.blockScales().length));
            }
            case Affine e
            when e.layout() != Layout.PER_TENSOR -> {
                boolean blocks = e.layout() == Layout.PER_BLOCK;
                int axis = ResolveEncodings.axis(e.axis(), graph, e.name(), shape, blocks);
                yield new Affine(
                        e.name(),
                        e.bits(),
                        e.symmetric(),
                        e.layout(),
                        e.scales(),
                        e.offsets(),
                        OptionalInt.of(axis),
                        e.blockSize(),
                        blocks ? nesting(e.name(), shape, axis, e.blockSize(), e.scales().length) : e.nesting());
            }
            case Affine _, EncodingEntry.FloatingPoint _, EncodingEntry.Width _ -> entry;
        };
    }

    /// The shape of `count` scales: ONNX's, or that with the kernel's positions left out.
    private static Shape nesting(String name, Shape shape, int axis, int size, int count) {
        Shape onnx = shape.with(axis, Math.ceilDiv(shape.dim(axis), size));
        if (onnx.elements() == count) {
            return onnx;
        }
        long[] dims = onnx.dims();
        if (dims.length > 2) {
            Arrays.fill(dims, 2, dims.length, 1);
        }
        if (Shape.of(dims).elements() != count) {
            throw new NibbleException(
                    "weight '%s' of shape %s has %d scales for blocks of %d".formatted(name, shape, count, size),
                    "check that the file belongs to this model");
        }
        return Shape.of(dims);
    }
}
