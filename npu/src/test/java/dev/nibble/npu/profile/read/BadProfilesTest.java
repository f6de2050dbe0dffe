package dev.nibble.npu.profile.read;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Files as they come: cut, mixed, damaged. Either an error that names the file, or a result that says what was left
/// out.
class BadProfilesTest {
    private static final String HEADING =
            "Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier\n";
    private static final String RUN = """
            0,BACKEND,4,COUNT,BACKEND,ROOT,Number of HVX threads used
            0,BACKEND,300,CYCLES,BACKEND,ROOT,Accelerator (execute) time (cycles)
            0,NODE,100,CYCLES,BACKEND,SUB-EVENT,a:OpId_1 (cycles)
            0,NODE,200,CYCLES,BACKEND,SUB-EVENT,b:OpId_2 (cycles)
            0,EXECUTE,50,US,BACKEND,ROOT,QNN (execute) time
            """;

    private static Profile read(String text) {
        return read(text.getBytes(StandardCharsets.UTF_8));
    }

    private static Profile read(byte[] bytes) {
        try {
            return ReadProfile.of(new ByteArrayInputStream(bytes), "x.csv");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String refused(byte[] bytes) {
        NibbleException e = assertThrows(NibbleException.class, () -> read(bytes));
        assertTrue(e.getMessage().contains("x.csv"), e.getMessage());
        assertTrue(!e.hint().isBlank());
        return e.getMessage();
    }

    @Test
    void emptyUtf16AndUnknownFilesAreErrors() {
        assertTrue(refused(new byte[0]).contains("is empty"));
        assertTrue(refused(" \n\n".getBytes(StandardCharsets.UTF_8)).contains("is empty"));
        assertTrue(refused(HEADING.getBytes(StandardCharsets.UTF_16)).contains("UTF-16"));
        assertTrue(refused(HEADING.getBytes(StandardCharsets.UTF_16LE)).contains("UTF-16"));
        assertTrue(refused("hello\n".getBytes(StandardCharsets.UTF_8)).contains("no profile that is known"));
        assertTrue(refused(HEADING.getBytes(StandardCharsets.UTF_8)).contains("holds no figure"));
        assertTrue(
                refused("{\"op_mappings\": [".getBytes(StandardCharsets.UTF_8)).contains("is not JSON"));
    }

    @Test
    void aLogIsSentToItsOption() {
        NibbleException e = assertThrows(
                NibbleException.class, () -> read("2026-11-22 [V:onnxruntime:, session.cc:1 Run] Node placements\n"));
        assertTrue(e.hint().contains("--log"), e.hint());
    }

    @Test
    void aCutExecutionIsLeftOut() {
        String all = HEADING + RUN + RUN;
        Profile whole = read(all);
        assertEquals(2, whole.runs());
        int lastNode = all.lastIndexOf("0,NODE,200");
        for (int end = lastNode; end < all.lastIndexOf("b:OpId_2 (cycles)"); end++) {
            Profile cut = read(all.substring(0, end));
            assertEquals(1, cut.runs(), "cut at " + end);
            assertEquals(300, cut.totalCycles());
            assertTrue(
                    cut.said().stream().anyMatch(s -> s.contains("cut")),
                    cut.said().toString());
        }
    }

    @Test
    void aMissingHeadingIsSaid() {
        Profile profile = read(RUN);
        assertEquals(50, profile.totalMicros());
        assertTrue(profile.said().stream().anyMatch(s -> s.contains("heading is missing")));
    }

    @Test
    void linesOfAnotherDialectAreLeftOut() {
        Profile profile = read(HEADING + RUN + "Backend (QNN (execute) time): 2949 us\n{\"a\":1}\n");
        assertEquals(50, profile.totalMicros());
        assertEquals(
                List.of("a line that is of qnn-profile-viewer text", "a line that is of JSON"),
                profile.skipped().stream().map(Profile.Skipped::reason).toList());
        assertEquals(7, profile.skipped().getFirst().first());
    }

    @Test
    void largeAndNegativeFigures() {
        Profile large = read(HEADING + RUN.replace(",200,", ",4294967296,").replace(",100,", ",4294967295,"));
        assertEquals(
                8589934591.0,
                large.nodes().stream().mapToDouble(NodeTime::value).sum());
        Profile negative = read(HEADING + RUN.replace(",200,", ",-200,"));
        assertEquals(1, negative.nodes().size());
        assertEquals("a negative figure", negative.skipped().getFirst().reason());
        assertEquals(5, negative.skipped().getFirst().first());
        Profile beyond = read(HEADING + RUN.replace(",200,", ",99999999999999999999,"));
        assertEquals(
                "a figure that is no number, or beyond 2⁶³",
                beyond.skipped().getFirst().reason());
    }

    @Test
    void namesAreFreeText() {
        Profile profile =
                read("Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier,"
                        + "ONNX Source Ops\n"
                        + "0,NODE,1,CYCLES,BACKEND,SUB-EVENT,a, b:OpId_1 (cycles),x;y\n"
                        + "0,NODE,2,CYCLES,BACKEND,SUB-EVENT,\"c, \"\"d\"\":OpId_2 (cycles)\",z\n");
        assertEquals(
                List.of("a, b", "c, \"d\""),
                profile.nodes().stream().map(NodeTime::name).toList());
        assertEquals(List.of("x", "y"), profile.nodes().getFirst().onnx());
        assertEquals(List.of("z"), profile.nodes().getLast().onnx());
    }

    @Test
    void aMillionNodes() {
        StringBuilder text = new StringBuilder(HEADING);
        for (int i = 0; i < 1_000_000; i++) {
            text.append("0,NODE,1,CYCLES,BACKEND,SUB-EVENT,n").append(i).append(":OpId_1 (cycles)\n");
        }
        Profile profile = read(text.toString());
        assertEquals(1_000_000, profile.nodes().size());
        assertEquals(1e6, profile.totalCycles());
    }

    /// Deterministic: the seed is the number of the mutation.
    @Test
    void tenThousandMutationsNeitherCrashNorHang() throws IOException {
        List<byte[]> originals = new ArrayList<>();
        for (String name : Fixtures.FROM_DOCUMENTATION) {
            originals.add(Fixtures.documented(name));
        }
        try (Stream<Path> files = Files.list(Fixtures.shared("npu/profiles"))) {
            for (Path file : files.sorted().toList()) {
                if (file.toString().endsWith(".csv") || file.toString().endsWith(".json")) {
                    originals.add(Files.readAllBytes(file));
                }
            }
        }
        int read = 0;
        for (int seed = 0; seed < 10_000; seed++) {
            byte[] mutated = mutate(originals.get(seed % originals.size()), new SplittableRandom(seed));
            try {
                Profile profile = read(mutated);
                for (NodeTime node : profile.nodes()) {
                    assertTrue(node.value() >= 0 && node.share() >= 0 && node.share() <= 1.000001, "seed " + seed);
                }
                read++;
            } catch (NibbleException e) {
                assertTrue(e.getMessage().contains("x.csv"), "seed " + seed + ": " + e.getMessage());
            }
        }
        // Most mutations touch little; were few of them read, the test would not test the readers.
        assertTrue(read > 5000, "only " + read + " were read");
    }

    private static byte[] mutate(byte[] original, SplittableRandom random) {
        byte[] bytes = original.clone();
        int times = 1 + random.nextInt(8);
        for (int i = 0; i < times && bytes.length > 2; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(6)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1 -> bytes = java.util.Arrays.copyOf(bytes, Math.max(1, at));
                case 2 -> bytes = joined(bytes, 0, at, bytes, Math.min(bytes.length, at + random.nextInt(200)));
                case 3 -> bytes = joined(bytes, 0, at, bytes, Math.max(0, at - random.nextInt(200)));
                case 4 -> bytes[at] = (byte) "\n,:;\"{}[]()-e. \0".charAt(random.nextInt(16));
                default -> {
                    byte[] put = Long.toString(random.nextLong()).getBytes(StandardCharsets.UTF_8);
                    byte[] with = joined(put, 0, put.length, bytes, at);
                    bytes = joined(bytes, 0, at, with, 0);
                }
            }
        }
        return bytes;
    }

    private static byte[] joined(byte[] a, int from, int to, byte[] b, int rest) {
        byte[] all = new byte[to - from + b.length - rest];
        System.arraycopy(a, from, all, 0, to - from);
        System.arraycopy(b, rest, all, to - from, b.length - rest);
        return all;
    }
}
