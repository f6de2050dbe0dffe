package dev.nibble.graph.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.TextFormat;
import com.google.protobuf.UnknownFieldSet;
import dev.nibble.graph.Attribute;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.ValueType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What Nibble does not understand goes through unchanged.
class CarriedThroughTest {
    @Test
    void keepsUnknownFieldsInEveryMessage() throws IOException {
        List<String> lost = new ArrayList<>();
        for (Map.Entry<String, byte[]> model : SharedData.backendModels().entrySet()) {
            Message odd = withUnknownFields(OnnxMl.ModelProto.parseFrom(model.getValue()));
            byte[] before = odd.toByteArray();
            byte[] after = ModelWriter.toBytes(read(before));
            if (!Arrays.equals(
                    Oracle.deterministic(Oracle.normal(before)), Oracle.deterministic(Oracle.normal(after)))) {
                lost.add(model.getKey());
            }
        }
        assertEquals(List.of(), lost);
    }

    /// `message` with a field of each wire type added to it and every message inside it.
    private static Message withUnknownFields(Message message) {
        Message.Builder builder = message.toBuilder();
        for (Map.Entry<FieldDescriptor, Object> field : message.getAllFields().entrySet()) {
            if (field.getKey().getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
                if (field.getKey().isRepeated()) {
                    builder.clearField(field.getKey());
                    for (Object element : (List<?>) field.getValue()) {
                        builder.addRepeatedField(field.getKey(), withUnknownFields((Message) element));
                    }
                } else {
                    builder.setField(field.getKey(), withUnknownFields((Message) field.getValue()));
                }
            }
        }
        return builder.setUnknownFields(UnknownFieldSet.newBuilder()
                        .addField(
                                600,
                                UnknownFieldSet.Field.newBuilder()
                                        .addVarint(-1)
                                        .addFixed32(7)
                                        .addFixed64(9)
                                        .addLengthDelimited(ByteString.copyFromUtf8("later"))
                                        .build())
                        .build())
                .build();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})
    void keepsTheFormatVersion(int irVersion) throws IOException {
        OnnxMl.ModelProto before =
                model(FEATURES).toBuilder().setIrVersion(irVersion).build();
        Model model = read(before.toByteArray());
        assertEquals(irVersion, model.irVersion());
        assertSame(before, model);
    }

    @Test
    void keepsFunctionsContainersDenotationsAndEmptyStrings() throws IOException {
        OnnxMl.ModelProto before = model(FEATURES);
        Model model = read(before.toByteArray());
        assertSame(before, model);

        assertEquals("Twice", model.functions().getFirst().name());
        assertEquals(21, model.functions().getFirst().opsets().get(""));
        Graph graph = model.graph();
        ValueType.TensorType x = graph.valueInfo("x").orElseThrow().tensorType().orElseThrow();
        assertEquals("float[N×3]", x.toString());
        assertInstanceOf(
                ValueType.SequenceType.class, graph.valueInfo("s").orElseThrow().type());
        assertInstanceOf(
                ValueType.OptionalType.class, graph.valueInfo("o").orElseThrow().type());
        assertInstanceOf(
                ValueType.CarriedType.class, graph.valueInfo("m").orElseThrow().type());
    }

    @Test
    void subgraphsSeeTheValuesAroundThem() throws IOException {
        Graph graph = read(model(FEATURES).toByteArray()).graph();
        assertEquals(
                Set.of("y", "w"),
                graph.producer("z").orElseThrow().subgraphs().getFirst().captured());
        assertEquals(
                List.of("branch"),
                graph.consumers("w").stream().map(n -> n.name()).toList());
    }

    @Test
    void understandsAttributesWithoutAType() throws IOException {
        OnnxMl.ModelProto before = model("""
                ir_version: 3 opset_import { version: 7 }
                graph { node { op_type: "Foo" output: "y"
                  attribute { name: "f" f: 1.5 } attribute { name: "i" i: -3 } attribute { name: "s" s: "text" }
                  attribute { name: "fs" floats: 1 floats: 2 } attribute { name: "is" ints: 4 ints: 5 }
                  attribute { name: "ss" strings: "a" strings: "b" } } }""");
        List<Attribute> attributes =
                read(before.toByteArray()).graph().nodes().getFirst().attributes();
        assertEquals(new Attribute.Value.OfFloat(1.5f), attributes.get(0).value());
        assertEquals(new Attribute.Value.OfInt(-3), attributes.get(1).value());
        assertEquals("text", ((Attribute.Value.OfString) attributes.get(2).value()).text());
        assertEquals(
                new Attribute.Value.OfFloats(List.of(1f, 2f)), attributes.get(3).value());
        assertEquals(
                new Attribute.Value.OfInts(List.of(4L, 5L)), attributes.get(4).value());
        assertEquals(
                2,
                ((Attribute.Value.OfStrings) attributes.get(5).value()).values().size());

        // The type is written, which every reader understands.
        OnnxMl.NodeProto after = Oracle.normal(ModelWriter.toBytes(read(before.toByteArray())))
                .getGraph()
                .getNode(0);
        assertEquals(
                List.of(1, 2, 3, 6, 7, 8),
                after.getAttributeList().stream()
                        .map(a -> a.getType().getNumber())
                        .toList());
    }

    @Test
    void carriesAttributesItCannotHold() throws IOException {
        OnnxMl.ModelProto before = model("""
                ir_version: 8 opset_import { version: 17 }
                graph { node { op_type: "Foo" output: "y"
                  attribute { name: "type" type: TYPE_PROTO tp { tensor_type { elem_type: 1 } } }
                  attribute { name: "sparse" type: SPARSE_TENSOR sparse_tensor { dims: 3 } }
                  attribute { name: "twice" type: INT i: 3 f: 4 }
                  attribute { name: "nothing" } } }""");
        Model model = read(before.toByteArray());
        assertSame(before, model);
        model.graph()
                .nodes()
                .getFirst()
                .attributes()
                .forEach(a -> assertInstanceOf(Attribute.Value.CarriedValue.class, a.value()));
    }

    @Test
    void anEmptyStringThatIsFilledInIsNotWrittenTwice() throws IOException {
        OnnxMl.ModelProto before = model("""
                ir_version: 8 opset_import { version: 17 } producer_name: ""
                graph { name: "" node { op_type: "Relu" name: "" domain: "" input: "x" output: "y" } }""");
        Model model = read(before.toByteArray());
        Graph graph = model.graph();
        Model named = model.withGraph(graph.edit(edit ->
                edit.replace(graph.nodes().getFirst(), graph.nodes().getFirst().withName("relu"))));
        OnnxMl.NodeProto after =
                Oracle.normal(ModelWriter.toBytes(named)).getGraph().getNode(0);
        assertEquals("relu", after.getName());
        assertEquals(true, after.hasDomain());
    }

    @Test
    void anImportWhoseVersionChangedLosesItsUnknownFields() throws IOException {
        OnnxMl.ModelProto before = (OnnxMl.ModelProto) withUnknownFields(model(FEATURES));
        OnnxMl.ModelProto after =
                Oracle.normal(ModelWriter.toBytes(read(before.toByteArray()).withOpset(22)));
        assertEquals(
                List.of(22L, 1L),
                after.getOpsetImportList().stream().map(o -> o.getVersion()).toList());
    }

    private static final String FEATURES = """
            ir_version: 10 producer_name: "" producer_version: "1" domain: "d" model_version: 4 doc_string: ""
            opset_import { domain: "" version: 21 } opset_import { domain: "local" version: 1 }
            metadata_props { key: "author" value: "" }
            functions { name: "Twice" domain: "local" input: "a" output: "b" attribute: "by" doc_string: "doubles"
              opset_import { domain: "" version: 21 }
              node { op_type: "Foo" input: "a" output: "b"
                     attribute { name: "by" ref_attr_name: "by" type: FLOAT } } }
            graph { name: "g" doc_string: "d"
              node { op_type: "Twice" domain: "local" input: "x" output: "y"
                     attribute { name: "by" type: FLOAT f: 2 doc_string: "twice" } }
              node { name: "branch" op_type: "If" input: "c" output: "z"
                attribute { name: "then_branch" type: GRAPH g { name: "then"
                  node { op_type: "Add" input: "y" input: "w" output: "t" }
                  output { name: "t" type { tensor_type { elem_type: 1 } } } } }
                attribute { name: "else_branch" type: GRAPH g { name: "else"
                  node { op_type: "Identity" input: "y" output: "e" }
                  output { name: "e" } } } }
              initializer { dims: 3 data_type: 1 name: "w" float_data: 1 float_data: 2 float_data: 3 doc_string: "w" }
              sparse_initializer { values { dims: 1 data_type: 1 name: "sp" float_data: 1 } indices { dims: 1 data_type: 7 int64_data: 0 } dims: 4 }
              input { name: "x" doc_string: "input" type { denotation: "IMAGE" tensor_type { elem_type: 1
                shape { dim { dim_param: "N" denotation: "DATA_BATCH" } dim { dim_value: 3 } } } } }
              input { name: "c" type { tensor_type { elem_type: 9 shape { } } } }
              input { name: "s" type { sequence_type { elem_type { tensor_type { elem_type: 8 } } } } }
              input { name: "o" type { optional_type { elem_type { sequence_type { elem_type { tensor_type { elem_type: 1 } } } } } } }
              input { name: "m" type { map_type { key_type: 8 value_type { tensor_type { elem_type: 1 } } } } }
              input { name: "n" type { tensor_type { elem_type: 1 shape { dim { dim_value: -1 } dim { dim_param: "" } dim { } } } } }
              output { name: "z" }
              value_info { name: "y" type { tensor_type { elem_type: 1 } } metadata_props { key: "k" value: "v" } }
              quantization_annotation { tensor_name: "y" quant_parameter_tensor_names { key: "SCALE_TENSOR" value: "w" } }
            }""";

    private static OnnxMl.ModelProto model(String text) throws IOException {
        return TextFormat.parse(text, OnnxMl.ModelProto.class);
    }

    private static Model read(byte[] bytes) {
        return ModelReader.read(MemorySegment.ofArray(bytes), "model", null);
    }

    private static void assertSame(OnnxMl.ModelProto before, Model read) {
        assertEquals(
                TextFormat.printer().printToString(Oracle.normal(before.toByteArray())),
                TextFormat.printer().printToString(Oracle.normal(ModelWriter.toBytes(read))));
        assertArrayEquals(
                Oracle.deterministic(Oracle.normal(before.toByteArray())),
                Oracle.deterministic(Oracle.normal(ModelWriter.toBytes(read))));
    }
}
