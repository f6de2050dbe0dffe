package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nibble.graph.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OptionSyntaxTest {
    @ParameterizedTest
    @CsvSource({"1,1", "2k,2048", "800m,838860800", "800MB,838860800", "2g,2147483648", "1.5GiB,1610612736"})
    void sizesAreBinary(String text, long bytes) {
        assertEquals(bytes, ByteSize.parse(text).bytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "-1g", "2q", "g", "1e9", "99999999999t", "0.5"})
    void noSizeIsAnError(String text) {
        assertThrows(IllegalArgumentException.class, () -> ByteSize.parse(text));
    }

    @Test
    void aShapeBelongsToAName() {
        assertEquals(new NamedShape("image", Shape.of(1, 3, 224, 224)), NamedShape.parse("image=1,3,224,224"));
        assertEquals(new NamedShape("a=b", Shape.of(1)), NamedShape.parse("a=b=1"));
        assertEquals(new NamedShape("step", Shape.SCALAR), NamedShape.parse("step="));
    }

    @ParameterizedTest
    @ValueSource(strings = {"image", "=1,2", "image=1,,2", "image=1,x", "image=-1,3", "image=1,"})
    void noShapeIsAnError(String text) {
        assertThrows(IllegalArgumentException.class, () -> NamedShape.parse(text));
    }

    @ParameterizedTest
    @CsvSource({
        "--act_bitwidth=8,--act-bitwidth=8",
        "--act_bw,--act-bitwidth",
        "--weight_bw=4,--weights-bitwidth=4",
        "--weights_bitwidth,--weights-bitwidth",
        "--bias_bw,--bias-bitwidth",
        "--act_quantizer_calibration,--act-calibration",
        "--param_quantizer_calibration,--param-calibration",
        "--act_quantizer_schema,--act-schema",
        "--param_quantizer_schema,--param-schema",
        "--percentile_calibration_value,--percentile-calibration-value",
        "--quantization_overrides,--quantization-overrides",
        "--use_per_channel_quantization,--weight-granularity=channel",
        "--any_other_name=a_b,--any-other-name=a_b",
        "my_model.onnx,my_model.onnx"
    })
    void qairtSpellingsAreOurs(String theirs, String ours) {
        assertArrayEquals(new String[] {ours}, Spellings.normalize(theirs));
    }

    @Test
    void nothingIsRespeltAfterTwoDashes() {
        assertArrayEquals(new String[] {"--a-b", "--", "--a_b"}, Spellings.normalize("--a_b", "--", "--a_b"));
    }
}
