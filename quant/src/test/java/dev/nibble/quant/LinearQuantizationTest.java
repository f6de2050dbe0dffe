package dev.nibble.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class LinearQuantizationTest {
    private static final Shape SHAPE = Shape.of(3, 5, 7);

    private final LinearQuantization fast = new LinearQuantization();
    private final LinearQuantization specification = new LinearQuantization(new ScalarKernels());

    static Stream<Granularity> granularities() {
        List<Granularity> all = new ArrayList<>(List.of(Granularity.PER_TENSOR));
        for (int axis = -3; axis < 3; axis++) {
            all.add(new Granularity.PerChannel(axis));
            for (int size : new int[] {1, 2, 3, 7, 8, 100}) {
                all.add(new Granularity.PerBlock(axis, size));
            }
        }
        return all.stream();
    }

    /// The group of an element, straight from ONNX's text: the scale's index is the element's with the axis divided
    /// by the block size.
    private static int group(Granularity granularity, Shape shape, long index) {
        long[] at = new long[shape.rank()];
        for (int d = shape.rank() - 1; d >= 0; d--) {
            at[d] = index % shape.dim(d);
            index /= shape.dim(d);
        }
        return switch (granularity) {
            case Granularity.PerTensor() -> 0;
            case Granularity.PerChannel(int axis) -> (int) at[axis < 0 ? axis + 3 : axis];
            case Granularity.PerBlock(int axis, int size) -> {
                Shape scales = granularity.scaleShape(shape);
                at[axis < 0 ? axis + 3 : axis] /= size;
                long flat = 0;
                for (int d = 0; d < shape.rank(); d++) {
                    flat = flat * scales.dim(d) + at[d];
                }
                yield (int) flat;
            }
        };
    }

    @ParameterizedTest
    @MethodSource("granularities")
    void everyElementUsesTheScaleOfItsGroup(Granularity granularity) {
        Random random = new Random(1);
        Groups groups = granularity.over(SHAPE);
        assertEquals(granularity.scaleShape(SHAPE).elements(), groups.size());
        assertEquals(SHAPE.elements(), groups.elements());
        List<Encoding> encodings = new ArrayList<>();
        for (int g = 0; g < groups.size(); g++) {
            encodings.add(
                    Encoding.ofRange(-random.nextDouble(0.1, 2), random.nextDouble(0.1, 2), 8, Symmetry.ASYMMETRIC));
        }
        TensorEncoding.Affine encoding = TensorEncoding.Affine.of(granularity, encodings);
        float[] values = gaussian((int) SHAPE.elements(), 2);
        Tensor tensor = Tensor.of(SHAPE, values);

        QuantizedTensor quantized = fast.quantize("w", tensor, encoding);
        float[] dequantized = fast.dequantize(quantized).toFloats();
        for (int i = 0; i < values.length; i++) {
            Encoding one = encodings.get(group(granularity, SHAPE, i));
            assertEquals(group(granularity, SHAPE, i), groups.of(i));
            assertEquals(one.quantize(values[i]), quantized.codes().longAt(i), "code " + i);
            assertEquals(one.fakeQuantize(values[i]), dequantized[i], "value " + i);
        }
        assertArrayEquals(dequantized, fast.fakeQuantize("w", tensor, encoding).toFloats());
        float[] inPlace = values.clone();
        fast.fakeQuantizeInPlace(inPlace, SHAPE, encoding);
        assertArrayEquals(dequantized, inPlace);
        assertEquals(specification.quantize("w", tensor, encoding), quantized);
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"INT2", "UINT2", "INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16", "INT32"})
    void codesSurvivePackingAtEveryWidthAndOddPlace(DataType type) {
        IntegerGrid grid = IntegerGrid.of(type);
        assertEquals(type, grid.dataType());
        for (int count = 0; count < 20; count++) {
            for (int at = 0; at < 5; at++) {
                MemorySegment packed = MemorySegment.ofArray(new byte[(int) type.bytes(at + count + 4)]);
                packed.fill((byte) 0xA5);
                byte[] before = packed.toArray(ValueLayout.JAVA_BYTE);
                int[] codes = new int[count];
                for (int i = 0; i < count; i++) {
                    codes[i] = i % 3 == 0 ? grid.qMin() : i % 3 == 1 ? grid.qMax() : 1;
                }
                Codes.pack(codes, count, type, packed, at);
                int[] back = new int[count];
                Codes.unpack(packed, at, count, type, back);
                assertArrayEquals(codes, back);
                int[] untouched = new int[4];
                int[] expected = new int[4];
                Codes.unpack(packed, at + count, 4, type, untouched);
                Codes.unpack(MemorySegment.ofArray(before), at + count, 4, type, expected);
                assertArrayEquals(expected, untouched, "neighbours in shared bytes keep theirs");
            }
        }
    }

    /// ONNX: two 4-bit elements a byte, the first in the low half; four 2-bit elements a byte.
    @Test
    void packsLowBitsFirst() {
        TensorEncoding.Affine int4 = TensorEncoding.Affine.of(new Encoding(1, 0, IntegerGrid.INT4));
        QuantizedTensor four = QuantizedTensor.of(Shape.of(3), new int[] {1, -2, 7}, int4);
        assertArrayEquals(new byte[] {(byte) 0xE1, 0x07}, four.codes().data().toArray(ValueLayout.JAVA_BYTE));
        TensorEncoding.Affine int2 = TensorEncoding.Affine.of(new Encoding(1, 0, IntegerGrid.INT2));
        QuantizedTensor two = QuantizedTensor.of(Shape.of(5), new int[] {1, -1, 0, -2, 1}, int2);
        assertArrayEquals(
                new byte[] {(byte) 0b10_00_11_01, 0x01}, two.codes().data().toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void floatsAreLookedAtInPlace() {
        Tensor tensor = Tensor.of(Shape.of(2), 1f, 2f);
        assertSame(tensor, fast.finite("t", tensor));
    }

    @Test
    void nanIsAnErrorThatNamesTensorAndElement() {
        Tensor bad = Tensor.of(Shape.of(4), 1f, 2f, Float.NaN, Float.POSITIVE_INFINITY);
        TensorEncoding encoding = TensorEncoding.Affine.of(new Encoding(1, 0, IntegerGrid.INT8));
        NibbleException error = assertThrows(NibbleException.class, () -> fast.quantize("w12", bad, encoding));
        assertEquals("tensor 'w12' (4): element 2 is NaN", error.getMessage());
    }

    @Test
    void float16RoundsToEvenAndRefusesOverflow() {
        TensorEncoding half = new TensorEncoding.Float16();
        Tensor values = Tensor.of(Shape.of(3), 1f, 1f + 0x1p-11f, 65504f);
        QuantizedTensor quantized = fast.quantize("t", values, half);
        assertEquals(DataType.FLOAT16, quantized.codes().type());
        assertArrayEquals(
                new float[] {1f, 1f, 65504f}, fast.dequantize(quantized).toFloats());
        NibbleException error =
                assertThrows(NibbleException.class, () -> fast.quantize("t", Tensor.of(Shape.of(1), 65536f), half));
        assertEquals("tensor 't': element 0 is 65536.0, beyond the largest float16 (65504)", error.getMessage());
    }

    @Test
    void emptyTensorsAndScalarsAreFine() {
        TensorEncoding.Affine one = TensorEncoding.Affine.of(new Encoding(0.5f, 0, IntegerGrid.INT8));
        assertEquals(
                0,
                fast.quantize("e", Tensor.of(Shape.of(0, 3), new float[0]), one)
                        .codes()
                        .elements());
        assertEquals(
                3,
                fast.quantize("s", Tensor.of(Shape.SCALAR, 1.5f), one).codes().longAt(0));
    }

    @Test
    void biasCodesAreExactAtThirtyTwoBits() {
        Encoding bias = new Encoding(0x1p-30f, 0, IntegerGrid.INT32);
        assertEquals((1 << 30) + (1 << 7), bias.quantize(1f + 0x1p-23f), "codes above 2²⁴ keep their low bits");
        assertEquals(Integer.MAX_VALUE, bias.quantize(100f));
        assertEquals(Integer.MIN_VALUE, bias.quantize(-100f));
    }

    @Test
    void mismatchesAreRefused() {
        TensorEncoding.Affine perChannel = new TensorEncoding.Affine(
                IntegerGrid.INT8, new Granularity.PerChannel(0), new float[] {1, 2}, new int[] {0, 0});
        Tensor three = Tensor.of(Shape.of(3), 1f, 2f, 3f);
        assertThrows(IllegalArgumentException.class, () -> fast.quantize("w", three, perChannel));
        assertThrows(IllegalArgumentException.class, () -> new Granularity.PerBlock(0, 0));
        assertThrows(IllegalArgumentException.class, () -> new Granularity.PerChannel(3).over(SHAPE));
        assertThrows(
                IllegalArgumentException.class,
                () -> QuantizedTensor.of(
                        Shape.of(1),
                        new int[] {-128},
                        TensorEncoding.Affine.of(Encoding.ofRange(-1, 1, 8, Symmetry.STRICT_SYMMETRIC))));
    }

    @Test
    void encodingsAreValues() {
        float[] scales = {1, 2};
        TensorEncoding.Affine encoding =
                new TensorEncoding.Affine(IntegerGrid.INT8, new Granularity.PerChannel(0), scales, new int[] {0, 0});
        scales[0] = 9;
        assertEquals(1, encoding.scale(0));
        assertEquals(encoding, encoding.withScale(0, 5).withScale(0, 1));
        assertNotEquals(encoding, encoding.withScale(0, 5));
        assertTrue(encoding.isSymmetric());
    }

    static float[] gaussian(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
