package dev.nibble.report;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How numbers are written for people: the same in the page, the terminal and the verdict. What is absent is `–`.
public final class Figures {
    /// Stands for a number that is not known.
    public static final String ABSENT = "–";

    /// Stands before the name of a figure that compares the HTP with the CPU on the same file.
    private static final String HTP_TO_CPU = "htpToCpu.";

    private static final String[] BYTE_UNITS = {"B", "kB", "MB", "GB", "TB"};
    private static final double BYTES_A_UNIT = 1000;
    private static final double SECONDS_A_MINUTE = 60;

    private Figures() {}

    /// A fraction as percentage: `91.70 %`.
    public static String percent(@Nullable Double fraction) {
        return fraction == null ? ABSENT : signless(fraction * 100, 2) + " %";
    }

    /// A difference of fractions as signed percentage points, without the word: `−0.03`.
    public static String points(@Nullable Double difference) {
        return difference == null ? ABSENT : signed(difference * 100, 2);
    }

    /// An interval of differences: `−0.21 … +0.15`.
    public static String points(@Nullable Interval differences) {
        return differences == null ? ABSENT : points(differences.low()) + " … " + points(differences.high());
    }

    /// An interval of fractions: `91.14 … 92.21 %`.
    public static String percent(@Nullable Interval fractions) {
        return fractions == null
                ? ABSENT
                : signless(fractions.low() * 100, 2) + " … " + signless(fractions.high() * 100, 2) + " %";
    }

    /// `38.2 dB`; `exact` at [Decibels#EXACT].
    public static String decibels(@Nullable Double value) {
        return value == null ? ABSENT : value >= Decibels.EXACT ? "exact" : signless(value, 1) + " dB";
    }

    /// Four digits, five where it is near 1: `0.99987`.
    public static String cosine(@Nullable Double value) {
        return value == null ? ABSENT : signless(value, Math.abs(value) >= 0.999 ? 5 : 4);
    }

    /// Decimal units, three digits: `10.9 MB`.
    public static String bytes(@Nullable Long bytes) {
        if (bytes == null) {
            return ABSENT;
        }
        double value = bytes;
        int unit = 0;
        while (Math.abs(value) >= BYTES_A_UNIT - 0.5 && unit + 1 < BYTE_UNITS.length) {
            value /= BYTES_A_UNIT;
            unit++;
        }
        return (unit == 0 ? Long.toString(bytes) : threeDigits(value)) + " " + BYTE_UNITS[unit];
    }

    /// `38 ms`, `4.21 s`, `2 min 05 s`.
    public static String seconds(@Nullable Double seconds) {
        if (seconds == null) {
            return ABSENT;
        }
        if (seconds < 0.0995) {
            return String.format(Locale.ROOT, seconds < 0.00995 ? "%.1f ms" : "%.0f ms", seconds * 1000);
        }
        if (seconds < SECONDS_A_MINUTE - 0.05) {
            return threeDigits(seconds) + " s";
        }
        long whole = Math.round(seconds);
        return String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60);
    }

    /// With separators: `5,000`.
    public static String count(@Nullable Long count) {
        return count == null ? ABSENT : String.format(Locale.ROOT, "%,d", count);
    }

    /// A count with its noun: `1 sample`, `5,000 samples`.
    public static String count(long count, String noun) {
        return count(count) + " " + noun + (count == 1 ? "" : "s");
    }

    /// Large counts in short: `4.23 M`, `569 M`, `1.2 G`.
    public static String amount(@Nullable Long count) {
        if (count == null) {
            return ABSENT;
        }
        double value = count;
        String[] units = {"", " k", " M", " G", " T"};
        int unit = 0;
        while (Math.abs(value) >= 999.5 && unit + 1 < units.length) {
            value /= 1000;
            unit++;
        }
        return unit == 0 ? Long.toString(count) : threeDigits(value) + units[unit];
    }

    /// Four significant digits, as for scales and ranges: `0.02353`, `−3.917`, `1.2e−07`.
    public static String number(@Nullable Double value) {
        if (value == null || !Double.isFinite(value)) {
            return ABSENT;
        }
        double size = Math.abs(value);
        if (size == 0) {
            return "0";
        }
        if (size < 1e-4 || size >= 1e6) {
            return String.format(Locale.ROOT, "%.2e", value).replace('-', '−');
        }
        int digits = Math.clamp(3 - (int) Math.floor(Math.log10(size)), 0, 7);
        String text = signless(value, digits);
        return text.indexOf('.') < 0 ? text : text.replaceAll("0+$", "").replaceAll("\\.$", "");
    }

    /// A value of the metric `name`: accuracies and agreements are fractions.
    public static String metricName(String name) {
        if (name.startsWith(HTP_TO_CPU)) {
            return metricName(name.substring(HTP_TO_CPU.length())) + ", HTP to CPU";
        }
        return switch (name) {
            case "top1" -> "top-1 accuracy";
            case "top5" -> "top-5 accuracy";
            case "characterAccuracy" -> "character accuracy";
            case "wordAccuracy" -> "word accuracy";
            case "argmaxAgreement" -> "arg-max agreement";
            case "sqnrDb" -> "SQNR";
            case "klNats" -> "KL divergence";
            case "spearman" -> "Spearman correlation";
            case "nextTokenLoss" -> "next-token loss";
            default -> name;
        };
    }

    /// A value of the metric `name` in its own unit: accuracies and agreements are fractions.
    public static String metricValue(String name, @Nullable Double value) {
        if (name.startsWith(HTP_TO_CPU)) {
            return metricValue(name.substring(HTP_TO_CPU.length()), value);
        }
        return switch (name) {
            case "sqnrDb" -> decibels(value);
            case "cosine" -> cosine(value);
            case "klNats" -> value == null ? ABSENT : number(value) + " nats";
            case "spearman" -> value == null ? ABSENT : signless(value * 100, 2);
            case "nextTokenLoss", "perplexity" -> value == null ? ABSENT : signless(value, 4);
            default -> percent(value);
        };
    }

    /// A difference of two values of the metric `name`, signed, without its unit.
    public static String metricDifference(String name, @Nullable Double difference) {
        return switch (name) {
            case "nextTokenLoss", "perplexity" -> difference == null ? ABSENT : signed(difference, 4);
            default -> points(difference);
        };
    }

    /// An interval of differences of the metric `name`.
    public static String metricDifference(String name, @Nullable Interval differences) {
        return differences == null
                ? ABSENT
                : metricDifference(name, (Double) differences.low()) + " … "
                        + metricDifference(name, (Double) differences.high());
    }

    /// An interval of values of the metric `name`.
    public static String metricInterval(String name, @Nullable Interval values) {
        return switch (name) {
            case "spearman", "nextTokenLoss", "perplexity" ->
                values == null ? ABSENT : metricValue(name, values.low()) + " … " + metricValue(name, values.high());
            default -> percent(values);
        };
    }

    /// What a difference of the metric `name` is counted in, to stand behind it.
    public static String metricUnit(String name) {
        return switch (name) {
            case "nextTokenLoss" -> " nats";
            case "perplexity" -> "";
            default -> " points";
        };
    }

    /// Whether less of the metric `name` is better.
    public static boolean lessIsBetter(String name) {
        return name.equals("nextTokenLoss") || name.equals("perplexity");
    }

    static String signless(double value, int digits) {
        String text = String.format(Locale.ROOT, "%,." + digits + "f", value);
        boolean zero = text.chars().noneMatch(c -> c >= '1' && c <= '9');
        return zero ? text.replace("-", "") : text.replace('-', '−');
    }

    private static String signed(double value, int digits) {
        String text = signless(value, digits);
        boolean zero = text.chars().noneMatch(c -> c >= '1' && c <= '9');
        return zero ? "±" + text : text.startsWith("−") ? text : "+" + text;
    }

    private static String threeDigits(double value) {
        double size = Math.abs(value);
        return signless(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
    }
}
