package dev.nibble.graph.pass;

import ai.onnx.proto.OnnxMl;
import dev.nibble.graph.Attribute;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.io.ModelReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/// The cases of ONNX's backend tests: a model and the inputs of its first data set.
record BackendCases(List<Case> cases) {
    /// @param inputs serialized TensorProtos (or SequenceProtos, OptionalProtos) in the order of the graph's inputs
    record Case(String name, byte[] model, List<byte[]> inputs) {}

    static BackendCases read(Path archive) throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(archive))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                files.put(entry.getName(), zip.readAllBytes());
            }
        }
        List<Case> cases = new ArrayList<>();
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            if (!file.getKey().endsWith(".onnx")) {
                continue;
            }
            String folder = file.getKey().replaceAll("/[^/]*$", "");
            String name = file.getKey().endsWith("/model.onnx") ? folder : file.getKey().replace(".onnx", "");
            List<byte[]> inputs = new ArrayList<>();
            for (int i = 0; ; i++) {
                byte[] input = files.get(folder + "/0/input_" + i + ".pb");
                input = input == null ? files.get(folder + "/test_data_set_0/input_" + i + ".pb") : input;
                if (input == null || name.startsWith("light/")) {
                    break;
                }
                inputs.add(input);
            }
            cases.add(new Case(name, file.getValue(), inputs));
        }
        return new BackendCases(cases);
    }

    /// A serialized TensorProto, read by Nibble's own reader inside a model made for it.
    static Initializer tensor(byte[] bytes) throws IOException {
        OnnxMl.ModelProto model = OnnxMl.ModelProto.newBuilder()
                .setGraph(OnnxMl.GraphProto.newBuilder()
                        .addNode(OnnxMl.NodeProto.newBuilder()
                                .setOpType("Constant")
                                .addOutput("value")
                                .addAttribute(OnnxMl.AttributeProto.newBuilder()
                                        .setName("value")
                                        .setType(OnnxMl.AttributeProto.AttributeType.TENSOR)
                                        .setT(OnnxMl.TensorProto.parseFrom(bytes)))))
                .build();
        Attribute.Value value = ModelReader.read(MemorySegment.ofArray(model.toByteArray()), "input", null)
                .graph()
                .nodes()
                .getFirst()
                .attributes()
                .getFirst()
                .value();
        return ((Attribute.Value.OfTensor) value).value();
    }
}
