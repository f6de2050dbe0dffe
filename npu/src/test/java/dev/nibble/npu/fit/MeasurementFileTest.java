package dev.nibble.npu.fit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.cost.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MeasurementFileTest {
    @TempDir
    private Path folder;

    private MeasurementFile read(String text) throws IOException {
        return MeasurementFile.read(Files.writeString(folder.resolve("m.csv"), text));
    }

    @Test
    void columnsHaveTheNamesThatPeopleUse() throws IOException {
        MeasurementFile file = read("model,precision,device,latency_us,family\nnet.onnx,w8a16,sm8650,1500,mine\n");
        Measurement row = file.measurements().getFirst();
        assertEquals("net", row.topology());
        assertEquals(Precision.W8A16, row.precision());
        assertEquals(1500, row.micros());
        assertEquals("qnn_dlc", row.runtime());
        assertEquals("mine", row.family());
        assertEquals(64, file.sha256().length());
    }

    @Test
    void millisecondsBecomeMicroseconds() throws IOException {
        assertEquals(
                1500,
                read("topology,precision,target,latency_ms\na,w8a8,sm8650,1.5\n")
                        .measurements()
                        .getFirst()
                        .micros());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "a,w8a8,sm8650,NaN | the latency is NaN",
                "a,w8a8,sm8650,-1 | the latency is -1",
                "a,w8a8,sm8650,0 | the latency is 0",
                "a,w8a8,sm8650,Infinity | the latency is Infinity",
                "a,w8a8,sm8650,fast | 'fast', which is no number",
                "a,w9a9,sm8650,1 | no precision 'w9a9'",
                "a,w8a8,sm8650, | no 'inference_time_ms'",
                ",w8a8,sm8650,1 | no 'topology'",
            })
    void rowsThatNobodyCanMeanAreRefused(String row, String message) {
        NibbleException refused =
                assertThrows(NibbleException.class, () -> read("topology,precision,target,latency_ms\n" + row + "\n"));
        assertTrue(refused.getMessage().contains(message), refused::getMessage);
        assertTrue(message.contains("precision") || refused.getMessage().contains("line 2"), refused::getMessage);
    }

    @Test
    void doublesAreRefusedWithBothLines() {
        NibbleException refused = assertThrows(
                NibbleException.class,
                () -> read(
                        "topology,precision,target,latency_ms\na,w8a8,sm8650,1\nb,w8a8,sm8650,1\na,w8a8,sm8650,2\n"));
        assertTrue(
                refused.getMessage().contains("line 4") && refused.getMessage().contains("line 2"));
    }

    @Test
    void anEmptyFileIsRefused() {
        assertThrows(NibbleException.class, () -> read("topology,precision,target,latency_ms\n"));
        assertThrows(NibbleException.class, () -> read(""));
    }

    @Test
    void rowsThatDidNotRunOnTheNpuAreCountedNotUsed() throws IOException {
        MeasurementFile file = read("topology,precision,target,latency_ms,compute_unit,layers_cpu\n"
                + "a,w8a8,sm8650,1,CPU,0\nb,w8a8,sm8650,1,NPU,0\nc,w8a8,sm8650,1,NPU,3\n");
        assertEquals(1, file.measurements().size());
        assertEquals(Map.of("ran on the CPU", 1, "has layers on the CPU", 1), file.skipped());
    }
}
