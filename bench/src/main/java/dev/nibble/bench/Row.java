package dev.nibble.bench;

import dev.nibble.report.Interval;
import dev.nibble.report.Metric;
import java.nio.file.Path;
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
        Scratch.Fields text = new Scratch.Fields();
        text.put("metric", metric);
        text.put("reference", reference);
        text.put("quantized", quantized);
        text.put("drop", drop);
        if (ci95 != null) {
            text.put("low", ci95.low());
            text.put("high", ci95.high());
        }
        text.put("pValue", pValue);
        text.put("n", n);
        text.put("sqnrDb", sqnrDb);
        text.put("byDefault", byDefault);
        text.put("plain", plain);
        text.put("plainSqnrDb", plainSqnrDb);
        text.put("sizeRatio", sizeRatio);
        text.put("alarm", alarm);
        text.put("plainAlarm", plainAlarm);
        text.put("seconds", seconds);
        text.put("nibble", nibble);
        text.put("date", date);
        text.write(file);
    }

    static Row read(Path file) {
        Scratch.Fields in = Scratch.Fields.read(file);
        boolean interval = in.has("low");
        return new Row(
                in.text("metric"),
                in.number("reference"),
                in.number("quantized"),
                in.number("drop"),
                interval ? new Interval(in.number("low"), in.number("high")) : null,
                in.number("pValue"),
                (long) in.number("n"),
                in.number("sqnrDb"),
                in.number("byDefault"),
                in.number("plain"),
                in.number("plainSqnrDb"),
                in.number("sizeRatio"),
                in.text("alarm"),
                in.text("plainAlarm"),
                in.number("seconds"),
                in.text("nibble"),
                in.text("date"));
    }
}
