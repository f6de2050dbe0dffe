package dev.nibble.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Decoding, resizing and ordering of pictures.
class PictureTest {
    private static final InputSpec SMALL = new InputSpec("x", DataType.FLOAT, new long[] {-1, 3, 4, 4});

    @TempDir
    Path folder;

    static byte[] encode(BufferedImage image, String format) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertTrue(ImageIO.write(image, format, out));
        return out.toByteArray();
    }

    /// Pixel (x, y) is (10·x, 20·y, 7).
    private static BufferedImage colours(int width, int height, int type) {
        BufferedImage image = new BufferedImage(width, height, type);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(x, y, 0xFF000000 | 10 * x << 16 | 20 * y << 8 | 7);
            }
        }
        return image;
    }

    private static long[] pixel(Tensor picture, int x, int y) {
        long at = (y * picture.shape().dim(1) + x) * 3;
        return new long[] {picture.longAt(at), picture.longAt(at + 1), picture.longAt(at + 2)};
    }

    @Test
    void pngGivesItsExactColours() throws Exception {
        for (int type : new int[] {
            BufferedImage.TYPE_INT_RGB,
            BufferedImage.TYPE_3BYTE_BGR,
            BufferedImage.TYPE_INT_ARGB,
            BufferedImage.TYPE_4BYTE_ABGR
        }) {
            Tensor picture = Picture.decode(encode(colours(5, 4, type), "png"), "x");
            assertEquals(Shape.of(4, 5, 3), picture.shape());
            assertArrayEquals(new long[] {40, 60, 7}, pixel(picture, 4, 3));
            assertArrayEquals(new long[] {10, 0, 7}, pixel(picture, 1, 0));
        }
    }

    @Test
    void greyIsTakenAsStoredWithoutGamma() throws Exception {
        for (int type : new int[] {BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_USHORT_GRAY}) {
            BufferedImage image = new BufferedImage(3, 1, type);
            int unit = type == BufferedImage.TYPE_BYTE_GRAY ? 1 : 256;
            for (int x = 0; x < 3; x++) {
                image.getRaster().setSample(x, 0, 0, 100 * x * unit);
            }
            Tensor picture = Picture.decode(encode(image, "png"), "x");
            assertArrayEquals(new long[] {0, 0, 0, 100, 100, 100, 200, 200, 200}, picture.toLongs());
        }
    }

    @Test
    void palettesAreLookedUp() throws Exception {
        byte[] red = {0, (byte) 200};
        byte[] green = {50, 0};
        byte[] blue = {0, 9};
        BufferedImage image =
                new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_BINARY, new IndexColorModel(1, 2, red, green, blue));
        image.getRaster().setSample(1, 0, 0, 1);
        assertArrayEquals(
                new long[] {0, 50, 0, 200, 0, 9},
                Picture.decode(encode(image, "png"), "x").toLongs());
    }

    @Test
    void transparencyIsDropped() throws Exception {
        BufferedImage image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB);
        image.setRGB(0, 0, 0x40_112233);
        assertArrayEquals(
                new long[] {0x11, 0x22, 0x33},
                Picture.decode(encode(image, "png"), "x").toLongs());
    }

    /// Where the stored top left corner goes: EXIF 2.32, table 6 of §4.6.4.
    @ParameterizedTest
    @CsvSource({"1, 0, 0", "2, 1, 0", "3, 1, 1", "4, 0, 1", "5, 0, 0", "6, 1, 0", "7, 1, 1", "8, 0, 1"})
    void exifTurnsPicturesUpright(int code, int right, int bottom) throws Exception {
        BufferedImage image = new BufferedImage(32, 16, BufferedImage.TYPE_3BYTE_BGR);
        for (int y = 0; y < 8; y++) {
            for (int x = 0; x < 8; x++) {
                image.setRGB(x, y, 0xFFFFFF);
            }
        }
        byte[] jpeg = encode(image, "jpeg");
        ByteBuffer file = ByteBuffer.allocate(jpeg.length + 36);
        file.putShort((short) 0xFFD8).putShort((short) 0xFFE1).putShort((short) 34);
        file.put("Exif".getBytes(UTF_8))
                .putShort((short) 0)
                .put("MM".getBytes(UTF_8))
                .putShort((short) 42)
                .putInt(8);
        file.putShort((short) 1).putShort((short) 0x0112).putShort((short) 3).putInt(1);
        file.putShort((short) code).putShort((short) 0).putInt(0);
        file.put(jpeg, 2, jpeg.length - 2);
        Tensor picture = Picture.decode(file.array(), "x");
        int height = code >= 5 ? 32 : 16;
        int width = code >= 5 ? 16 : 32;
        assertEquals(Shape.of(height, width, 3), picture.shape());
        for (int corner = 0; corner < 4; corner++) {
            int x = corner % 2 == 0 ? 2 : width - 3;
            int y = corner / 2 == 0 ? 2 : height - 3;
            boolean white = corner % 2 == right && corner / 2 == bottom;
            // JPEG rounds; black and white stay far apart.
            assertEquals(white ? 255 : 0, pixel(picture, x, y)[0], 30, "corner " + corner);
        }
    }

    @Test
    void cutOffJpegsAreRefusedNotFilledWithGrey() throws Exception {
        Random random = new Random(1);
        BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_3BYTE_BGR);
        for (int i = 0; i < 64 * 64; i++) {
            image.setRGB(i % 64, i / 64, random.nextInt());
        }
        for (String format : new String[] {"jpeg", "png"}) {
            byte[] whole = encode(image, format);
            byte[] half = Arrays.copyOf(whole, whole.length / 2);
            NibbleException e = assertThrows(NibbleException.class, () -> Picture.decode(half, "'half'"));
            assertTrue(e.getMessage().startsWith("'half' cannot be decoded"), e.getMessage());
        }
    }

    @Test
    void hugeClaimsAreRefused() throws Exception {
        byte[] png = encode(colours(4, 4, BufferedImage.TYPE_INT_RGB), "png");
        ByteBuffer.wrap(png).putInt(16, 60_000).putInt(20, 60_000);
        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
        crc.update(png, 12, 17);
        ByteBuffer.wrap(png).putInt(29, (int) crc.getValue());
        NibbleException e = assertThrows(NibbleException.class, () -> Picture.decode(png, "'x'"));
        assertTrue(e.getMessage().contains("60000×60000"), e.getMessage());
    }

    @Test
    void resizingIsATriangleFilter() {
        // Halving four pixels: support 2 around each centre, weights 3, 3, 1 of 7 at the edge (Pillow gives 13.71…).
        float[] half = Resample.bilinear(new float[] {0, 10, 40, 90}, 1, 1, 4, 1, 1, 2);
        assertEquals((3 * 0 + 3 * 10 + 1 * 40) / 7f, half[0], 1e-5);
        assertEquals((1 * 10 + 3 * 40 + 3 * 90) / 7f, half[1], 1e-5);
        // Doubling two: plain linear interpolation, held at the edges.
        assertArrayEquals(new float[] {0, 2, 6, 8}, Resample.bilinear(new float[] {0, 8}, 1, 1, 2, 1, 1, 4), 1e-5f);
        float[] constant = new float[7 * 5 * 3];
        Arrays.fill(constant, 42);
        for (float value : Resample.bilinear(constant, 1, 7, 5, 3, 4, 11)) {
            assertEquals(42, value, 1e-4);
        }
    }

    @Test
    void theShorterSideIsResizedAndTheCentreKept() throws Exception {
        Files.write(folder.resolve("x.png"), encode(colours(12, 6, BufferedImage.TYPE_INT_RGB), "png"));
        try (DataSet set = DataSet.open(folder, DataOptions.NONE.withResize(null, 4), List.of(SMALL))) {
            Tensor tensor = set.sample(0).get("x");
            // 12×6 cropped to 4×4: x from 4, y from 1.
            assertEquals(40, tensor.floatAt(0));
            assertEquals(20, tensor.floatAt(16));
            assertEquals(7, tensor.floatAt(32));
        }
        try (DataSet set = DataSet.open(folder, DataOptions.NONE.withResize(4, 4), List.of(SMALL))) {
            assertEquals(Shape.of(1, 3, 4, 4), set.sample(0).get("x").shape());
        }
        NibbleException e =
                assertThrows(NibbleException.class, () -> DataSet.open(folder, DataOptions.NONE, List.of(SMALL)));
        assertTrue(e.hint().contains("--resize 4 --crop 4"), e.hint());
    }

    @Test
    void orderIsTheTablesElseByName() throws Exception {
        for (String name : new String[] {"b.png", "a.png", "c.png"}) {
            Files.write(folder.resolve(name), encode(colours(4, 4, BufferedImage.TYPE_INT_RGB), "png"));
        }
        Files.writeString(folder.resolve("notes.md"), "hello");
        try (DataSet set = DataSet.open(folder, DataOptions.NONE, List.of(SMALL))) {
            assertEquals(List.of("a.png", "b.png", "c.png"), List.of(set.name(0), set.name(1), set.name(2)));
            assertTrue(set.findings().stream().anyMatch(f -> f.text().contains("'notes.md'")));
        }
        Files.writeString(folder.resolve("labels.csv"), "file,label\nc.png,5\na.png,text\n");
        try (DataSet set = DataSet.open(folder, DataOptions.NONE, List.of(SMALL))) {
            assertEquals(2, set.size());
            assertEquals("c.png", set.name(0));
            assertEquals("text", set.label(1).orElseThrow().text());
            assertTrue(set.findings().stream().anyMatch(f -> f.text().contains("'b.png'")));
        }
        Files.writeString(folder.resolve("labels.csv"), "file,label\nd.png,5\n");
        assertThrows(NibbleException.class, () -> DataSet.open(folder, DataOptions.NONE, List.of(SMALL)));
    }

    @Test
    void aModelOfOneChannelGetsLuma() throws Exception {
        Files.write(folder.resolve("x.png"), encode(colours(4, 4, BufferedImage.TYPE_INT_RGB), "png"));
        InputSpec grey = new InputSpec("x", DataType.FLOAT, new long[] {-1, 1, 4, 4});
        try (DataSet set = DataSet.open(folder, DataOptions.NONE, List.of(grey))) {
            float expected = Math.round(0.299 * 30 + 0.587 * 60 + 0.114 * 7);
            assertEquals(expected, set.sample(0).get("x").floatAt(15));
        }
    }

    @Test
    void picturesOfDifferentWidthsComeInBatchesOfOneShape() throws Exception {
        int[] widths = {8, 8, 12, 12, 12, 8};
        for (int i = 0; i < widths.length; i++) {
            Files.write(folder.resolve(i + ".png"), encode(colours(widths[i], 4, BufferedImage.TYPE_INT_RGB), "png"));
        }
        InputSpec lines = new InputSpec("x", DataType.FLOAT, new long[] {-1, 3, 4, -1});
        StringBuilder seen = new StringBuilder();
        try (DataSet set = DataSet.open(folder, DataOptions.NONE, List.of(lines));
                Batches batches = set.batches(2)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                seen.append(batch.first())
                        .append(':')
                        .append(batch.inputs().get("x").shape())
                        .append(' ');
            }
        }
        assertEquals("0:2×3×4×8 2:2×3×4×12 4:1×3×4×12 5:1×3×4×8 ", seen.toString());
    }
}
