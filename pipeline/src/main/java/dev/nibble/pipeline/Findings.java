package dev.nibble.pipeline;

import dev.nibble.graph.check.Problem;
import dev.nibble.report.Finding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The rooms' own findings in the form of the result document.
final class Findings {
    private static final int SHOWN_OF_A_KIND = 3;

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

    /// `findings`; of a note the first of its code and the number of others, of warnings and errors the first few.
    static List<Finding> grouped(List<dev.nibble.quant.place.Finding> findings) {
        Map<String, List<Finding>> byCode = new LinkedHashMap<>();
        findings.forEach(finding -> byCode.computeIfAbsent(finding.code(), code -> new ArrayList<>())
                .add(of(finding)));
        List<Finding> result = new ArrayList<>();
        byCode.values().forEach(same -> {
            Finding first = same.getFirst();
            if (first.severity() == Finding.Severity.NOTE && same.size() > 1) {
                String text = "%s; and so in %d more places".formatted(first.text(), same.size() - 1);
                result.add(new Finding(first.code(), first.severity(), text, first.fix()));
                return;
            }
            result.addAll(same.subList(0, Math.min(SHOWN_OF_A_KIND, same.size())));
            if (same.size() > SHOWN_OF_A_KIND) {
                result.add(new Finding(
                        first.code(),
                        first.severity(),
                        "the same in %d more places".formatted(same.size() - SHOWN_OF_A_KIND),
                        null));
            }
        });
        return result;
    }

    static Finding warning(String code, String text, @Nullable String fix) {
        return new Finding(code, Finding.Severity.WARNING, text, fix);
    }

    static Finding note(String code, String text, @Nullable String fix) {
        return new Finding(code, Finding.Severity.NOTE, text, fix);
    }

    static Finding error(String code, String text, String fix) {
        return new Finding(code, Finding.Severity.ERROR, text, fix);
    }

    static Finding of(Problem problem) {
        Finding.Severity severity = switch (problem.severity()) {
            case ERROR -> Finding.Severity.ERROR;
            case WARNING -> Finding.Severity.WARNING;
            case NOTE -> Finding.Severity.NOTE;
        };
        return new Finding("G001", severity, problem.toString(), problem.hint());
    }
}
