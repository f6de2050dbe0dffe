package dev.nibble.bench;

import dev.nibble.report.Interval;
import java.nio.file.Path;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// What was measured of one model at one setting on the HTP. Accuracies are fractions, all of the same samples.
///
/// @param metric `top1`, `wordAccuracy`
/// @param reference the float model on the CPU
/// @param cpu the quantized file on the CPU, graph optimization off
/// @param htp the quantized file on the emulator
/// @param ci95 of `htp − cpu`, paired; null where it could not be computed
/// @param sqnrDb the outputs on the HTP against those on the CPU
/// @param sameAnswer share of samples with the same largest output; NaN for texts
/// @param onHtp operators that the compiler takes
/// @param onCpu operators that it leaves to the CPU
/// @param samplesASecond on the HTP alone
/// @param seconds wall time of the row
/// @param nibble the build that measured it
/// @param date of the measurement
record HtpRow(
        String metric,
        double reference,
        double cpu,
        double htp,
        @Nullable Interval ci95,
        long n,
        double sqnrDb,
        double sameAnswer,
        int onHtp,
        int onCpu,
        double samplesASecond,
        double seconds,
        String nibble,
        String date) {
    void write(Path file) {
        StringBuilder text = new StringBuilder();
        put(text, "metric", metric);
        put(text, "reference", reference);
        put(text, "cpu", cpu);
        put(text, "htp", htp);
        if (ci95 != null) {
            put(text, "low", ci95.low());
            put(text, "high", ci95.high());
        }
        put(text, "n", n);
        put(text, "sqnrDb", sqnrDb);
        put(text, "sameAnswer", sameAnswer);
        put(text, "onHtp", onHtp);
        put(text, "onCpu", onCpu);
        put(text, "samplesASecond", samplesASecond);
        put(text, "seconds", seconds);
        put(text, "nibble", nibble);
        put(text, "date", date);
        Scratch.write(file, text.toString());
    }

    private static void put(StringBuilder text, String key, Object value) {
        text.append(key).append('=').append(value).append('\n');
    }

    static HtpRow read(Path file) {
        Properties in = Scratch.properties(file);
        return new HtpRow(
                in.getProperty("metric"),
                number(in, "reference"),
                number(in, "cpu"),
                number(in, "htp"),
                in.containsKey("low") ? new Interval(number(in, "low"), number(in, "high")) : null,
                (long) number(in, "n"),
                number(in, "sqnrDb"),
                number(in, "sameAnswer"),
                (int) number(in, "onHtp"),
                (int) number(in, "onCpu"),
                number(in, "samplesASecond"),
                number(in, "seconds"),
                in.getProperty("nibble"),
                in.getProperty("date"));
    }

    private static double number(Properties in, String key) {
        return Double.parseDouble(in.getProperty(key));
    }
}
