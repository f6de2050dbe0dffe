package dev.nibble.graph.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Weights in files beside the model.
class ExternalDataTest {
    @TempDir
    Path folder;

    @Test
    void readsASliceOfAnotherFile() throws IOException {
        floats("weights.bin", 9, 1, 2, 3, 9);
        Initializer w = read(tensor(3, "location", "weights.bin", "offset", "4", "length", "12"));
        assertArrayEquals(new float[] {1, 2, 3}, w.tensor().toFloats());
    }

    @Test
    void takesWhatTheShapeNeedsWhereTheLengthIsLeftOut() throws IOException {
        floats("weights.bin", 9, 1, 2, 3, 9);
        Initializer w = read(tensor(3, "location", "weights.bin", "offset", "4"));
        assertArrayEquals(new float[] {1, 2, 3}, w.tensor().toFloats());
    }

    @Test
    void aFolderBelowTheModelIsFine() throws IOException {
        Files.createDirectory(folder.resolve("data"));
        floats("data/weights.bin", 1, 2, 3);
        assertArrayEquals(
                new float[] {1, 2, 3},
                read(tensor(3, "location", "data/weights.bin")).tensor().toFloats());
    }

    @Test
    void aMissingFileIsNamed() throws IOException {
        Path model = model(tensor(3, "location", "weights.bin", "offset", "4", "checksum", "abc"));
        NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(model));
        assertTrue(refused.getMessage().contains("'weights.bin' is missing"), refused.getMessage());
        assertTrue(refused.hint().contains(folder.toString()), refused.hint());
    }

    @Test
    void aMissingFileMayBeAllowedAndItsReferenceIsKept() throws IOException {
        Path model = model(tensor(3, "location", "weights.bin", "offset", "4", "checksum", "abc"));
        Model read = ModelReader.read(model, ModelReader.Weights.MAY_BE_MISSING);
        assertFalse(read.graph().initializers().getFirst().hasData());
        assertThrows(
                NibbleException.class,
                () -> read.graph().initializers().getFirst().tensor());
        assertEquals(Oracle.normal(Files.readAllBytes(model)), Oracle.normal(ModelWriter.toBytes(read)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"../secret.bin", "a/../../secret.bin", "/etc/hostname", "..", "a\0b"})
    void namesOutsideTheFolderAreRefused(String location) throws IOException {
        Path inner = Files.createDirectory(folder.resolve("inner"));
        floats("secret.bin", 1, 2, 3);
        Path model = inner.resolve("model.onnx");
        Files.write(model, proto(tensor(3, "location", location)).toByteArray());
        for (ModelReader.Weights weights : ModelReader.Weights.values()) {
            NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(model, weights));
            assertTrue(refused.getMessage().contains("tensor 'w'"), refused.getMessage());
        }
    }

    @Test
    void aLinkOutOfTheFolderIsRefused() throws IOException {
        Path inner = Files.createDirectory(folder.resolve("inner"));
        floats("secret.bin", 1, 2, 3);
        Files.createSymbolicLink(inner.resolve("weights.bin"), folder.resolve("secret.bin"));
        Path model = inner.resolve("model.onnx");
        Files.write(model, proto(tensor(3, "location", "weights.bin")).toByteArray());
        NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(model));
        assertTrue(refused.getMessage().contains("outside the model's folder"), refused.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0,16", "13,12", "9223372036854775807,12", "4,9223372036854775807"})
    void rangesThatTheFileDoesNotHaveAreRefused(String range) throws IOException {
        floats("weights.bin", 1, 2, 3);
        String[] parts = range.split(",");
        Path model = model(tensor(3, "location", "weights.bin", "offset", parts[0], "length", parts[1]));
        NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(model));
        assertTrue(refused.getMessage().contains("'weights.bin', which has 12"), refused.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-4", "x", "99999999999999999999", ""})
    void sizesThatAreNoneAreRefused(String offset) throws IOException {
        floats("weights.bin", 1, 2, 3);
        Path model = model(tensor(3, "location", "weights.bin", "offset", offset));
        NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(model));
        assertTrue(refused.getMessage().contains("which is no size"), refused.getMessage());
    }

    @Test
    void aLengthThatDoesNotFitTheShapeIsRefusedOnUse() throws IOException {
        floats("weights.bin", 1, 2, 3, 4);
        Initializer w = read(tensor(3, "location", "weights.bin", "length", "16"));
        assertThrows(NibbleException.class, w::tensor);
    }

    @Test
    void fromMemoryThereIsNoFolderToLookIn() throws IOException {
        byte[] model = proto(tensor(3, "location", "weights.bin")).toByteArray();
        assertThrows(
                NibbleException.class,
                () -> ModelReader.read(java.lang.foreign.MemorySegment.ofArray(model), "model", null));
    }

    @Test
    void aModelThatHadADataFileGetsOneOfItsOwn() throws IOException {
        float[] values = new float[1000];
        values[999] = 7;
        floats("weights.bin", values);
        Model model = ModelReader.read(model(tensor(1000, "location", "weights.bin")));
        Path copy = folder.resolve("copy.onnx");
        assertEquals(List.of(copy, folder.resolve("copy.onnx.data")), ModelWriter.write(model, copy));
        Files.delete(folder.resolve("weights.bin"));
        assertArrayEquals(
                values,
                ModelReader.read(copy)
                        .graph()
                        .initializers()
                        .getFirst()
                        .tensor()
                        .toFloats());
    }

    @Test
    void writingOverTheModelThatIsBeingReadIsSafe() throws IOException {
        float[] values = new float[1000];
        values[999] = 7;
        floats("model.onnx.data", values);
        Path file = model(tensor(1000, "location", "model.onnx.data"));
        Model model = ModelReader.read(file);
        ModelWriter.write(model, file);
        ModelWriter.write(ModelReader.read(file), file);
        assertArrayEquals(
                values, model.graph().initializers().getFirst().tensor().toFloats());
        assertArrayEquals(
                values,
                ModelReader.read(file)
                        .graph()
                        .initializers()
                        .getFirst()
                        .tensor()
                        .toFloats());
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(2, files.count());
        }
    }

    @Test
    void moreThanTwoGigabytesStayMapped() throws IOException {
        // A sparse file: 3 GiB that take no room on disk, with numbers at its very end.
        long bytes = 3L << 30;
        try (FileChannel data =
                FileChannel.open(folder.resolve("weights.bin"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            data.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 5), bytes - 4);
        }
        Path file = model(
                tensor(bytes / 4 - 1, "location", "weights.bin", "offset", "4", "length", Long.toString(bytes - 4)));
        long before = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
        Tensor w = ModelReader.read(file).graph().initializers().getFirst().tensor();
        assertEquals(5, w.floatAt(bytes / 4 - 2));
        long after = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
        // Far below the 3 GiB that a copy would take; what else the heap holds stays under this.
        assertTrue(after - before < 256L << 20, "the heap grew by " + (after - before));
        assertThrows(NibbleException.class, () -> ModelWriter.toBytes(ModelReader.read(file)));
    }

    @Test
    void aGraphThatIsTooLargeForOneMessageGetsADataFile() {
        Graph graph = Graph.of(
                "g",
                List.of(),
                List.of(new Initializer(
                        "w",
                        DataType.FLOAT.code(),
                        Shape.of(600_000_000),
                        new Initializer.Storage.Absent(),
                        dev.nibble.graph.Carried.NONE)),
                List.of(),
                List.of());
        // Stripped weights take no room, whatever their shape says.
        assertEquals(
                List.of(folder.resolve("m.onnx")),
                ModelWriter.write(Model.of(10, 21, graph), folder.resolve("m.onnx")));
    }

    @Test
    void whereNothingCanBeWrittenNothingIsLeftBehind() throws IOException {
        Model model = Model.of(10, 21, Graph.of("g", List.of(), List.of(), List.of(), List.of()));
        NibbleException refused = assertThrows(
                NibbleException.class, () -> ModelWriter.write(model, folder.resolve("nowhere/model.onnx")));
        assertTrue(refused.getMessage().contains("its folder does not exist"), refused.getMessage());
        Path occupied = Files.createDirectory(folder.resolve("occupied.onnx"));
        Files.createFile(occupied.resolve("file"));
        assertThrows(NibbleException.class, () -> ModelWriter.write(model, occupied));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(List.of(occupied), files.toList());
        }
    }

    private Initializer read(OnnxMl.TensorProto tensor) throws IOException {
        return ModelReader.read(model(tensor)).graph().initializers().getFirst();
    }

    private Path model(OnnxMl.TensorProto tensor) throws IOException {
        return Files.write(folder.resolve("model.onnx"), proto(tensor).toByteArray());
    }

    private static OnnxMl.ModelProto proto(OnnxMl.TensorProto tensor) {
        return OnnxMl.ModelProto.newBuilder()
                .setIrVersion(8)
                .addOpsetImport(
                        OnnxMl.OperatorSetIdProto.newBuilder().setDomain("").setVersion(17))
                .setGraph(OnnxMl.GraphProto.newBuilder().setName("g").addInitializer(tensor))
                .build();
    }

    private static OnnxMl.TensorProto tensor(long elements, String... entries) {
        OnnxMl.TensorProto.Builder tensor = OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(1)
                .addDims(elements)
                .setDataLocation(OnnxMl.TensorProto.DataLocation.EXTERNAL);
        for (int i = 0; i < entries.length; i += 2) {
            tensor.addExternalData(OnnxMl.StringStringEntryProto.newBuilder()
                    .setKey(entries[i])
                    .setValue(entries[i + 1]));
        }
        return tensor.build();
    }

    private void floats(String name, float... values) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putFloat(value);
        }
        Files.write(folder.resolve(name), bytes.array());
    }
}
