package dev.nibble.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Spans of a tensor say the same as its elements one by one, whichever part of it is asked for.
class GroupsTest {
    static Stream<Arguments> layouts() {
        Shape matrix = Shape.of(12, 10);
        Shape kernel = Shape.of(6, 8, 3, 3);
        return Stream.of(
                Arguments.of(matrix, Granularity.PER_TENSOR),
                Arguments.of(matrix, new Granularity.PerChannel(0)),
                Arguments.of(matrix, new Granularity.PerChannel(1)),
                Arguments.of(matrix, new Granularity.PerBlock(0, 4)),
                Arguments.of(matrix, new Granularity.PerBlock(0, 5)),
                Arguments.of(matrix, new Granularity.PerBlock(1, 5)),
                Arguments.of(matrix, new Granularity.PerBlock(1, 4)),
                Arguments.of(matrix, new Granularity.PerBlock(1, 1)),
                Arguments.of(kernel, new Granularity.PerChannel(0)),
                Arguments.of(kernel, new Granularity.PerChannel(1)),
                Arguments.of(kernel, new Granularity.PerBlock(1, 4)));
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void spansCoverEachElementOnceWithItsGroup(Shape shape, Granularity granularity) {
        Groups groups = granularity.over(shape);
        for (long[] part : new long[][] {{0, groups.elements()}, {7, 53}, {11, 12}, {30, 30}}) {
            List<Integer> expected = new ArrayList<>();
            for (long i = part[0]; i < part[1]; i++) {
                expected.add(groups.of(i));
            }
            List<Integer> seen = new ArrayList<>();
            groups.forEachSpan(part[0], part[1], (group, step, from, to) -> {
                assertEquals(part[0] + seen.size(), from, "spans are gapless and in order");
                for (long i = from; i < to; i++) {
                    seen.add(group + step * (int) (i - from));
                }
            });
            assertEquals(expected, seen, Arrays.toString(part));
        }
    }

    /// A part that is dequantized alone is the same part of the whole, bit for bit.
    @ParameterizedTest
    @MethodSource("layouts")
    void partsDequantizeAsTheWhole(Shape shape, Granularity granularity) {
        Random random = new Random(7);
        float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        List<Encoding> encodings = new ArrayList<>();
        for (int i = 0; i < granularity.over(shape).size(); i++) {
            encodings.add(Encoding.ofRange(-1 - i * 0.1, 1.5 + i * 0.2, 4, Symmetry.ASYMMETRIC));
        }
        LinearQuantization linear = new LinearQuantization();
        QuantizedTensor codes =
                linear.quantize("w", Tensor.of(shape, values), TensorEncoding.Affine.of(granularity, encodings));
        float[] whole = linear.dequantize(codes).toFloats();
        for (int i = 0; i < values.length; i++) {
            Encoding encoding = encodings.get(granularity.over(shape).of(i));
            assertEquals(encoding.dequantize(encoding.quantize(values[i])), whole[i], "element " + i);
        }
        MemorySegment part = Arena.ofAuto().allocate(41 * 4L, 4);
        linear.dequantize(codes, 20, part);
        assertArrayEquals(Arrays.copyOfRange(whole, 20, 61), part.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT));
    }
}
