package dev.nibble.pipeline;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.quant.encodings.EncodingEntry;
import dev.nibble.quant.encodings.Encodings;
import dev.nibble.quant.encodings.EncodingsReader;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.QdqEncodings;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// Where encodings come from: a file of encodings or overrides, or a QDQ model (`.onnx`).
///
/// @param encodings all that it says
/// @param qdq more of it, where it is a model
record EncodingsSource(Encodings encodings, Optional<QdqEncodings.Result> qdq) {
    /// @throws NibbleException where the file cannot be read, or is neither
    static EncodingsSource read(Path file) {
        if (!file.toString().toLowerCase(Locale.ROOT).endsWith(".onnx")) {
            return new EncodingsSource(EncodingsReader.read(file), Optional.empty());
        }
        try {
            QdqEncodings.Result read = QdqEncodings.of(
                    ModelReader.read(file),
                    QuantSimConfig.htp(HtpArch.V75).extensions().gridPreserving());
            return new EncodingsSource(read.encodings(), Optional.of(read));
        } catch (NibbleException e) {
            throw new NibbleException("'%s': %s".formatted(file.getFileName(), e.getMessage()), e.hint(), e);
        }
    }

    /// What is to be compared with `other`: where that leaves biases and passed on values to the converter, so does this.
    Encodings besides(EncodingsSource other) {
        return other.qdq.isPresent() || other.encodings.isOneList()
                ? encodings
                : qdq.map(QdqEncodings.Result::withoutImplied).orElse(encodings);
    }

    /// The entries for a file of `version`.
    Encodings listed(EncodingsVersion version) {
        return qdq.isPresent() ? qdq.get().listed(version) : encodings;
    }

    /// Tensors of a model without an entry, and why.
    List<QdqEncodings.Omitted> omitted() {
        return qdq.map(QdqEncodings.Result::omitted).orElse(List.of());
    }

    /// Whether this is a model that has its biases as integers.
    boolean hasIntegerBiases() {
        return qdq.isPresent()
                && encodings.params().values().stream()
                        .anyMatch(entry -> entry instanceof EncodingEntry.Affine affine && affine.bits() == 32);
    }
}
