package dev.nibble.report;

/// Wall time of each stage, in seconds. @param totalSeconds from the start of the command to this document
public record Timings(
        double loadSeconds,
        double calibrateSeconds,
        double quantizeSeconds,
        double evaluateSeconds,
        double totalSeconds) {
    public Timings {
        Values.nonNegative("loadSeconds", loadSeconds);
        Values.nonNegative("calibrateSeconds", calibrateSeconds);
        Values.nonNegative("quantizeSeconds", quantizeSeconds);
        Values.nonNegative("evaluateSeconds", evaluateSeconds);
        Values.nonNegative("totalSeconds", totalSeconds);
    }
}
