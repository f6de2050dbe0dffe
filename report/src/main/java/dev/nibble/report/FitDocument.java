package dev.nibble.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `fit`: how wrong the cost model is on measured latencies.
///
/// @param rows used
/// @param sha256 of the measurements
/// @param skipped rows left out, by reason
/// @param crossValidation the rows of the fit; leaving one model out; leaving one family out, as far as there are several
/// @param files what was written
public record FitDocument(
        int schemaVersion,
        String nibble,
        int rows,
        String sha256,
        Map<String, Integer> skipped,
        List<Errors> crossValidation,
        List<String> warnings,
        List<String> files)
        implements Document {
    public FitDocument {
        Values.present("nibble", nibble);
        Values.present("sha256", sha256);
        skipped = Values.sorted(skipped);
        crossValidation = Values.list(crossValidation);
        warnings = Values.list(warnings);
        files = Values.list(files);
    }

    /// |predicted − measured| ÷ measured, in per cent.
    ///
    /// @param spearman within one device, averaged over them; null where there are too few rows
    /// @param worst the ten largest errors
    public record Errors(
            String label,
            int rows,
            double meanPercent,
            double medianPercent,
            @Nullable Double spearman,
            Map<String, Group> byPrecision,
            Map<String, Group> byFamily,
            Map<String, Group> byDevice,
            List<Row> worst) {
        public Errors {
            spearman = Values.finite(spearman);
            byPrecision = Values.sorted(byPrecision);
            byFamily = Values.sorted(byFamily);
            byDevice = Values.sorted(byDevice);
            worst = Values.list(worst);
        }
    }

    /// @param percent the mean of its errors
    public record Group(int rows, double percent) {}

    /// One prediction.
    public record Row(
            String topology, String precision, String device, double predictedMicros, double measuredMicros) {}
}
