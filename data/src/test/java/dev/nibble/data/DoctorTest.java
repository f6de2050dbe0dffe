package dev.nibble.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

/// What is said about odd data.
class DoctorTest {
    private static final List<InputSpec> INPUT = List.of(new InputSpec("x", DataType.FLOAT, new long[] {-1, 8}));

    private static DataSet set(int size, DataOptions options, IntFunction<float[]> sample) {
        return DataSet.of(
                new Samples() {
                    @Override
                    public List<Field> fields() {
                        return List.of(new Field("", DataType.FLOAT, new long[] {8}, false));
                    }

                    @Override
                    public long size() {
                        return size;
                    }

                    @Override
                    public Tensor read(long index, int field) {
                        return Tensor.of(Shape.of(8), sample.apply((int) index));
                    }
                },
                options,
                INPUT);
    }

    private static float[] noise(int seed, float low, float high) {
        Random random = new Random(seed);
        float[] values = new float[8];
        for (int i = 0; i < 8; i++) {
            values[i] = low + random.nextFloat() * (high - low);
        }
        return values;
    }

    private static List<String> codes(DataSet set) {
        try (set) {
            return set.examine().stream().map(Finding::code).toList();
        }
    }

    @Test
    void soundDataIsSilent() {
        assertEquals(List.of(), codes(set(200, DataOptions.NONE, i -> noise(i, -1, 1))));
    }

    @Test
    void fewSamplesAreWarnedAbout() {
        assertEquals(List.of("D002"), codes(set(199, DataOptions.NONE, i -> noise(i, -1, 1))));
        assertThrows(NibbleException.class, () -> set(0, DataOptions.NONE, i -> noise(i, -1, 1)));
    }

    @Test
    void nanAndInfinityNameTheTensorAndTheFirstSample() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            IntFunction<float[]> sample = i -> {
                float[] values = noise(i, -1, 1);
                values[i % 8] = i == 13 || i == 77 ? bad : values[i % 8];
                return values;
            };
            try (DataSet set = set(200, DataOptions.NONE, sample)) {
                Finding first = set.examine().getFirst();
                assertEquals("D003", first.code());
                assertEquals("input 'x' gets NaN or infinity, first from 'sample 13'", first.text());
                try (Batches batches = set.batches(4)) {
                    NibbleException e = assertThrows(NibbleException.class, () -> {
                        while (batches.hasNext()) {
                            batches.next();
                        }
                    });
                    assertEquals(first.text(), e.getMessage());
                }
            }
        }
    }

    @Test
    void duplicatesAndConstantsAreCounted() {
        try (DataSet set = set(400, DataOptions.NONE, i -> i % 100 == 7 ? new float[8] : noise(i, -1, 1))) {
            List<Finding> findings = set.examine();
            assertTrue(findings.stream().anyMatch(f -> f.text().startsWith("4 samples hold one value only in 'x'")));
            assertTrue(findings.stream()
                    .anyMatch(f -> f.text()
                            .equals("3 of 400 samples repeat an earlier one, first 'sample 107' repeats 'sample 7'")));
        }
    }

    @Test
    void rangesThatDoNotFitThePreprocessing() {
        DataOptions bytes = DataOptions.NONE.withNormalization(null, List.of(127.5), List.of(127.5));
        DataOptions unit = DataOptions.NONE.withNormalization(null, List.of(0.5), List.of(0.25));
        DataOptions scaled = DataOptions.NONE.withNormalization(1 / 255.0, List.of(0.5), List.of(0.25));
        DataOptions raised = DataOptions.NONE.withNormalization(255.0, List.of(127.5), List.of(127.5));
        IntFunction<float[]> wide = i -> noise(i, 0, 255);
        IntFunction<float[]> narrow = i -> noise(i, 0, 1);
        assertEquals(List.of("D006"), codes(set(200, DataOptions.NONE, wide)));
        assertEquals(List.of("D007"), codes(set(200, unit, wide)));
        assertEquals(List.of("D008"), codes(set(200, bytes, narrow)));
        assertEquals(List.of(), codes(set(200, bytes, wide)));
        assertEquals(List.of(), codes(set(200, scaled, wide)));
        assertEquals(List.of(), codes(set(200, unit, narrow)));
        assertEquals(List.of(), codes(set(200, raised, narrow)));
    }
}
