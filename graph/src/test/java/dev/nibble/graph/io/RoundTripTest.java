package dev.nibble.graph.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.SharedData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Reading and writing keeps every message: the generated protobuf classes see the same before and after.
class RoundTripTest {
    @Test
    void keepsEveryModelOfTheBackendTests() {
        Map<String, byte[]> models = SharedData.backendModels();
        List<String> lost = new ArrayList<>();
        models.forEach((name, bytes) -> compare(name, bytes, lost));
        assertEquals(List.of(), lost);
        assertTrue(models.size() > 1000, "only " + models.size() + " models were there");
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/models", "npu/topologies", "npu/holdout", "interop"})
    void keepsRealModels(String folder) throws IOException {
        List<String> lost = new ArrayList<>();
        for (Map.Entry<String, Path> model : SharedData.models(folder).entrySet()) {
            compare(model.getKey(), Files.readAllBytes(model.getValue()), lost);
        }
        assertEquals(List.of(), lost);
    }

    private static void compare(String name, byte[] before, List<String> lost) {
        try {
            byte[] after = ModelWriter.toBytes(ModelReader.read(MemorySegment.ofArray(before), name, null));
            if (!Arrays.equals(
                    Oracle.deterministic(Oracle.normal(before)), Oracle.deterministic(Oracle.normal(after)))) {
                lost.add(name);
            }
        } catch (NibbleException e) {
            lost.add(e.getMessage());
        }
    }
}
