package dev.nibble.npu.profile.read;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.npu.profile.CompareProfiles;
import dev.nibble.npu.profile.Profile;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The gates of speed: 100 MB within 5 s, comparing two within 5 s, memory that does not grow with the file.
@Tag("slow")
class LargeProfileTest {
    private static final long BYTES = 100_000_000;
    private static final int NODES = 400;
    private static final double GATE_SECONDS = 5;
    /// In bytes: far below the file, far above the nodes.
    private static final long FLAT = 48_000_000;

    @TempDir
    private Path folder;

    private Path csv() throws IOException {
        Path file = folder.resolve("large.csv");
        StringBuilder run = new StringBuilder("0,BACKEND,4,COUNT,BACKEND,ROOT,Number of HVX threads used\n");
        for (int i = 0; i < NODES; i++) {
            run.append("0,NODE,")
                    .append(1000 + 7 * i)
                    .append(",CYCLES,BACKEND,SUB-EVENT,/model/layers.")
                    .append(i)
                    .append("/self_attn/MatMul:OpId_")
                    .append(i)
                    .append(" (cycles)\n");
        }
        run.append("0,EXECUTE,5000,US,BACKEND,ROOT,QNN (execute) time\n");
        byte[] bytes = run.toString().getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            out.write("Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier\n"
                    .getBytes(StandardCharsets.UTF_8));
            for (long written = 0; written < BYTES; written += bytes.length) {
                out.write(bytes);
            }
        }
        return file;
    }

    private Path json() throws IOException {
        Path file = folder.resolve("large.json");
        StringBuilder run = new StringBuilder("{\"method\":\"BACKEND_EXECUTE\",\"profilingEvents\":[");
        for (int i = 0; i < NODES; i++) {
            run.append(i == 0 ? "" : ",")
                    .append("{\"identifier\":\"/model/layers.")
                    .append(i)
                    .append("/MatMul:OpId_1 (cycles)\",\"unit\":\"cycles\",\"type\":\"NODE\",\"value\":")
                    .append(1000 + 7 * i)
                    .append("}");
        }
        byte[] bytes = run.append("]},\n").toString().getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            out.write("{\"header\":{\"artifact_type\":\"QNN_PROFILE\"},\"messages\":[\n"
                    .getBytes(StandardCharsets.UTF_8));
            for (long written = 0; written < BYTES; written += bytes.length) {
                out.write(bytes);
            }
            out.write("{}]}\n".getBytes(StandardCharsets.UTF_8));
        }
        return file;
    }

    @Test
    void csvAndJsonWithinTheGates() throws IOException {
        for (Path file : new Path[] {csv(), json()}) {
            ReadProfile.of(file, "warm");
            System.gc();
            long before = used();
            long start = ownTime();
            Profile profile = ReadProfile.of(file, file.getFileName().toString());
            double seconds = (ownTime() - start) / 1e9;
            System.gc();
            long grown = used() - before;
            assertEquals(NODES, profile.nodes().size());
            assertTrue(profile.runs() > 1000, "runs " + profile.runs());
            assertTrue(seconds <= GATE_SECONDS, file + ": " + seconds + " s");
            assertTrue(grown < FLAT, file + " left " + grown + " bytes");
            start = ownTime();
            CompareProfiles compared = CompareProfiles.of(profile, ReadProfile.of(file, "again"));
            double both = seconds + (ownTime() - start) / 1e9;
            assertTrue(both <= GATE_SECONDS, "comparing took " + both + " s");
            assertEquals(0, compared.notable().size());
        }
    }

    /// Processor time of this thread, which does all the reading: what else the machine does is not the reader's.
    private static long ownTime() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static long used() {
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
