package dev.nibble.graph.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.ByteString;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Each way in which a file can store a tensor.
class TensorStorageTest {
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "STRING")
    void rawDataOfEveryTypeIsLookedAtInPlace(DataType type) {
        // 5 elements: the narrow types end inside a byte.
        byte[] elements = new byte[(int) type.bytes(5)];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = (byte) (37 * i + 1);
        }
        OnnxMl.TensorProto.Builder proto = OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(type.code())
                .addDims(5)
                .setRawData(ByteString.copyFrom(elements));
        Initializer read = roundTrip(proto);
        assertEquals(type, read.type());
        assertArrayEquals(elements, read.tensor().data().toArray(ValueLayout.JAVA_BYTE));
    }

    @ParameterizedTest
    @CsvSource({
        "UINT8, 255, 255",
        "INT8, -128, -128",
        "UINT16, 65535, 65535",
        "INT16, -32768, -32768",
        "INT32, -2147483648, -2147483648",
        "BOOL, 1, 1",
    })
    void integersInInt32DataAreCutToTheirWidth(DataType type, int stored, long expected) {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(type.code())
                .addDims(2)
                .addInt32Data(stored)
                .addInt32Data(1));
        assertArrayEquals(new long[] {expected, 1}, read.tensor().toLongs());
    }

    @ParameterizedTest
    @CsvSource({"UINT4, 3, 10, 15", "INT4, 3, -6, -1"})
    void fourBitIntegersInInt32DataShareABytePerNumber(DataType type, long first, long second, long third) {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(type.code())
                .addDims(3)
                .addInt32Data(0xA3)
                .addInt32Data(0x0F));
        assertArrayEquals(new long[] {first, second, third}, read.tensor().toLongs());
    }

    @ParameterizedTest
    @CsvSource({"UINT2, 3, 0, 2, 1, 1", "INT2, -1, 0, -2, 1, 1"})
    void twoBitIntegersShareAByteByFours(DataType type, long a, long b, long c, long d, long e) {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(type.code())
                .addDims(5)
                .setRawData(ByteString.copyFrom(new byte[] {0b01_10_00_11, 0b01})));
        assertArrayEquals(new long[] {a, b, c, d, e}, read.tensor().toLongs());
    }

    @Test
    void halfPrecisionInInt32DataIsItsBits() {
        Initializer half = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(10)
                .addDims(1)
                .addInt32Data(Float.floatToFloat16(1.5f)));
        assertEquals(1.5f, half.tensor().floatAt(0));
        Initializer brain = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(16)
                .addDims(1)
                .addInt32Data(Float.floatToIntBits(1.5f) >>> 16));
        assertEquals(1.5f, brain.tensor().floatAt(0));
    }

    @Test
    void typedFieldsOfWideTypes() {
        assertEquals(
                -2.5f,
                roundTrip(OnnxMl.TensorProto.newBuilder()
                                .setName("w")
                                .setDataType(1)
                                .addDims(1)
                                .addFloatData(-2.5f))
                        .tensor()
                        .floatAt(0));
        assertEquals(
                -2.5f,
                roundTrip(OnnxMl.TensorProto.newBuilder()
                                .setName("w")
                                .setDataType(11)
                                .addDims(1)
                                .addDoubleData(-2.5))
                        .tensor()
                        .floatAt(0));
        assertEquals(
                Long.MIN_VALUE,
                roundTrip(OnnxMl.TensorProto.newBuilder()
                                .setName("w")
                                .setDataType(7)
                                .addDims(1)
                                .addInt64Data(Long.MIN_VALUE))
                        .tensor()
                        .longAt(0));
        assertEquals(
                0xFFFF_FFFFL,
                roundTrip(OnnxMl.TensorProto.newBuilder()
                                .setName("w")
                                .setDataType(12)
                                .addDims(1)
                                .addUint64Data(0xFFFF_FFFFL))
                        .tensor()
                        .longAt(0));
        assertEquals(
                -1,
                roundTrip(OnnxMl.TensorProto.newBuilder()
                                .setName("w")
                                .setDataType(13)
                                .addDims(1)
                                .addUint64Data(-1))
                        .tensor()
                        .longAt(0));
    }

    @Test
    void numbersOneByOneAreTheSameAsPackedOnes() {
        WireWriter tensor = new WireWriter();
        tensor.varint(1, 40_000);
        tensor.varint(2, 7);
        for (int i = 0; i < 40_000; i++) {
            tensor.varint(7, i - 20_000);
        }
        Initializer read = new TensorDecoder(new ExternalData(null, false))
                .tensor(new WireReader(MemorySegment.ofArray(tensor.toBytes())));
        assertEquals(-20_000, read.tensor().longAt(0));
        assertEquals(19_999, read.tensor().longAt(39_999));
    }

    @Test
    void stringsAreCarriedButNotComputedWith() {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(8)
                .addDims(1)
                .addStringData(ByteString.copyFromUtf8("a")));
        assertTrue(read.hasData());
        assertThrows(NibbleException.class, read::tensor);
    }

    @Test
    void typesFromTheFutureAreCarriedAndRefusedOnUse() {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(99)
                .addDims(3)
                .setRawData(ByteString.copyFrom(new byte[] {1, 2, 3})));
        assertEquals(99, read.typeCode());
        assertTrue(
                assertThrows(NibbleException.class, read::tensor).getMessage().contains("element type 99"));
    }

    @Test
    void strippedWeightsKeepTypeAndShape() {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(1)
                .addDims(64)
                .addDims(3));
        assertFalse(read.hasData());
        assertEquals(64 * 3 * 4, read.packedBytes());
        NibbleException refused = assertThrows(NibbleException.class, read::tensor);
        assertTrue(refused.getMessage().contains("'w' has no data"), refused.getMessage());
    }

    @Test
    void aTensorWithoutElementsNeedsNoData() {
        Initializer read = roundTrip(OnnxMl.TensorProto.newBuilder()
                .setName("w")
                .setDataType(1)
                .addDims(0)
                .addDims(3));
        assertTrue(read.hasData());
        assertEquals(0, read.tensor().elements());
    }

    @Test
    void lengthsThatDoNotFitAreNamed() {
        for (OnnxMl.TensorProto.Builder wrong : List.of(
                OnnxMl.TensorProto.newBuilder().setDataType(1).setRawData(ByteString.copyFrom(new byte[11])),
                OnnxMl.TensorProto.newBuilder().setDataType(1).addFloatData(1),
                OnnxMl.TensorProto.newBuilder().setDataType(3).addInt32Data(1),
                OnnxMl.TensorProto.newBuilder()
                        .setDataType(3)
                        .addInt32Data(1)
                        .addInt32Data(1)
                        .addInt32Data(1)
                        .addInt32Data(1),
                OnnxMl.TensorProto.newBuilder()
                        .setDataType(7)
                        .addFloatData(1)
                        .addFloatData(1)
                        .addFloatData(1))) {
            Initializer read = roundTrip(wrong.setName("w").addDims(3));
            NibbleException refused = assertThrows(NibbleException.class, read::tensor);
            assertTrue(refused.getMessage().contains("'w'"), refused.getMessage());
        }
    }

    /// Read, written and read again; both ends agree with the generated classes.
    private static Initializer roundTrip(OnnxMl.TensorProto.Builder tensor) {
        byte[] before = OnnxMl.ModelProto.newBuilder()
                .setIrVersion(13)
                .addOpsetImport(
                        OnnxMl.OperatorSetIdProto.newBuilder().setDomain("").setVersion(25))
                .setGraph(OnnxMl.GraphProto.newBuilder().setName("g").addInitializer(tensor))
                .build()
                .toByteArray();
        byte[] after = ModelWriter.toBytes(ModelReader.read(MemorySegment.ofArray(before), "model", null));
        assertEquals(Oracle.normal(before), Oracle.normal(after));
        return ModelReader.read(MemorySegment.ofArray(after), "model", null)
                .graph()
                .initializers()
                .getFirst();
    }
}
