package dev.nibble.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Choosing, binding, converting and batching.
class DataSetTest {
    @TempDir
    Path folder;

    private Path write(String name, byte[] bytes) throws Exception {
        return Files.write(folder.resolve(name), bytes);
    }

    private static InputSpec floats(long... dims) {
        return new InputSpec("x", DataType.FLOAT, dims);
    }

    private Path counting(int samples) throws Exception {
        float[] values = new float[samples * 2];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 2 + (i % 2) * 0.5f;
        }
        return write("x.npy", Npy.floats(new long[] {samples, 2}, values));
    }

    private static List<Float> firsts(DataSet set, int batch) {
        List<Float> firsts = new ArrayList<>();
        try (Batches batches = set.batches(batch)) {
            while (batches.hasNext()) {
                Batch next = batches.next();
                for (int row = 0; row < next.size(); row++) {
                    firsts.add(next.inputs().get("x").floatAt(row * 2L));
                }
            }
        }
        return firsts;
    }

    @Test
    void skipThenEveryThenTake() throws Exception {
        Path path = counting(20);
        try (DataSet set = DataSet.open(path, DataOptions.NONE.withChoice(3L, 4L, 3L), List.of(floats(-1, 2)))) {
            assertEquals(3, set.size());
            assertEquals(List.of(3f, 7f, 11f), firsts(set, 2));
        }
        try (DataSet set = DataSet.open(path, DataOptions.NONE.withChoice(3L, 4L, null), List.of(floats(-1, 2)))) {
            assertEquals(List.of(3f, 7f, 11f, 15f, 19f), firsts(set, 2));
        }
        assertThrows(
                NibbleException.class,
                () -> DataSet.open(path, DataOptions.NONE.withChoice(20L, null, null), List.of(floats(-1, 2))));
    }

    @Test
    void aFixedBatchIsFilledByRepeatingTheLastSample() throws Exception {
        try (DataSet set = DataSet.open(counting(5), DataOptions.NONE, List.of(floats(3, 2)));
                Batches batches = set.batches(64)) {
            assertEquals(3, batches.next().size());
            Batch last = batches.next();
            assertEquals(2, last.size());
            assertEquals(3, last.first());
            assertArrayEquals(
                    new float[] {3, 3.5f, 4, 4.5f, 4, 4.5f},
                    last.inputs().get("x").toFloats());
            assertFalse(batches.hasNext());
        }
    }

    @Test
    void theBatchInHandStaysAsItIsUntilTheNextIsTaken() throws Exception {
        try (DataSet set = DataSet.open(counting(50), DataOptions.NONE, List.of(floats(-1, 2)));
                Batches batches = set.batches(5)) {
            for (int i = 0; i < 10; i++) {
                Batch batch = batches.next();
                assertEquals(i < 9, batches.hasNext());
                Thread.sleep(2);
                assertEquals(i * 5, batch.inputs().get("x").floatAt(0));
            }
            assertFalse(batches.hasNext());
        }
    }

    @Test
    void leavingEarlyEndsTheReader() throws Exception {
        try (DataSet set = DataSet.open(counting(5000), DataOptions.NONE, List.of(floats(-1, 2)))) {
            for (int i = 0; i < 20; i++) {
                try (Batches batches = set.batches(1)) {
                    batches.next();
                }
            }
        }
    }

    @Test
    void missingAxesAreInsertedOnlyWhereThereIsOneWay() {
        assertArrayEquals(new long[] {1, 49, 10}, fit(new long[] {49, 10}, floats(-1, 1, 49, 10)));
        assertArrayEquals(new long[] {1, 49, 10}, fit(new long[] {49, 10}, floats(-1, -1, 49, 10)));
        assertArrayEquals(new long[] {10, 1, 1}, fit(new long[] {10}, floats(-1, 10, 1, 1)));
        assertArrayEquals(new long[] {}, fit(new long[] {}, floats(-1)));
        assertThrows(NibbleException.class, () -> fit(new long[] {49, 10}, floats(-1, -1, -1, -1)));
        assertThrows(NibbleException.class, () -> fit(new long[] {49, 10}, floats(-1, 1, 10, 49)));
        assertThrows(NibbleException.class, () -> fit(new long[] {49, 10}, floats(-1, 2, 49, 10)));
    }

    private static long[] fit(long[] stored, InputSpec input) {
        return Fit.of(stored, input, null, "x").dims();
    }

    @Test
    void bothLayoutsReachBothKindsOfModel() throws Exception {
        // One picture of 1×2 pixels with three channels: (0, 1, 2) and (3, 4, 5).
        Path nhwc = write("nhwc.npy", Npy.bytes(new long[] {1, 1, 2, 3}, 0, 1, 2, 3, 4, 5));
        Path nchw = write("nchw.npy", Npy.bytes(new long[] {1, 3, 1, 2}, 0, 3, 1, 4, 2, 5));
        float[] planes = {0, 3, 1, 4, 2, 5};
        float[] pixels = {0, 1, 2, 3, 4, 5};
        for (boolean last : new boolean[] {true, false}) {
            DataOptions options = DataOptions.NONE.withLayout(last ? Layout.NHWC : Layout.NCHW);
            Path path = last ? nhwc : nchw;
            assertArrayEquals(planes, one(path, options, floats(-1, 3, 1, 2)));
            assertArrayEquals(pixels, one(path, options, floats(-1, 1, 2, 3)));
            DataOptions normalized = options.withNormalization(2.0, List.of(1.0, 2.0, 3.0), List.of(2.0));
            assertArrayEquals(new float[] {-0.5f, 2.5f, 0, 3, 0.5f, 3.5f}, one(path, normalized, floats(-1, 3, 1, 2)));
            assertArrayEquals(new float[] {-0.5f, 0, 0.5f, 2.5f, 3, 3.5f}, one(path, normalized, floats(-1, 1, 2, 3)));
        }
    }

    private static float[] one(Path path, DataOptions options, InputSpec input) {
        try (DataSet set = DataSet.open(path, options, List.of(input))) {
            return set.sample(0).get("x").toFloats();
        }
    }

    @Test
    void typesAreConvertedWhereNothingIsLost() throws Exception {
        Path path = write("x.npy", Npy.floats(new long[] {1, 2}, 3, 200));
        for (DataType type : new DataType[] {
            DataType.UINT8,
            DataType.INT16,
            DataType.INT32,
            DataType.INT64,
            DataType.FLOAT16,
            DataType.DOUBLE,
            DataType.BFLOAT16,
            DataType.UINT32
        }) {
            InputSpec input = new InputSpec("x", type, new long[] {-1, 2});
            assertArrayEquals(new float[] {3, 200}, one(path, DataOptions.NONE, input), type.toString());
        }
        assertThrows(
                NibbleException.class,
                () -> one(path, DataOptions.NONE, new InputSpec("x", DataType.INT8, new long[] {-1, 2})));
        Path fraction = write("y.npy", Npy.floats(new long[] {1, 2}, 3, 0.5f));
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> one(fraction, DataOptions.NONE, new InputSpec("x", DataType.INT64, new long[] {-1, 2})));
        assertTrue(e.getMessage().contains("0.5") && e.getMessage().contains("sample 0"), e.getMessage());
    }

    @Test
    void wide64BitIdsSurvive() throws Exception {
        ByteBuffer data = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong((1L << 53) + 1);
        Path path = write("x.npy", Npy.file(1, "<i8", false, new long[] {1, 1}, data.array()));
        InputSpec input = new InputSpec("x", DataType.INT64, new long[] {-1, 1});
        try (DataSet set = DataSet.open(path, DataOptions.NONE, List.of(input))) {
            assertEquals((1L << 53) + 1, set.sample(0).get("x").longAt(0));
        }
    }

    @Test
    void npzNamesInputsAndLabels() throws Exception {
        Map<String, byte[]> arrays = Npy.files(
                "a.npy", Npy.floats(new long[] {3, 1}, 1, 2, 3),
                "b.npy", Npy.bytes(new long[] {3, 2}, 1, 2, 3, 4, 5, 6),
                "labels.npy", Npy.bytes(new long[] {3}, 7, 8, 9),
                "spare.npy", Npy.bytes(new long[] {1}, 0));
        List<InputSpec> inputs = List.of(
                new InputSpec("b", DataType.INT64, new long[] {-1, 2}),
                new InputSpec("a", DataType.FLOAT, new long[] {-1, 1}));
        for (boolean stored : new boolean[] {true, false}) {
            Path path = write(stored + ".npz", Npy.zip(stored, arrays));
            try (DataSet set = DataSet.open(path, DataOptions.NONE, inputs)) {
                Map<String, Tensor> sample = set.sample(1);
                assertEquals(List.of("b", "a"), List.copyOf(sample.keySet()));
                assertArrayEquals(new long[] {3, 4}, sample.get("b").toLongs());
                assertEquals(2, sample.get("a").floatAt(0));
                assertEquals(8, set.label(1).orElseThrow().classIndex());
                assertTrue(set.findings().stream().anyMatch(f -> f.text().contains("'spare'")));
            }
        }
        Path path = folder.resolve("true.npz");
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> DataSet.open(path, DataOptions.NONE, List.of(inputs.get(0), floats(-1, 1))));
        assertTrue(e.getMessage().contains("'x'") && e.getMessage().contains("'spare'"), e.getMessage());
    }

    @Test
    void labelsMustMatchInNumber() throws Exception {
        Path path = counting(4);
        Path labels = write("labels.npy", Npy.bytes(new long[] {3}, 1, 2, 3));
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> DataSet.open(path, DataOptions.NONE.withLabels(labels, null), List.of(floats(-1, 2))));
        assertEquals("there are 4 samples but 3 labels", e.getMessage());
    }

    @Test
    void labelsComeFromTextAndTables() throws Exception {
        Path path = counting(2);
        Path text = write("labels.txt", "three\n4\n".getBytes(UTF_8));
        Path csv = write("labels.csv", "\uFEFFname,label,x\n\"a,b\",5,6\nc,7,8\n".getBytes(UTF_8));
        assertEquals(List.of("three", "4"), labels(path, text, null));
        assertEquals(List.of("5", "7"), labels(path, csv, null));
        assertEquals(List.of("6", "8"), labels(path, csv, "x"));
    }

    private static List<String> labels(Path path, Path labels, String column) {
        try (DataSet set = DataSet.open(path, DataOptions.NONE.withLabels(labels, column), List.of(floats(-1, 2)))) {
            return List.of(
                    set.label(0).orElseThrow().text(),
                    set.label(1).orElseThrow().text());
        }
    }

    @Test
    void inputListsNameFilesByPositionOrInput() throws Exception {
        write(
                "a0.raw",
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putFloat(1)
                        .putFloat(2)
                        .array());
        write(
                "b0.raw",
                ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putFloat(3)
                        .array());
        write(
                "b1.raw",
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(5).array());
        Path list = write("input_list.txt", "#out\n%out\nb:=b0.raw x:=a0.raw\n\na0.raw b1.raw\n".getBytes(UTF_8));
        List<InputSpec> inputs = List.of(floats(1, 2), new InputSpec("b", DataType.INT64, new long[] {-1, 1}));
        try (DataSet set = DataSet.open(list, DataOptions.NONE, inputs)) {
            assertEquals(2, set.size());
            assertArrayEquals(new float[] {1, 2}, set.sample(0).get("x").toFloats());
            assertEquals(3, set.sample(0).get("b").longAt(0));
            assertEquals(5, set.sample(1).get("b").longAt(0));
        }
        Path wrong = write("wrong.txt", "xx:=a0.raw b:=b0.raw".getBytes(UTF_8));
        NibbleException e = assertThrows(NibbleException.class, () -> DataSet.open(wrong, DataOptions.NONE, inputs));
        assertTrue(e.getMessage().contains("line 1") && e.hint().contains("did you mean 'x'?"), e.hint());
    }

    @Test
    void aDataTomlNamesItAllAndFlagsBeatIt() throws Exception {
        counting(10);
        Path labels = write("labels.npy", Npy.bytes(new long[] {10}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
        Path toml = write(
                "data.toml",
                "data = \"x.npy\"\nlabels = \"labels.npy\"\nmean = 1\nstd = [2.0]\nscale = 4\nskip = 2\ntake = 3\n"
                        .getBytes(UTF_8));
        try (DataSet set = DataSet.open(toml, DataOptions.NONE.withChoice(5L, null, null), List.of(floats(-1, 2)))) {
            assertEquals(3, set.size());
            assertEquals(5, set.label(0).orElseThrow().classIndex());
            assertEquals((5 * 4 - 1) / 2f, set.sample(0).get("x").floatAt(0));
            assertEquals(labels, set.options().labels());
        }
        Path inputs = write("inputs.toml", "[inputs]\nx = \"x.npy\"\n".getBytes(UTF_8));
        assertEquals(0.5f, one(inputs, DataOptions.NONE, floats(-1, 2))[1]);
        Path unknown = write("bad.toml", "data = \"x.npy\"\nlayuot = \"nhwc\"\n".getBytes(UTF_8));
        NibbleException e = assertThrows(
                NibbleException.class, () -> DataSet.open(unknown, DataOptions.NONE, List.of(floats(-1, 2))));
        assertTrue(e.getMessage().contains("'layuot'") && e.hint().contains("did you mean 'layout'?"), e.hint());
    }

    @Test
    void unbatchedInputsTakeOneSampleAtATime() throws Exception {
        Path path = write("x.npy", Npy.floats(new long[] {2, 3, 4}, new float[24]));
        try (DataSet set = DataSet.open(path, DataOptions.NONE, List.of(floats(3, 4)));
                Batches batches = set.batches(8)) {
            Batch batch = batches.next();
            assertEquals(Shape.of(3, 4), batch.inputs().get("x").shape());
            assertEquals(1, batch.size());
        }
    }
}
