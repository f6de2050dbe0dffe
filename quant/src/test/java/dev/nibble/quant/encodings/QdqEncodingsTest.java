package dev.nibble.quant.encodings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.quant.Shared;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Encodings out of QDQ models that ONNX Runtime and AIMET wrote.
class QdqEncodingsTest {
    private static QdqEncodings.Result read(Model model) {
        return QdqEncodings.of(
                model, QuantSimConfig.htp(HtpArch.V75).extensions().gridPreserving());
    }

    private static QdqEncodings.Result shared(String name) {
        return read(ModelReader.read(Shared.path("interop/" + name)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"w8a8_pc_minmax", "w8a8_pc_tfe", "w4a16_pc_minmax", "w4a16_bq16_minmax"})
    void aimetsModelSaysWhatItsFileSays(String tag) {
        Encodings file = EncodingsReader.read(Shared.path("interop/aimet/" + tag + ".v1.0.0.encodings"));
        QdqEncodings.Result model = shared("aimet/" + tag + ".qdq.onnx");
        // Both hold the same floats.
        assertEquals(List.of(), CompareEncodings.between(file, model.listed(EncodingsVersion.V1_0_0), 1e-7));
        assertEquals(List.of(), model.omitted());
    }

    @ParameterizedTest
    @EnumSource(EncodingsVersion.class)
    void whatOnnxRuntimeWroteIsReadBackAsWritten(EncodingsVersion version) {
        for (String name : List.of("resnet8_qdq_pc_minmax", "resnet8_qdq_pc_minmax_w4a16")) {
            QdqEncodings.Result model = shared("ort/" + name + ".onnx");
            Encodings listed = model.listed(version);
            Encodings back = EncodingsReader.read(EncodingsText.of(listed, version), name);
            assertEquals(List.of(), CompareEncodings.between(listed, back, 0));
            // 16 values, of which Flatten's output has the scale of its input; 10 weights, 10 biases.
            assertEquals(version.isOneList() ? 36 : 25, back.all().size());
        }
    }

    @Test
    void onnxRuntimesSignedCodesGetAimetsOffsets() {
        Encodings file = shared("ort/resnet8_qdq_pc_minmax.onnx").encodings();
        Affine weight = assertInstanceOf(Affine.class, file.params().get("dense.weight"));
        assertEquals(Layout.PER_CHANNEL, weight.layout());
        assertEquals(OptionalInt.of(0), weight.axis());
        assertTrue(weight.symmetric());
        assertEquals(-128, weight.offsets()[3]);
        Affine relu = assertInstanceOf(Affine.class, file.activations().get("activation_1_out"));
        assertFalse(relu.symmetric());
        // Behind Relu the range begins at 0: int8 zero point -128, offset 0.
        assertEquals(0, relu.offsets()[0]);
        assertTrue(file.activations().containsKey("logits"), "the model's output by its own name");
    }

    @Test
    void whatNoFileCanSayIsNamed() {
        Graph graph = Graph.of(
                "g",
                List.of(
                        Node.of("q", "QuantizeLinear", List.of("x", "s", "z"), List.of("c")),
                        Node.of("d", "DequantizeLinear", List.of("c", "s", "z"), List.of("xd")),
                        Node.of("q2", "QuantizeLinear", List.of("xd", "s2", "z2"), List.of("c2")),
                        Node.of("d2", "DequantizeLinear", List.of("c2", "s2", "z2"), List.of("xdd")),
                        Node.of("q3", "QuantizeLinear", List.of("y0", "s3"), List.of("c3"))
                                .withAttribute(Attribute.of("axis", 1L)),
                        Node.of("relu", "Relu", List.of("xdd"), List.of("y0")),
                        Node.of("d3", "DequantizeLinear", List.of("c3", "s3"), List.of("y"))
                                .withAttribute(Attribute.of("axis", 1L))),
                List.of(
                        Initializer.of("s", Tensor.of(Shape.SCALAR, 0.5f)),
                        Initializer.of("z", zero(DataType.UINT8, 3)),
                        Initializer.of("s2", Tensor.of(Shape.SCALAR, 0.25f)),
                        Initializer.of("z2", zero(DataType.INT8, 0)),
                        Initializer.of("s3", Tensor.of(Shape.of(2), 1f, 2f))),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 2))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 2))));
        QdqEncodings.Result result = read(Model.of(8, 13, graph));
        assertEquals(
                List.of("xd", "y"),
                result.omitted().stream().map(QdqEncodings.Omitted::tensor).toList());
        Affine x =
                assertInstanceOf(Affine.class, result.encodings().activations().get("x"));
        assertEquals(-3, x.offsets()[0]);
    }

    private static Tensor zero(DataType type, int value) {
        return new Tensor(
                type,
                Shape.SCALAR,
                java.lang.foreign.MemorySegment.ofArray(new byte[] {(byte) value})
                        .asReadOnly());
    }

    @Test
    void aFloatModelIsNone() {
        Model model = ModelReader.read(Shared.path("interop/aimet/fp32_bnfold.onnx"));
        NibbleException refused = assertThrows(NibbleException.class, () -> read(model));
        assertTrue(refused.getMessage().contains("holds no QuantizeLinear"), refused.getMessage());
    }
}
