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
    /// The newest IR version that this ONNX Runtime reads; younger cases are stamped with it, in every run alike.
    private static final long NEWEST_IR = 13;

    /// @param inputs serialized TensorProtos (or SequenceProtos, OptionalProtos) in the order of the graph's inputs
    /// @param outputs what the case expects, likewise
    record Case(String name, byte[] model, List<byte[]> inputs, List<byte[]> outputs) {}

    /// `model` as ONNX Runtime can be asked to run it: stamped with an IR version it reads, and the inputs named in
    /// `constants` made constants of the graph, since its Java interface cannot feed their types.
    static byte[] runnable(byte[] model, Map<String, byte[]> constants) throws IOException {
        OnnxMl.ModelProto proto = OnnxMl.ModelProto.parseFrom(model);
        if (proto.getIrVersion() <= NEWEST_IR && constants.isEmpty()) {
            return model;
        }
        OnnxMl.ModelProto.Builder changed = proto.toBuilder();
        changed.setIrVersion(Math.min(NEWEST_IR, proto.getIrVersion()));
        for (Map.Entry<String, byte[]> constant : constants.entrySet()) {
            OnnxMl.GraphProto.Builder graph = changed.getGraphBuilder();
            for (int i = 0; i < graph.getInputCount(); i++) {
                if (graph.getInput(i).getName().equals(constant.getKey())) {
                    graph.removeInput(i);
                    break;
                }
            }
            graph.addInitializer(OnnxMl.TensorProto.parseFrom(constant.getValue()).toBuilder()
                    .setName(constant.getKey()));
        }
        return changed.build().toByteArray();
    }

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
            String name = file.getKey().endsWith("/model.onnx")
                    ? folder
                    : file.getKey().replace(".onnx", "");
            cases.add(new Case(name, file.getValue(), protos(files, folder, "input"), protos(files, folder, "output")));
        }
        return new BackendCases(cases);
    }

    private static List<byte[]> protos(Map<String, byte[]> files, String folder, String role) {
        List<byte[]> found = new ArrayList<>();
        for (int i = 0; ; i++) {
            byte[] one = files.get("%s/0/%s_%d.pb".formatted(folder, role, i));
            one = one == null ? files.get("%s/test_data_set_0/%s_%d.pb".formatted(folder, role, i)) : one;
            if (one == null) {
                return found;
            }
            found.add(one);
        }
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
