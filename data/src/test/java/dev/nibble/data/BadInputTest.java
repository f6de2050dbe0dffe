package dev.nibble.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import java.awt.image.BufferedImage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// 10,000 seeded mutations of data files: a result or a [NibbleException], never anything else, never a hang.
class BadInputTest {
    private static final List<InputSpec> ONE = List.of(new InputSpec("x", DataType.FLOAT, new long[] {-1, 4}));
    private static final List<InputSpec> PICTURE =
            List.of(new InputSpec("x", DataType.FLOAT, new long[] {-1, 3, -1, -1}));

    @TempDir
    Path folder;

    private byte[] seed(String kind) throws Exception {
        byte[] array = Npy.floats(new long[] {3, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        byte[] labels = Npy.bytes(new long[] {3}, 1, 2, 3);
        return switch (kind) {
            case "npy" -> array;
            case "stored.npz" -> Npy.zip(true, Npy.files("x.npy", array, "labels.npy", labels));
            case "packed.npz" -> Npy.zip(false, Npy.files("x.npy", array, "labels.npy", labels));
            case "zip" -> {
                BufferedImage image = new BufferedImage(6, 5, BufferedImage.TYPE_3BYTE_BGR);
                yield Npy.zip(
                        true,
                        Npy.files(
                                "a.jpg", PictureTest.encode(image, "jpeg"),
                                "b.png", PictureTest.encode(image, "png"),
                                "labels.csv", "file,label\na.jpg,1\nb.png,2\n".getBytes(UTF_8)));
            }
            case "csv" -> "file,label,\"who, what\"\nx,1,\"a \"\"b\"\"\"\ny,2,c\nz,3,d\n".getBytes(UTF_8);
            case "toml" ->
                ("data = \"good.npy\"\nlabels = \"labels.npy\"\nmean = [0.5, 1.5, 2, 3]\nstd = 2\nscale = 1.0\n"
                                + "skip = 1\nevery = 1\ntake = 2\nbatch = 2\nlayout = \"nhwc\"\n")
                        .getBytes(UTF_8);
            case "txt" -> "#out\nx:=a.raw\na.raw\n%out\nx:=a.raw\n".getBytes(UTF_8);
            default -> throw new IllegalArgumentException(kind);
        };
    }

    @ParameterizedTest
    @CsvSource({"npy, 2500", "stored.npz, 2000", "packed.npz, 1500", "zip, 1000", "csv, 1000", "toml, 1000", "txt, 1000"
    })
    void mutationsEndInAResultOrAPlainError(String kind, int count) throws Exception {
        Files.write(folder.resolve("good.npy"), seed("npy"));
        Files.write(folder.resolve("labels.npy"), Npy.bytes(new long[] {3}, 1, 2, 3));
        Files.write(
                folder.resolve("a.raw"),
                ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putFloat(1)
                        .array());
        byte[] good = seed(kind);
        assertFalse(refused(kind, good), "the seed itself must be readable");
        Random random = new Random(kind.hashCode());
        int[] refused = {0};
        // Generous: the whole run takes a few seconds; a hang takes forever.
        assertTimeoutPreemptively(Duration.ofSeconds(120), () -> {
            for (int i = 0; i < count; i++) {
                byte[] bad = mutate(good, random);
                try {
                    refused[0] += refused(kind, bad) ? 1 : 0;
                } catch (Throwable e) {
                    fail(
                            "mutation %d of %s: %s"
                                    .formatted(i, kind, HexFormat.of().formatHex(bad)),
                            e);
                }
            }
        });
        assertTrue(refused[0] > count / 20, "only %d of %d were refused".formatted(refused[0], count));
    }

    /// Reads the file to the end.
    private boolean refused(String kind, byte[] content) throws Exception {
        boolean table = kind.equals("csv");
        Path path = Files.write(folder.resolve("mutated." + kind), content);
        DataOptions options = table ? DataOptions.NONE.withLabels(path, null) : DataOptions.NONE;
        try (DataSet set = DataSet.open(
                        table ? folder.resolve("good.npy") : path, options, kind.equals("zip") ? PICTURE : ONE);
                Batches batches = set.batches(2, new Doctor())) {
            while (batches.hasNext()) {
                batches.next();
            }
            return false;
        } catch (NibbleException e) {
            assertFalse(e.getMessage().isBlank() || e.hint().isBlank());
            return true;
        }
    }

    private static byte[] mutate(byte[] good, Random random) {
        byte[] bad = good.clone();
        switch (random.nextInt(6)) {
            case 0 -> bad = Arrays.copyOf(bad, random.nextInt(bad.length));
            case 1 -> {
                for (int i = random.nextInt(4); i >= 0; i--) {
                    bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
                }
            }
            case 2 -> bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
            case 3 -> {
                int at = random.nextInt(bad.length);
                int length = Math.min(bad.length - at, 1 + random.nextInt(8));
                Arrays.fill(bad, at, at + length, (byte) (random.nextBoolean() ? 0xFF : random.nextInt(256)));
            }
            case 4 -> {
                int at = random.nextInt(bad.length + 1);
                byte[] longer = new byte[bad.length + 1 + random.nextInt(12)];
                System.arraycopy(bad, 0, longer, 0, at);
                for (int i = at; i < at + longer.length - bad.length; i++) {
                    longer[i] = "0123456789{}[]()'\",:=-#%\n\\\0".getBytes(UTF_8)[random.nextInt(27)];
                }
                System.arraycopy(bad, at, longer, at + longer.length - bad.length, bad.length - at);
                bad = longer;
            }
            default -> {
                int from = random.nextInt(bad.length);
                int to = random.nextInt(bad.length);
                int length = Math.min(random.nextInt(24), bad.length - Math.max(from, to));
                System.arraycopy(good, from, bad, to, length);
            }
        }
        return bad;
    }

    @Test
    void randomBytesEmptyFilesAndFoldersOfNothing() throws Exception {
        Random random = new Random(1);
        for (String kind : new String[] {"npy", "npz", "zip", "toml", "txt", "bin", "jpg"}) {
            for (int length : new int[] {0, 1, 30, 5000}) {
                byte[] bytes = new byte[length];
                random.nextBytes(bytes);
                assertTrue(refused(kind, bytes), kind + " of " + length);
            }
        }
        Path empty = Files.createDirectory(folder.resolve("empty"));
        NibbleException e = assertThrows(NibbleException.class, () -> DataSet.open(empty, DataOptions.NONE, PICTURE));
        assertTrue(e.getMessage().contains("no samples"), e.getMessage());
        assertThrows(NibbleException.class, () -> DataSet.open(folder.resolve("absent.npy"), DataOptions.NONE, ONE));
        Path directory = Files.createDirectory(folder.resolve("x.npy"));
        assertThrows(NibbleException.class, () -> DataSet.open(directory, DataOptions.NONE, ONE));
    }

    @Test
    void zipBombsAreRefusedBeforeTheyAreUnpacked() throws Exception {
        byte[] packed = Npy.zip(false, Npy.files("x.npy", new byte[4096]));
        ByteBuffer file = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        int directory = file.getInt(packed.length - 6);
        file.putInt(directory + 24, 0x7FFF_FFFF);
        Path path = Files.write(folder.resolve("bomb.npz"), packed);
        NibbleException e = assertThrows(NibbleException.class, () -> DataSet.open(path, DataOptions.NONE, ONE));
        assertTrue(e.getMessage().contains("claims to unpack"), e.getMessage());
    }
}
