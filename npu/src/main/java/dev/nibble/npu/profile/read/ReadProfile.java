package dev.nibble.npu.profile.read;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Dialect;
import dev.nibble.npu.profile.Profile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Reads a profile, whatever wrote it. The file streams through; memory grows with the model's nodes alone.
public final class ReadProfile {
    /// What the dialect is told from.
    private static final int HEAD = 1 << 16;

    private ReadProfile() {}

    /// @param name what messages call the file
    /// @throws NibbleException where it cannot be read, is empty, UTF-16, a log, or nothing that is known
    public static Profile of(Path file, String name) {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 18)) {
            return of(in, name);
        } catch (IOException e) {
            throw new NibbleException(
                    Files.isDirectory(file)
                            ? "'" + name + "' is a folder"
                            : Files.exists(file) ? "'" + name + "' cannot be read" : "there is no file '" + name + "'",
                    "give the profile that the device wrote",
                    e);
        }
    }

    /// @param in is marked, and read to its end
    static Profile of(InputStream in, String name) throws IOException {
        in.mark(HEAD + 1);
        byte[] bytes = in.readNBytes(HEAD);
        in.reset();
        String head = head(bytes, name);
        Dialect dialect = dialect(head).orElseThrow(() -> unknown(head, name));
        if (bytes.length > 2 && (bytes[0] & 0xFF) == 0xEF && (bytes[1] & 0xFF) == 0xBB) {
            in.skipNBytes(3);
        }
        Recorder recorder = new Recorder(name, dialect);
        switch (dialect) {
            case QNN_TEXT -> ReadText.read(new Lines(in), recorder);
            case QNN_CSV, ORT_QNN_CSV -> ReadCsv.read(new Lines(in), recorder);
            case SNPE_DIAGVIEW -> ReadDiagview.read(new Lines(in), recorder);
            case LOOSE_TEXT -> ReadLoose.read(new Lines(in), recorder);
            case QNN_JSON, QNN_OP_TRACE, ORT_CHROME_TRACE -> ReadJson.read(in, recorder);
        }
        return recorder.finish();
    }

    private static String head(byte[] bytes, String name) {
        String text = new String(bytes, StandardCharsets.UTF_8).strip();
        if (text.isEmpty()) {
            throw new NibbleException("'" + name + "' is empty", "profile again, and copy the file when the run ended");
        }
        int first = bytes[0] & 0xFF;
        int second = bytes.length > 1 ? bytes[1] & 0xFF : 1;
        if (first == 0xFF && second == 0xFE || first == 0xFE && second == 0xFF || first == 0 || second == 0) {
            throw new NibbleException(
                    "'" + name + "' is UTF-16 or binary, not text",
                    "convert it: iconv -f UTF-16 -t UTF-8; a qnn-profiling-data.log goes through qnn-profile-viewer"
                            + " first");
        }
        return text.startsWith("\uFEFF") ? text.substring(1).strip() : text;
    }

    /// The dialect that the first lines are of.
    static Optional<Dialect> dialect(String head) {
        if (head.startsWith("{") || head.startsWith("[")) {
            return json(head);
        }
        boolean diagview = false;
        boolean loose = false;
        for (String line : head.split("\n", -1)) {
            String text = line.strip();
            if (text.startsWith(ReadCsv.FIRST)) {
                return Optional.of(text.contains(", ") ? Dialect.QNN_CSV : Dialect.ORT_QNN_CSV);
            }
            if (ReadCsv.isRow(text)) {
                return Optional.of(text.contains(", ") ? Dialect.QNN_CSV : Dialect.ORT_QNN_CSV);
            }
            if (isText(text)) {
                return Optional.of(Dialect.QNN_TEXT);
            }
            diagview |= ReadDiagview.isLayer(text) || text.startsWith("Subnet ");
            loose |= ReadLoose.isNode(text);
        }
        return diagview
                ? Optional.of(Dialect.SNPE_DIAGVIEW)
                : loose ? Optional.of(Dialect.LOOSE_TEXT) : Optional.empty();
    }

    private static Optional<Dialect> json(String head) {
        if (head.contains("\"op_mappings\"")
                || head.contains("\"subgraph_traces\"")
                || head.contains("\"soc_traces\"")
                || head.contains("\"unsupported_nodes\"")) {
            return Optional.of(Dialect.QNN_OP_TRACE);
        }
        if (head.contains("\"QNN_PROFILE\"") || head.contains("\"profilingEvents\"")) {
            return Optional.of(Dialect.QNN_JSON);
        }
        return head.contains("\"ph\"") && head.contains("\"cat\"")
                ? Optional.of(Dialect.ORT_CHROME_TRACE)
                : Optional.empty();
    }

    private static boolean isText(String text) {
        return text.startsWith("Backend (")
                || text.startsWith("NetRun:")
                || text.contains(" Stats") && text.endsWith(":") && !text.contains(",")
                || text.contains(":OpId_") && text.contains("cycles") && text.indexOf(" : ") < 0;
    }

    /// What a line that a reader does not know belongs to; null where nothing does.
    static @Nullable String otherDialect(String line) {
        String text = line.strip();
        if (isText(text)) {
            return Dialect.QNN_TEXT.title();
        }
        if (ReadDiagview.isLayer(text)) {
            return Dialect.SNPE_DIAGVIEW.title();
        }
        if (ReadLoose.isNode(text)) {
            return Dialect.LOOSE_TEXT.title();
        }
        return text.startsWith("{") || text.startsWith("[") ? "JSON" : null;
    }

    private static NibbleException unknown(String head, String name) {
        boolean log = head.contains("onnxruntime:") || head.contains("QnnLogging") || head.contains("[ERROR]");
        return new NibbleException(
                "'" + name + "' is no profile that is known",
                log
                        ? "this is a log: nibble profile --log " + name
                        : "known are qnn-profile-viewer text and CSV, ONNX Runtime's QNN CSV and Chrome trace, QNN"
                                + " JSON, qnn_op_trace.json, SNPE diagview; a qnn-profiling-data.log goes through"
                                + " qnn-profile-viewer first");
    }
}
