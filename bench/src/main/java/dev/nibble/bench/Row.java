package dev.nibble.bench;

import dev.nibble.report.Interval;
import dev.nibble.report.Metric;
import java.nio.file.Path;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// What was measured of one model at one setting. Accuracies and drops are fractions.
///
/// @param metric `top1`, `wordAccuracy`
/// @param ci95 of `drop`, paired; null where it could not be computed
/// @param pValue McNemar's, or the bootstrap's for texts; NaN where there is too little to say
/// @param byDefault accuracy of the same file with ONNX Runtime's default graph optimization
/// @param plain accuracy with min-max everywhere and no algorithm, optimization off
/// @param sizeRatio bytes of the QDQ file over bytes of the float file
/// @param alarm what the tool says first where the result is at chance level or has collapsed; else empty
/// @param plainAlarm the same of the plain model
/// @param seconds wall time of the row
/// @param nibble the build that measured it
/// @param date of the measurement
public record Row(
        String metric,
        double reference,
        double quantized,
        double drop,
        @Nullable Interval ci95,
        double pValue,
        long n,
        double sqnrDb,
        double byDefault,
        double plain,
        double plainSqnrDb,
        double sizeRatio,
        String alarm,
        String plainAlarm,
        double seconds,
        String nibble,
        String date) {
    static Row of(Result chosen, double byDefault, Result plain, double sizeRatio, double seconds, String nibble) {
        Metric metric = chosen.metric();
        Double pValue = metric.pValue();
        return new Row(
                metric.name(),
                metric.floatValue(),
                metric.quantized(),
                metric.drop(),
                metric.ci95(),
                pValue == null ? Double.NaN : pValue,
                metric.n(),
                chosen.sqnrDb(),
                byDefault,
                plain.metric().quantized(),
                plain.sqnrDb(),
                sizeRatio,
                chosen.alarm(),
                plain.alarm(),
                seconds,
                nibble,
                java.time.LocalDate.now(java.time.ZoneOffset.UTC).toString());
    }

    /// One quantized model.
    record Result(Metric metric, double sqnrDb, String alarm) {}

    void write(Path file) {
        StringBuilder text = new StringBuilder();
        put(text, "metric", metric);
        put(text, "reference", reference);
        put(text, "quantized", quantized);
        put(text, "drop", drop);
        if (ci95 != null) {
            put(text, "low", ci95.low());
            put(text, "high", ci95.high());
        }
        put(text, "pValue", pValue);
        put(text, "n", n);
        put(text, "sqnrDb", sqnrDb);
        put(text, "byDefault", byDefault);
        put(text, "plain", plain);
        put(text, "plainSqnrDb", plainSqnrDb);
        put(text, "sizeRatio", sizeRatio);
        put(text, "alarm", alarm);
        put(text, "plainAlarm", plainAlarm);
        put(text, "seconds", seconds);
        put(text, "nibble", nibble);
        put(text, "date", date);
        Scratch.write(file, text.toString());
    }

    private static void put(StringBuilder text, String key, Object value) {
        text.append(key).append('=').append(value).append('\n');
    }

    static Row read(Path file) {
        Properties in = Scratch.properties(file);
        boolean interval = in.containsKey("low");
        return new Row(
                in.getProperty("metric"),
                number(in, "reference"),
                number(in, "quantized"),
                number(in, "drop"),
                interval ? new Interval(number(in, "low"), number(in, "high")) : null,
                number(in, "pValue"),
                (long) number(in, "n"),
                number(in, "sqnrDb"),
                number(in, "byDefault"),
                number(in, "plain"),
                number(in, "plainSqnrDb"),
                number(in, "sizeRatio"),
                in.getProperty("alarm"),
                in.getProperty("plainAlarm"),
                number(in, "seconds"),
                in.getProperty("nibble"),
                in.getProperty("date"));
    }

    private static double number(Properties in, String key) {
        return Double.parseDouble(in.getProperty(key));
    }
}
