package dev.nibble.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `simplify`.
///
/// @param model that was read
/// @param output that was written
/// @param opsetAfter opset of `output`
/// @param passes in the order in which they ran
/// @param maxDifference largest absolute difference between the outputs of both files, where both were run
/// @param renamed tensors that changed their name: old → new
public record SimplifyDocument(
        int schemaVersion,
        String nibble,
        ModelInfo model,
        FileRecord output,
        int opsetAfter,
        long nodesBefore,
        long nodesAfter,
        List<PassRecord> passes,
        @Nullable Double maxDifference,
        Map<String, String> renamed,
        List<Finding> findings)
        implements Document {
    public SimplifyDocument {
        Values.present("nibble", nibble);
        Values.present("model", model);
        Values.present("output", output);
        passes = Values.list(passes);
        maxDifference = Values.finite(maxDifference);
        renamed = Values.sorted(renamed);
        findings = Values.list(findings);
    }
}
