package dev.nibble.pipeline.demo;

import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.fontbox.ttf.CmapLookup;
import org.apache.fontbox.ttf.TTFParser;
import org.apache.fontbox.ttf.TrueTypeFont;
import org.apache.pdfbox.io.RandomAccessReadBuffer;

/// The outlines of Liberation Sans, the typeface that PDFBox carries, so that text looks the same on every machine,
/// with or without fonts of its own.
final class GlyphOutlines {
    private static final String FONT = "/org/apache/pdfbox/resources/ttf/LiberationSans-Regular.ttf";

    private final Map<Integer, Glyph> glyphs = new HashMap<>();

    /// @param outline in font units, y upwards
    private record Glyph(Path2D outline, double advance) {}

    /// @param characters every character that will be drawn
    /// @throws UncheckedIOException where PDFBox's font cannot be read
    GlyphOutlines(String characters) {
        try (InputStream in = GlyphOutlines.class.getResourceAsStream(FONT)) {
            if (in == null) {
                throw new IOException("PDFBox's font is not on the class path: " + FONT);
            }
            try (TrueTypeFont font = new TTFParser().parse(new RandomAccessReadBuffer(in))) {
                CmapLookup lookup = font.getUnicodeCmapLookup();
                double unit = 1.0 / font.getUnitsPerEm();
                for (int character : characters.codePoints().distinct().toArray()) {
                    int id = lookup.getGlyphId(character);
                    Path2D outline = new Path2D.Double(
                            font.getGlyph().getGlyph(id) == null
                                    ? new Path2D.Double()
                                    : font.getGlyph().getGlyph(id).getPath(),
                            AffineTransform.getScaleInstance(unit, -unit));
                    glyphs.put(character, new Glyph(outline, font.getAdvanceWidth(id) * unit));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The outline of a line of text, baseline at y = 0, one em = `size` pixels, y downwards.
    Path2D line(String text, double size) {
        Path2D line = new Path2D.Double();
        double x = 0;
        for (int character : text.codePoints().toArray()) {
            Glyph glyph = glyph(character);
            AffineTransform place = AffineTransform.getTranslateInstance(x * size, 0);
            place.scale(size, size);
            line.append(glyph.outline.getPathIterator(place), false);
            x += glyph.advance;
        }
        return line;
    }

    /// The width of a line of text in pixels.
    double width(String text, double size) {
        return text.codePoints().mapToDouble(c -> glyph(c).advance).sum() * size;
    }

    private Glyph glyph(int character) {
        Glyph glyph = glyphs.get(character);
        if (glyph == null) {
            throw new IllegalArgumentException("no outline was loaded for '" + Character.toString(character) + "'");
        }
        return glyph;
    }
}
