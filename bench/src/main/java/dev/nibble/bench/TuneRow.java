package dev.nibble.bench;

import dev.nibble.report.TuneDocument.CodeGain;
import dev.nibble.report.TuneDocument.Verified;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What `tune --verify` found in one graph.
///
/// @param failure why there are no gains, in one line; empty where it compiled
/// @param precision that was compiled
/// @param beforeMicros by the compiler's estimate
/// @param codes kinds of change, each alone
/// @param seconds wall time of the row
/// @param nibble the build that measured it
record TuneRow(
        String failure, String precision, double beforeMicros, List<CodeGain> codes, double seconds, String nibble) {
    /// A gain of ours counts as near the compiler's within this part of the compiler's.
    static final double NEAR = 0.3;

    TuneRow {
        codes = List.copyOf(codes);
    }

    static TuneRow of(Verified verified, double seconds, String nibble) {
        return new TuneRow("", verified.precision(), verified.beforeMicros(), verified.codes(), seconds, nibble);
    }

    static TuneRow failed(String why, double seconds, String nibble) {
        return new TuneRow(oneLine(why), "", 0, List.of(), seconds, nibble);
    }

    /// Whether some change gains by both estimates.
    boolean confirmed() {
        return codes.stream().anyMatch(CodeGain::confirmed);
    }

    static boolean isNear(CodeGain code) {
        Double compiler = code.compilerGainMicros();
        return compiler != null && Math.abs(code.ourGainMicros() - compiler) <= NEAR * Math.abs(compiler);
    }

    private static String oneLine(String text) {
        return text.lines().findFirst().orElse("it failed").replace("\\", "/");
    }

    void write(Path file) {
        Scratch.Fields text = new Scratch.Fields();
        text.put("failure", failure);
        text.put("precision", precision);
        text.put("before", beforeMicros);
        text.put("codes", String.join(" ", codes.stream().map(CodeGain::code).toList()));
        for (CodeGain code : codes) {
            text.put(code.code() + ".ours", code.ourGainMicros());
            if (code.compilerGainMicros() != null) {
                text.put(code.code() + ".compiler", code.compilerGainMicros());
            }
            text.put(code.code() + ".agree", code.agree());
            if (code.failure() != null) {
                text.put(code.code() + ".failure", oneLine(code.failure()));
            }
        }
        text.put("seconds", seconds);
        text.put("nibble", nibble);
        text.write(file);
    }

    static TuneRow read(Path file) {
        Scratch.Fields in = Scratch.Fields.read(file);
        List<CodeGain> codes = new ArrayList<>();
        for (String code : Arrays.stream(in.text("codes").split(" "))
                .filter(c -> !c.isEmpty())
                .toList()) {
            codes.add(new CodeGain(
                    code,
                    in.number(code + ".ours"),
                    in.has(code + ".compiler") ? Double.valueOf(in.number(code + ".compiler")) : null,
                    Boolean.parseBoolean(in.text(code + ".agree")),
                    in.has(code + ".failure") ? in.text(code + ".failure") : null));
        }
        return new TuneRow(
                in.text("failure"),
                in.text("precision"),
                in.number("before"),
                codes,
                in.number("seconds"),
                in.text("nibble"));
    }
}
