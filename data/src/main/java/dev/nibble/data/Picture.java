package dev.nibble.data;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/// Decodes JPEG and PNG into UINT8 height×width×3, red first, as the picture is meant to be seen.
///
/// The stored numbers are taken as they are, as training pipelines do: ICC profiles and gamma are not applied (a CMYK
/// JPEG is converted to RGB), alpha is dropped, grey is repeated in each channel, 16-bit samples keep their high byte,
/// a palette is looked up. EXIF orientation is applied.
final class Picture {
    /// Bytes a picture file may have.
    static final long LONGEST_FILE = 256L << 20;

    /// Pixels a picture may have; a header that claims more is refused before memory is set aside.
    static final long MOST_PIXELS = 64_000_000;

    private Picture() {}

    /// Whether Nibble decodes files of this name.
    static boolean isPicture(String name) {
        return name.matches("(?i).*\\.(jpe?g|png)");
    }

    /// @param where the file, for messages
    /// @throws NibbleException where it is no readable JPEG or PNG
    static Tensor decode(byte[] file, String where) {
        boolean jpeg = file.length > 3 && file[0] == (byte) 0xFF && file[1] == (byte) 0xD8;
        boolean png = file.length > 8 && file[0] == (byte) 0x89 && file[1] == 'P' && file[2] == 'N' && file[3] == 'G';
        if (!jpeg && !png) {
            throw unreadable(where, "it starts like neither JPEG nor PNG");
        }
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(jpeg ? "jpeg" : "png");
        ImageReader reader = readers.next();
        try (ImageInputStream in = new ByteArrayImageInputStream(file)) {
            reader.setInput(in, true, true);
            long width = reader.getWidth(0);
            long height = reader.getHeight(0);
            if (width * height > MOST_PIXELS) {
                throw unreadable(where, "it claims %d×%d pixels".formatted(width, height));
            }
            Truncation truncation = new Truncation();
            reader.addIIOReadWarningListener(truncation);
            BufferedImage image = reader.read(0);
            if (truncation.seen) {
                throw unreadable(where, "it ends early");
            }
            byte[] rgb = rgb(image, where);
            return jpeg
                    ? Orientation.of(file).apply(rgb, (int) height, (int) width)
                    : new Tensor(DataType.UINT8, Shape.of(height, width, 3), MemorySegment.ofArray(rgb));
        } catch (NibbleException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // ImageIO's readers meet damaged files with exceptions of any kind.
            throw new NibbleException(
                    "%s cannot be decoded: %s".formatted(where, e.getMessage()),
                    "open it in a viewer, save it again as PNG or JPEG, or leave it out",
                    e);
        } finally {
            reader.dispose();
        }
    }

    private static byte[] rgb(BufferedImage image, String where) {
        int width = image.getWidth();
        int height = image.getHeight();
        Raster raster = image.getRaster();
        byte[] rgb = new byte[Math.multiplyExact(3, width * height)];
        if (image.getColorModel() instanceof IndexColorModel palette) {
            int[] row = new int[width];
            for (int y = 0, to = 0; y < height; y++) {
                raster.getSamples(0, y, width, 1, 0, row);
                for (int x = 0; x < width; x++, to += 3) {
                    int color = palette.getRGB(row[x]);
                    rgb[to] = (byte) (color >> 16);
                    rgb[to + 1] = (byte) (color >> 8);
                    rgb[to + 2] = (byte) color;
                }
            }
            return rgb;
        }
        int kind = image.getColorModel().getColorSpace().getType();
        if (kind != ColorSpace.TYPE_RGB && kind != ColorSpace.TYPE_GRAY) {
            throw unreadable(where, "its colours are neither RGB nor grey");
        }
        boolean grey = raster.getNumBands() < 3;
        if (raster.getSampleModel() instanceof ComponentSampleModel model
                && raster.getDataBuffer() instanceof DataBufferByte buffer
                && buffer.getNumBanks() == 1) {
            copyBytes(raster, model, buffer, grey, rgb);
            return rgb;
        }
        int[][] rows = new int[3][width];
        for (int y = 0, to = 0; y < height; y++) {
            for (int band = 0; band < 3; band++) {
                raster.getSamples(0, y, width, 1, grey ? 0 : band, rows[band]);
            }
            for (int x = 0; x < width; x++) {
                for (int band = 0; band < 3; band++, to++) {
                    int bits = raster.getSampleModel().getSampleSize(grey ? 0 : band);
                    rgb[to] = (byte) (bits > 8 ? rows[band][x] >> (bits - 8) : rows[band][x]);
                }
            }
        }
        return rgb;
    }

    private static void copyBytes(
            Raster raster, ComponentSampleModel model, DataBufferByte buffer, boolean grey, byte[] rgb) {
        byte[] from = buffer.getData();
        int[] offsets = model.getBandOffsets();
        int red = offsets[0];
        int green = offsets[grey ? 0 : 1];
        int blue = offsets[grey ? 0 : 2];
        int step = model.getPixelStride();
        int origin = buffer.getOffset()
                - raster.getSampleModelTranslateY() * model.getScanlineStride()
                - raster.getSampleModelTranslateX() * step;
        for (int y = 0, to = 0; y < raster.getHeight(); y++) {
            int at = origin + y * model.getScanlineStride();
            for (int x = 0; x < raster.getWidth(); x++, at += step, to += 3) {
                rgb[to] = from[at + red];
                rgb[to + 1] = from[at + green];
                rgb[to + 2] = from[at + blue];
            }
        }
    }

    /// The JPEG reader fills what a cut-off file lacks with grey, and only warns.
    private static final class Truncation implements javax.imageio.event.IIOReadWarningListener {
        private boolean seen;

        @Override
        public void warningOccurred(ImageReader source, String warning) {
            seen |= warning.toLowerCase(java.util.Locale.ROOT).contains("premature end")
                    || warning.contains("Truncated");
        }
    }

    private static NibbleException unreadable(String where, String what) {
        return new NibbleException(
                where + " cannot be decoded: " + what, "save it again as PNG or JPEG, or leave it out");
    }
}
