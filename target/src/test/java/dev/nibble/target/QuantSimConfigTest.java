package dev.nibble.target;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QuantSimConfigTest {
    private static final String AIMET = """
            {"defaults": {"hw_version": "V75",
               "ops": {"is_output_quantized": "True", "is_symmetric": "False"},
               "params": {"is_quantized": "True", "is_symmetric": "True"},
               "per_channel_quantization": "False", "strict_symmetric": "False", "unsigned_symmetric": "False",
               "supported_kernels": [{"activation": {"bitwidth": 16, "dtype": "int"},
                                      "param": {"bitwidth": 8, "dtype": "int"}}]},
             "params": {"bias": {"is_quantized": "False"}},
             "op_type": {"Conv": {"per_channel_quantization": "True"},
                         "Gather": {"is_output_quantized": "False"},
                         "Sigmoid": {"encoding_constraints": {"min": 0.0, "max": 1.0}},
                         "Relu": {"encoding_constraints": {"min": 0.0}},
                         "LayerNormalization": {"params": {"weight": {"is_symmetric": "False"}}}},
             "supergroup_pass_list": ["MatmulAdd"],
             "supergroups": [{"op_list": ["Conv", "Relu"]}],
             "model_input": {"is_input_quantized": "True"},
             "model_output": {}}""";

    @Test
    void readsAimetsGrammarAndLetsLaterSectionsWin() {
        PlacementRules rules = QuantSimConfig.read(AIMET, "htp.json");
        assertTrue(rules.outputQuantized("Add"));
        assertFalse(rules.outputQuantized("Gather"));
        assertTrue(rules.perChannel("Conv"));
        assertFalse(rules.perChannel("Gemm"));
        assertTrue(rules.paramQuantized("Conv", "weight"));
        assertFalse(rules.paramQuantized("Conv", "bias"));
        assertTrue(rules.paramSymmetric("Conv", "weight"));
        assertFalse(rules.paramSymmetric("LayerNormalization", "weight"));
        assertEquals(List.of(List.of("Conv", "Relu")), rules.supergroups());
        assertTrue(rules.constraint("Sigmoid").orElseThrow().isRange());
        assertFalse(rules.constraint("Relu").orElseThrow().isRange());
        assertTrue(rules.inputQuantized());
        assertEquals(
                16, rules.defaults().supportedKernels().getFirst().activation().bitwidth());
        assertTrue(rules.extensions().gridPreserving().contains("Transpose"), "what AIMET has in code");
    }

    @Test
    void anUnknownKeyIsAnErrorWithASuggestion() {
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> QuantSimConfig.read(AIMET.replace("\"op_type\"", "\"op_types\""), "a.json"));
        assertEquals("a.json: unknown key 'op_types'", e.getMessage());
        assertEquals("did you mean 'op_type'?", e.hint());
        NibbleException nested = assertThrows(
                NibbleException.class,
                () -> QuantSimConfig.read(
                        AIMET.replace("\"is_quantized\": \"False\"", "\"quantized\": \"False\""), "a.json"));
        assertEquals("a.json: 'params.bias': unknown key 'quantized'", nested.getMessage());
        NibbleException flag = assertThrows(
                NibbleException.class,
                () -> QuantSimConfig.read(
                        AIMET.replace("\"is_quantized\": \"False\"", "\"is_quantized\": \"no\""), "a.json"));
        assertEquals("write \"True\" or \"False\"", flag.hint());
    }

    @ParameterizedTest
    @EnumSource
    void everyArchitectureHasRules(HtpArch arch) {
        PlacementRules rules = QuantSimConfig.htp(arch);
        assertTrue(rules.defaults().strictSymmetric());
        assertTrue(rules.extensions().depthwiseSupergroups());
        assertEquals(arch.atLeast(HtpArch.V69), rules.perChannel("Gemm"));
        assertEquals(
                arch.atLeast(HtpArch.V73) ? 16 : 8,
                rules.extensions().secondOperand().get(16).bitwidth());
    }

    @Test
    void damagedFilesGiveAnErrorOrRules() {
        Random random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 5_000; i++) {
            StringBuilder text = new StringBuilder(AIMET);
            for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(3)) {
                    case 0 -> text.setCharAt(at, (char) (32 + random.nextInt(95)));
                    case 1 -> text.deleteCharAt(at);
                    default -> text.insert(at, text.substring(at, Math.min(text.length(), at + random.nextInt(40))));
                }
            }
            try {
                QuantSimConfig.read(text.toString(), "fuzzed");
            } catch (NibbleException e) {
                refused++;
                assertFalse(e.hint().isBlank());
            }
        }
        assertTrue(refused > 1_000, "most damage is seen");
    }
}
