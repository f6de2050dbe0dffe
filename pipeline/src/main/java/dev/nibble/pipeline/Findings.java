package dev.nibble.pipeline;

import dev.nibble.report.Finding;
import java.util.Locale;

/// The rooms' own findings in the form of the result document.
final class Findings {
    private Findings() {}

    static Finding of(dev.nibble.data.Finding finding) {
        Finding.Severity severity = switch (finding.severity()) {
            case HINT -> Finding.Severity.NOTE;
            case WARNING -> Finding.Severity.WARNING;
            case ERROR -> Finding.Severity.ERROR;
        };
        return new Finding(finding.code(), severity, finding.text(), finding.fix());
    }

    static Finding of(dev.nibble.quant.place.Finding finding) {
        Finding.Severity severity = switch (finding.severity()) {
            case INFO -> Finding.Severity.NOTE;
            case WARNING -> Finding.Severity.WARNING;
            case ERROR -> Finding.Severity.ERROR;
        };
        String fix = finding.fix().isEmpty() ? null : finding.fix();
        return new Finding(finding.code().toUpperCase(Locale.ROOT), severity, finding.text(), fix);
    }

    static Finding warning(String code, String text, String fix) {
        return new Finding(code, Finding.Severity.WARNING, text, fix);
    }

    static Finding note(String code, String text, String fix) {
        return new Finding(code, Finding.Severity.NOTE, text, fix);
    }
}
