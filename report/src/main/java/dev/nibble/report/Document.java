package dev.nibble.report;

/// What one command found out, as a value that is written as one JSON document.
///
/// Every component is always written; what is not known is `null`. What a reader does not know it ignores, so
/// fields may be added without raising [#SCHEMA_VERSION]; it is raised when a field is renamed, removed or changes
/// its meaning.
public sealed interface Document
        permits ResultDocument,
                EvaluateDocument,
                CompareDocument,
                InspectDocument,
                SimplifyDocument,
                EstimateDocument,
                FitDocument,
                TuneDocument,
                HtpConfigDocument {
    /// The version written by this build.
    int SCHEMA_VERSION = 1;

    /// Version of the document's form.
    int schemaVersion();

    /// Nibble's version that wrote it.
    String nibble();
}
