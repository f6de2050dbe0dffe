package dev.nibble.pipeline.demo;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.awt.image.ConvolveOp;
import java.awt.image.Kernel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/// Draws lines of text as a camera might have seen them: slanted, blurred, noisy, faint. The same `random` gives the
/// same lines on every machine.
public final class TextLines {
    /// Pixels of a line, the input of PP-OCR's recognisers.
    public static final int HEIGHT = 48;

    /// As [#HEIGHT].
    public static final int WIDTH = 320;

    private static final int MARGIN = 6;
    private static final String DIGITS = "0123456789";

    private final List<String> words;
    private final GlyphOutlines outlines;

    /// A drawn line and what stands in it.
    public record Line(String text, BufferedImage image) {}

    public TextLines() {
        words = words();
        outlines = new GlyphOutlines(String.join("", words)
                + String.join("", words).toUpperCase(java.util.Locale.ROOT) + DIGITS + " .,:-/%$#");
    }

    /// Draws `count` lines.
    public List<Line> draw(int count, RandomGenerator random) {
        List<Line> lines = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            lines.add(draw(random));
        }
        return lines;
    }

    private Line draw(RandomGenerator random) {
        double size = random.nextDouble(24, 34);
        String text = text(random);
        while (outlines.width(text, size) > WIDTH - 2 * MARGIN - 10) {
            text = text(random);
        }
        return new Line(text, image(text, size, random));
    }

    /// One to three words, or something with digits in it, as on signs, labels and receipts.
    private String text(RandomGenerator random) {
        return switch (random.nextInt(6)) {
            case 0 -> word(random) + " " + digits(1 + random.nextInt(4), random);
            case 1 -> "$" + digits(1 + random.nextInt(3), random) + "." + digits(2, random);
            case 2 -> digits(2, random) + "/" + digits(2, random) + "/20" + digits(2, random);
            case 3 -> word(random);
            case 4 -> word(random) + " " + word(random);
            default -> word(random) + " " + word(random) + " " + word(random);
        };
    }

    private String word(RandomGenerator random) {
        String word = words.get(random.nextInt(words.size()));
        return switch (random.nextInt(4)) {
            case 0 -> word.toUpperCase(java.util.Locale.ROOT);
            case 1 -> Character.toUpperCase(word.charAt(0)) + word.substring(1);
            default -> word;
        };
    }

    private static String digits(int count, RandomGenerator random) {
        StringBuilder digits = new StringBuilder();
        for (int i = 0; i < count; i++) {
            digits.append(DIGITS.charAt(random.nextInt(DIGITS.length())));
        }
        return digits.toString();
    }

    private BufferedImage image(String text, double size, RandomGenerator random) {
        int paper = random.nextInt(140, 250);
        int ink = Math.max(0, paper - random.nextInt(60, 180));
        if (random.nextInt(4) == 0) {
            int swapped = paper;
            paper = ink;
            ink = swapped;
        }
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_BYTE_GRAY);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        graphics.setColor(gray(paper));
        graphics.fillRect(0, 0, WIDTH, HEIGHT);
        Path2D line = outlines.line(text, size);
        AffineTransform place = AffineTransform.getTranslateInstance(
                MARGIN + random.nextDouble(0, 4), HEIGHT / 2.0 + size * 0.34 + random.nextDouble(-2, 2));
        place.rotate(random.nextDouble(-0.012, 0.012));
        place.shear(random.nextDouble(-0.28, 0.18), 0);
        graphics.setColor(gray(ink));
        graphics.fill(line.createTransformedShape(place));
        graphics.dispose();
        return noisy(blurred(image, random.nextDouble(0.3, 1.5)), random.nextDouble(2, 22), random);
    }

    private static Color gray(int level) {
        return new Color(level, level, level);
    }

    /// Gaussian blur, edges repeated.
    private static BufferedImage blurred(BufferedImage image, double sigma) {
        int radius = (int) Math.ceil(2 * sigma);
        float[] weights = new float[2 * radius + 1];
        float sum = 0;
        for (int i = -radius; i <= radius; i++) {
            weights[i + radius] = (float) StrictMath.exp(-i * i / (2 * sigma * sigma));
            sum += weights[i + radius];
        }
        for (int i = 0; i < weights.length; i++) {
            weights[i] /= sum;
        }
        ConvolveOp across = new ConvolveOp(new Kernel(weights.length, 1, weights), ConvolveOp.EDGE_NO_OP, null);
        ConvolveOp down = new ConvolveOp(new Kernel(1, weights.length, weights), ConvolveOp.EDGE_NO_OP, null);
        return down.filter(across.filter(image, null), null);
    }

    private static BufferedImage noisy(BufferedImage image, double sigma, RandomGenerator random) {
        BufferedImage out = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_3BYTE_BGR);
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                int level = image.getRaster().getSample(x, y, 0);
                int seen = (int) Math.clamp(Math.round(level + random.nextGaussian() * sigma), 0L, 255L);
                out.setRGB(x, y, seen << 16 | seen << 8 | seen);
            }
        }
        return out;
    }

    private static List<String> words() {
        try (InputStream in = TextLines.class.getResourceAsStream("words.txt")) {
            if (in == null) {
                throw new IOException("words.txt is not on the class path");
            }
            return Arrays.stream(new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\\s+"))
                    .filter(word -> !word.isEmpty())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
