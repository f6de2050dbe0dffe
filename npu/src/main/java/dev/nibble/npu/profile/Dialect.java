package dev.nibble.npu.profile;

/// The forms in which profiles come. Told from the content, never from the file's name or from indentation.
public enum Dialect {
    /// What `qnn-profile-viewer` prints.
    QNN_TEXT("qnn-text", "qnn-profile-viewer text", false),
    /// What `qnn-profile-viewer --output x.csv` writes: a preamble, and spaces after the commas.
    QNN_CSV("qnn-csv", "qnn-profile-viewer CSV", false),
    /// ONNX Runtime's QNN provider, `profiling_file_path`: seven columns, or eight with `ONNX Source Ops`.
    ORT_QNN_CSV("ort-qnn-csv", "ONNX Runtime QNN CSV", true),
    /// QNN's JSON: `artifact_type` `QNN_PROFILE`.
    QNN_JSON("qnn-json", "QNN JSON", false),
    /// What `snpe-diagview` prints.
    SNPE_DIAGVIEW("snpe-diagview", "SNPE diagview", false),
    /// `qnn_op_trace.json`: which ONNX node became which QNN operator. Holds no times.
    QNN_OP_TRACE("qnn-op-trace", "QNN op trace", true),
    /// ONNX Runtime's own profile, a Chrome trace.
    ORT_CHROME_TRACE("ort-chrome-trace", "ONNX Runtime Chrome trace", true),
    /// `Node conv1 … execute … 12.3 us`, as tutorials show it.
    LOOSE_TEXT("loose-text", "loose text", false);

    private final String id;
    private final String title;
    private final boolean seen;

    Dialect(String id, String title, boolean seen) {
        this.id = id;
        this.title = title;
        this.seen = seen;
    }

    /// Its name in JSON.
    public String id() {
        return id;
    }

    /// Its name for people.
    public String title() {
        return title;
    }

    /// Whether a file that a tool wrote was there when the reader was made; else documentation was.
    public boolean seen() {
        return seen;
    }
}
