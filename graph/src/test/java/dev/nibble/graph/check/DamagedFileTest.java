package dev.nibble.graph.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.graph.shape.ShapeInference;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whatever bytes come in: a model, or an error in the house form. Never another exception, a hang, or more
/// memory than the file gives reason for.
class DamagedFileTest {
    private static final int MUTATIONS = 10_000;

    @TempDir
    Path folder;

    @Test
    void tenThousandMutationsGiveAResultOrAHouseError() {
        List<byte[]> seeds = seeds();
        Random random = new Random(20_261_122);
        int[] outcomes = new int[3];
        Assertions.assertTimeout(Duration.ofMinutes(2), () -> {
            for (int i = 0; i < MUTATIONS; i++) {
                byte[] mutated = mutate(seeds, random);
                try {
                    use(mutated, outcomes);
                } catch (NibbleException e) {
                    assertFalse(e.getMessage().isBlank() || e.hint().isBlank());
                    outcomes[2]++;
                } catch (Throwable e) {
                    throw new AssertionError("mutation " + i + " of " + mutated.length + " bytes", e);
                }
            }
        });
        // Both ways out must be taken, or the mutations test nothing.
        assertTrue(outcomes[0] > 500, outcomes[0] + " were valid");
        assertTrue(outcomes[1] > 200, outcomes[1] + " were read, but had errors");
        assertTrue(outcomes[2] > 500, outcomes[2] + " were refused");
    }

    private static void use(byte[] bytes, int[] outcomes) {
        Model model = ModelReader.read(MemorySegment.ofArray(bytes), "mutation", null);
        List<Problem> problems = ModelChecker.check(model);
        for (Initializer initializer : model.graph().initializers()) {
            try {
                initializer.tensor();
            } catch (NibbleException e) {
                assertFalse(e.hint().isBlank());
            }
        }
        NonFiniteWeights.find(model);
        ModelWriter.toBytes(model);
        boolean wrong = problems.stream().anyMatch(Problem::isError);
        outcomes[wrong ? 1 : 0]++;
        ShapeInference.inferOwn(ModelChecker.accept(model).model());
    }

    /// Small models of many kinds: weights, subgraphs, functions, sequences, narrow types, shape computations.
    private static List<byte[]> seeds() {
        Map<String, byte[]> models = SharedData.backendModels();
        List<byte[]> seeds = new ArrayList<>();
        List<String> kinds =
                List.of("if", "loop", "scan", "resize", "lstm", "int4", "sequence", "optional", "gemm", "conv");
        int[] taken = new int[kinds.size()];
        models.forEach((name, bytes) -> {
            for (int k = 0; k < kinds.size(); k++) {
                if (name.toLowerCase(java.util.Locale.ROOT).contains(kinds.get(k))
                        && bytes.length < 8192
                        && taken[k]++ < 4) {
                    seeds.add(bytes);
                    return;
                }
            }
        });
        models.forEach((name, bytes) -> {
            if ((name.startsWith("pytorch") || name.startsWith("simple")) && bytes.length < 16_384) {
                seeds.add(bytes);
            }
        });
        assertTrue(seeds.size() > 50, "only " + seeds.size() + " seeds");
        return seeds;
    }

    private static byte[] mutate(List<byte[]> seeds, Random random) {
        byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                for (int n = 1 + random.nextInt(4); n > 0; n--) {
                    bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 2 -> bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length));
            case 3 -> {
                byte[] other = seeds.get(random.nextInt(seeds.size()));
                int head = random.nextInt(bytes.length);
                int tail = random.nextInt(other.length);
                byte[] spliced = java.util.Arrays.copyOf(bytes, head + other.length - tail);
                System.arraycopy(other, tail, spliced, head, other.length - tail);
                bytes = spliced;
            }
            case 4 -> {
                // A length or number that is far too large: ten bytes of varint over what stood there.
                int at = random.nextInt(bytes.length);
                for (int i = at; i < Math.min(bytes.length - 1, at + 1 + random.nextInt(9)); i++) {
                    bytes[i] = (byte) 0xFF;
                }
            }
            default -> {
                // Names that clash: a stretch of the file copied over another.
                int length = 1 + random.nextInt(Math.min(16, bytes.length));
                System.arraycopy(
                        bytes,
                        random.nextInt(bytes.length - length + 1),
                        bytes,
                        random.nextInt(bytes.length - length + 1),
                        length);
            }
        }
        return bytes;
    }

    @Test
    void randomBytesAreNoModel() {
        Random random = new Random(7);
        for (int i = 0; i < 2000; i++) {
            byte[] bytes = new byte[1 + random.nextInt(400)];
            random.nextBytes(bytes);
            try {
                use(bytes, new int[3]);
            } catch (NibbleException e) {
                assertFalse(e.hint().isBlank());
            }
        }
    }

    @Test
    void whatIsNoFileIsSaidSo() throws IOException {
        Path empty = Files.createFile(folder.resolve("empty.onnx"));
        assertEquals("'" + empty + "' is empty", refused(empty));
        assertEquals("'" + folder + "' is a directory, not a model", refused(folder));
        Path none = folder.resolve("none.onnx");
        assertEquals("there is no file '" + none + "'", refused(none));
        Path text = Files.writeString(folder.resolve("text.onnx"), "not a model\n");
        assertTrue(refused(text).contains("is not an ONNX model, or is damaged"), refused(text));
    }

    @Test
    void messagesInsideMessagesEndSomewhere() {
        // Sequence types inside each other, far deeper than any parser follows.
        byte[] inner = new byte[0];
        for (int i = 0; i < 5000; i++) {
            inner = field(0x22, field(0x0A, inner));
        }
        byte[] nested = field(0x3A, field(0x5A, field(0x12, inner)));
        NibbleException refused = assertThrows(
                NibbleException.class, () -> ModelReader.read(MemorySegment.ofArray(nested), "nested", null));
        assertTrue(refused.getMessage().contains("nested more than 100 deep"), refused.getMessage());
    }

    private static byte[] field(int tag, byte[] content) {
        byte[] head = new byte[6];
        head[0] = (byte) tag;
        int at = 1;
        int left = content.length;
        while (left > 127) {
            head[at++] = (byte) (left & 127 | 128);
            left >>>= 7;
        }
        head[at++] = (byte) left;
        byte[] all = java.util.Arrays.copyOf(head, at + content.length);
        System.arraycopy(content, 0, all, at, content.length);
        return all;
    }

    private static String refused(Path file) {
        NibbleException refused = assertThrows(NibbleException.class, () -> ModelReader.read(file));
        assertFalse(refused.hint().isBlank());
        return refused.getMessage();
    }
}
