package dev.nibble.graph.io;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/// The generated protobuf classes, which say whether two encoded models are the same message.
final class Oracle {
    private Oracle() {}

    /// `model` in one normal form: differences that carry no meaning (packed or not, order of fields, order
    /// of operator set imports) vanish.
    static OnnxMl.ModelProto normal(byte[] model) {
        try {
            OnnxMl.ModelProto.Builder parsed = OnnxMl.ModelProto.parseFrom(model).toBuilder();
            List<OnnxMl.OperatorSetIdProto> opsets = parsed.getOpsetImportList().stream()
                    .map(o -> o.toBuilder().setDomain(o.getDomain()).build())
                    .sorted(Comparator.comparing(OnnxMl.OperatorSetIdProto::getDomain))
                    .collect(Collectors.toList());
            parsed.clearOpsetImport().addAllOpsetImport(opsets);
            return parsed.build();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] deterministic(Message message) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            out.useDeterministicSerialization();
            message.writeTo(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}
