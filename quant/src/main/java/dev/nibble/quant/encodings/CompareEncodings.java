package dev.nibble.quant.encodings;

import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.encodings.EncodingEntry.Width;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// What two encodings files say differently. Their versions and the order of entries do not count, nor does what only one
/// version can say (the axis, the flag of symmetry beside an offset that shows it).
public final class CompareEncodings {
    /// Files hold scales in double precision, tools compute with floats.
    public static final double SCALE_TOLERANCE = 1e-6;

    private CompareEncodings() {}

    /// @param kind `only in first`, `only in second`, `width`, `scale`, `offset`, `layout`, `type`
    /// @param text a sentence's worth, with figures
    public record Difference(String tensor, String kind, String text) {}

    /// The differences by tensor, in alphabetical order.
    ///
    /// @param tolerance how far scales may be apart, relative to the first's
    public static List<Difference> between(Encodings first, Encodings second, double tolerance) {
        List<Difference> differences = new ArrayList<>();
        Map<String, EncodingEntry> a = first.all();
        Map<String, EncodingEntry> b = second.all();
        TreeSet<String> names = new TreeSet<>(a.keySet());
        names.addAll(b.keySet());
        for (String name : names) {
            EncodingEntry left = a.get(name);
            EncodingEntry right = b.get(name);
            if (left == null || right == null) {
                differences.add(new Difference(
                        name, left == null ? "only in second" : "only in first", shown(left == null ? right : left)));
            } else {
                compare(left, right, tolerance).ifPresent(differences::add);
            }
        }
        return differences;
    }

    private static String shown(@org.jspecify.annotations.Nullable EncodingEntry entry) {
        return switch (entry) {
            case null -> "nothing";
            case Affine e ->
                "%d-bit, %s"
                        .formatted(
                                e.bits(),
                                e.layout().name().toLowerCase(Locale.ROOT).replace('_', ' '));
            case LowPowerBlocks e -> "%d-bit, LPBQ blocks of %d".formatted(e.compressedBits(), e.blockSize());
            case FloatingPoint e -> e.bits() + "-bit float";
            case Width e -> e.bits() + "-bit";
        };
    }

    private static Optional<Difference> compare(EncodingEntry a, EncodingEntry b, double tolerance) {
        String name = a.name();
        if (a instanceof LowPowerBlocks left && b instanceof LowPowerBlocks right) {
            if (left.compressedBits() != right.compressedBits() || left.blockSize() != right.blockSize()) {
                return Optional.of(new Difference(name, "width", shown(left) + " and " + shown(right)));
            }
            if (!Arrays.equals(left.blockScales(), right.blockScales())) {
                return Optional.of(new Difference(name, "scale", "the multiples of the channels' scales differ"));
            }
            return scales(name, left.channelScales(), right.channelScales(), tolerance);
        }
        if (a instanceof Affine left && b instanceof Affine right) {
            return affine(left, right, tolerance);
        }
        return a instanceof FloatingPoint
                                && b instanceof FloatingPoint
                                && ((FloatingPoint) a).bits() == ((FloatingPoint) b).bits()
                        || a instanceof Width left && b instanceof Width right && left.equals(right)
                ? Optional.empty()
                : Optional.of(new Difference(name, "type", shown(a) + " and " + shown(b)));
    }

    private static Optional<Difference> affine(Affine a, Affine b, double tolerance) {
        if (a.bits() != b.bits()) {
            return Optional.of(new Difference(a.name(), "width", shown(a) + " and " + shown(b)));
        }
        boolean axes = a.axis().isPresent() && b.axis().isPresent() && !a.axis().equals(b.axis());
        if (a.scales().length != b.scales().length || a.blockSize() != b.blockSize() || axes) {
            return Optional.of(new Difference(
                    a.name(),
                    "layout",
                    "%s with %d scales and %s with %d"
                            .formatted(shown(a), a.scales().length, shown(b), b.scales().length)));
        }
        Optional<Difference> scales = scales(a.name(), a.scales(), b.scales(), tolerance);
        if (scales.isPresent()) {
            return scales;
        }
        for (int i = 0; i < a.offsets().length; i++) {
            if (a.offsets()[i] != b.offsets()[i]) {
                return Optional.of(new Difference(
                        a.name(), "offset", "offset %d is %d and %d".formatted(i, a.offsets()[i], b.offsets()[i])));
            }
        }
        return Optional.empty();
    }

    private static Optional<Difference> scales(String name, double[] a, double[] b, double tolerance) {
        if (a.length != b.length) {
            return Optional.of(new Difference(name, "layout", "%d scales and %d".formatted(a.length, b.length)));
        }
        int worst = -1;
        double most = tolerance;
        for (int i = 0; i < a.length; i++) {
            double apart = Math.abs(b[i] / a[i] - 1);
            if (apart > most) {
                worst = i;
                most = apart;
            }
        }
        return worst < 0
                ? Optional.empty()
                : Optional.of(new Difference(
                        name,
                        "scale",
                        String.format(Locale.ROOT, "scale %d is %.6g and %.6g", worst, a[worst], b[worst])));
    }
}
