package dev.nibble.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Tensor;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelsTest {
    private static final List<Encoding> ENCODINGS = List.of(
            Encoding.ofRange(-1.8, 0.5, 8, Symmetry.ASYMMETRIC),
            Encoding.ofRange(-1.8, 0.5, 2, Symmetry.STRICT_SYMMETRIC),
            Encoding.ofRange(-2, 2, 4, Symmetry.STRICT_SYMMETRIC),
            Encoding.ofRange(-2, 3, 16, Symmetry.ASYMMETRIC),
            Encoding.ofRange(-2, 3, 16, Symmetry.SYMMETRIC),
            Encoding.ofRange(-1e-30, 1e-30, 8, Symmetry.SYMMETRIC),
            Encoding.ofRange(-Float.MAX_VALUE, Float.MAX_VALUE, 8, Symmetry.ASYMMETRIC),
            new Encoding(1e-4f, 0, IntegerGrid.INT32));

    private final Kernels specification = new ScalarKernels();
    private final Kernels fast = Kernels.best();

    @Test
    void testsRunWithTheVectorModule() {
        assertInstanceOf(VectorKernels.class, fast);
        assertTrue(Kernels.explanation().startsWith("vector kernels"), Kernels.explanation());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 1001, 4097})
    void fastKernelsMatchTheSpecification(int size) {
        for (int kind = 0; kind < 4; kind++) {
            float[] values = values(size, kind);
            try (Arena arena = Arena.ofConfined()) {
                // One element in front, so that nothing is aligned to more than an element.
                MemorySegment floats = arena.allocate(4L * (size + 1), 64);
                MemorySegment.copy(values, 0, floats, Tensor.FLOAT_LE, 4, size);
                assertEquals(
                        specification.extremes(floats, 1, size + 1),
                        fast.extremes(floats, 1, size + 1),
                        "extremes of " + size);
                for (Encoding encoding : ENCODINGS) {
                    int[] expected = new int[size];
                    int[] actual = new int[size];
                    specification.quantize(floats, 1, size, encoding, expected);
                    fast.quantize(floats, 1, size, encoding, actual);
                    assertArrayEquals(expected, actual, () -> "codes, " + encoding);

                    MemorySegment left = arena.allocate(4L * size + 4);
                    MemorySegment right = arena.allocate(4L * size + 4);
                    specification.dequantize(expected, size, encoding, left, 1);
                    fast.dequantize(expected, size, encoding, right, 1);
                    assertEquals(-1, left.mismatch(right), () -> "dequantized, " + encoding);

                    left.copyFrom(floats);
                    right.copyFrom(floats);
                    specification.fakeQuantize(left, 1, size + 1, encoding);
                    fast.fakeQuantize(right, 1, size + 1, encoding);
                    assertEquals(-1, left.mismatch(right), () -> "fake-quantized, " + encoding);
                }
            }
        }
    }

    @Test
    void arraysAreTakenToo() {
        float[] values = values(100, 0);
        float[] copy = values.clone();
        Encoding encoding = ENCODINGS.getFirst();
        fast.fakeQuantize(MemorySegment.ofArray(values), 0, 100, encoding);
        for (int i = 0; i < 100; i++) {
            assertEquals(encoding.fakeQuantize(copy[i]), values[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void oneNonFiniteValueIsSeenAnywhere(float bad) {
        for (float sign : new float[] {1, -1}) {
            for (int at : new int[] {0, 5, 40, 66}) {
                float[] values = values(67, 0);
                values[at] = Math.copySign(bad, sign);
                MemorySegment floats = MemorySegment.ofArray(values);
                assertFalse(fast.extremes(floats, 0, 67).isFinite());
                assertFalse(specification.extremes(floats, 0, 67).isFinite());
                assertEquals(at, LinearQuantization.firstNonFinite(floats, 0, 67));
            }
        }
        assertTrue(fast.extremes(MemorySegment.ofArray(new float[] {Float.MAX_VALUE, -Float.MAX_VALUE}), 0, 2)
                .isFinite());
    }

    @Test
    void extremesOfZerosArePlainZeros() {
        Extremes extremes = Extremes.of(-0f).merge(Extremes.of(0f));
        assertEquals(0, Float.floatToRawIntBits(extremes.min()));
        assertEquals(0, Float.floatToRawIntBits(extremes.max()));
        assertTrue(Extremes.NONE.isEmpty());
        assertTrue(Extremes.NONE.isFinite());
    }

    /// Without the incubator module the scalar kernels are used, and the way out is said.
    @Test
    void fallsBackWithoutTheVectorModule() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path") + File.pathSeparator + "target/test-classes",
                        KernelsWithoutModule.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        assertTrue(output.contains("ScalarKernels"), output);
        assertTrue(output.contains("--add-modules jdk.incubator.vector"), output);
    }

    private static float[] values(int size, int kind) {
        Random random = new Random(size * 4L + kind);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = switch (kind) {
                case 0 -> (float) random.nextGaussian();
                // Halves of a step: ties.
                case 1 -> ENCODINGS.getFirst().scale() * (random.nextInt(600) - 300) / 2f;
                case 2 -> i % 2 == 0 ? Float.MAX_VALUE : -Float.MIN_VALUE;
                default -> -0f;
            };
        }
        return values;
    }
}
