package dev.nibble.bench;

import dev.nibble.report.Interval;
import java.nio.file.Path;
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
        Scratch.Fields text = new Scratch.Fields();
        text.put("metric", metric);
        text.put("reference", reference);
        text.put("cpu", cpu);
        text.put("htp", htp);
        if (ci95 != null) {
            text.put("low", ci95.low());
            text.put("high", ci95.high());
        }
        text.put("n", n);
        text.put("sqnrDb", sqnrDb);
        text.put("sameAnswer", sameAnswer);
        text.put("onHtp", onHtp);
        text.put("onCpu", onCpu);
        text.put("samplesASecond", samplesASecond);
        text.put("seconds", seconds);
        text.put("nibble", nibble);
        text.put("date", date);
        text.write(file);
    }

    static HtpRow read(Path file) {
        Scratch.Fields in = Scratch.Fields.read(file);
        return new HtpRow(
                in.text("metric"),
                in.number("reference"),
                in.number("cpu"),
                in.number("htp"),
                in.has("low") ? new Interval(in.number("low"), in.number("high")) : null,
                (long) in.number("n"),
                in.number("sqnrDb"),
                in.number("sameAnswer"),
                (int) in.number("onHtp"),
                (int) in.number("onCpu"),
                in.number("samplesASecond"),
                in.number("seconds"),
                in.text("nibble"),
                in.text("date"));
    }
}
