package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `compare`.
///
/// @param reference the float model
/// @param quantized the QDQ model
/// @param n samples
/// @param sqnrDb of the outputs
/// @param tensors worst first
/// @param skipped tensors that only one of the two has, and others that were not compared
public record CompareDocument(
        int schemaVersion,
        String nibble,
        ModelInfo reference,
        ModelInfo quantized,
        long n,
        @Nullable Double sqnrDb,
        @Nullable Double cosine,
        List<Row> tensors,
        List<Skipped> skipped,
        List<Finding> findings)
        implements Document {
    public CompareDocument {
        Values.present("nibble", nibble);
        Values.present("reference", reference);
        Values.present("quantized", quantized);
        Values.nonNegative("n", n);
        sqnrDb = Values.decibels(sqnrDb);
        cosine = Values.finite(cosine);
        tensors = Values.list(tensors);
        skipped = Values.list(skipped);
        findings = Values.list(findings);
    }

    /// A tensor in both models.
    ///
    /// @param graphWiseDb SQNR with everything quantized: the error that has gathered up to here
    /// @param layerWiseDb SQNR with this layer alone quantized on float inputs
    /// @param htpDb SQNR of the HTP's own arithmetic against the float model
    /// @param htpToCpuDb SQNR of the HTP's own arithmetic against the same file on the CPU
    /// @param htpSteps largest distance between HTP and CPU, in quantization steps
    public record Row(
            String name,
            @Nullable String op,
            @Nullable Double graphWiseDb,
            @Nullable Double layerWiseDb,
            @Nullable Double cosine,
            @Nullable Double htpDb,
            @Nullable Double htpToCpuDb,
            @Nullable Double htpSteps) {
        public Row {
            Values.present("tensors[].name", name);
            graphWiseDb = Values.decibels(graphWiseDb);
            layerWiseDb = Values.decibels(layerWiseDb);
            cosine = Values.finite(cosine);
            htpDb = Values.decibels(htpDb);
            htpToCpuDb = Values.decibels(htpToCpuDb);
            htpSteps = Values.finite(htpSteps);
        }
    }
}
