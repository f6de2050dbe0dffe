package dev.nibble.pipeline.htp;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.text.PDFTextStripper;

/// The licence that comes with Qualcomm's libraries, as text.
public final class LicenceText {
    private LicenceText() {}

    /// The text of the PDF in `file`.
    ///
    /// @throws NibbleException where it cannot be read
    public static String of(Path file) {
        try (PDDocument document = Loader.loadPDF(file.toFile())) {
            return new PDFTextStripper().getText(document).strip();
        } catch (IOException e) {
            throw new NibbleException(
                    "the licence '%s' cannot be read: %s".formatted(file, e.getMessage()),
                    "get the wheel onnxruntime-qnn from PyPI, which holds it",
                    e);
        }
    }
}
