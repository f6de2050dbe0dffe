package dev.nibble.quant.encodings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Shared;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.Forced;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// QNN's overrides over ResNet-8.
class OverridesTest {
    private static final Precision W8A8 = Precision.of(8, WeightGranularity.CHANNEL, 8);

    private static Model model() {
        return ModelReader.read(Shared.path("interop/aimet/fp32_bnfold.onnx"));
    }

    private static PlacementPlan plan(Precision precision, HtpArch arch) {
        return Placement.plan(model(), QuantSimConfig.htp(arch), precision);
    }

    private static Encodings read(String json) {
        return EncodingsReader.read(json.replace('\'', '"'), "overrides.json");
    }

    private static Overrides resolve(String json) {
        return ResolveOverrides.over(plan(W8A8, HtpArch.V75), read(json), Map.of(), List.of("folded_bn_out"))
                .overrides();
    }

    private static PlacementPlan placed(String json) {
        return plan(W8A8.with(resolve(json)), HtpArch.V75);
    }

    @Test
    void anEntryMayBeAListOrABareObjectAndSayAsMuchAsItLikes() {
        Map<String, Forced> forced = resolve("""
                {'activation_encodings': {
                   'input': {'dtype': 'int16', 'is_symmetric': true},
                   'logits': [{'bitwidth': 8, 'min': -10.0, 'max': 15.5}],
                   'conv2d_2_out': [{'bitwidth': 8, 'dtype': 'int', 'scale': 0.5, 'offset': -100}]},
                 'param_encodings': {
                   'dense.weight': [{'bitwidth': 4, 'dtype': 'int', 'is_symmetric': 'True'}],
                   'conv2d.weight': {'dtype': 'float'}}}""").tensors();
        assertEquals(new Forced.Width(16, Optional.of(Symmetry.SYMMETRIC)), forced.get("input"));
        assertEquals(new Forced.Width(4, Optional.empty()), forced.get("dense.weight"));
        assertEquals(new Forced.InFloat(16), forced.get("conv2d.weight"));
        // scale = 25.5 / 255; zero is code 100 exactly.
        Forced.Range logits = (Forced.Range) forced.get("logits");
        assertEquals(0.1f, logits.encoding().scale());
        assertEquals(100, logits.encoding().zeroPoint());
        assertEquals(100, ((Forced.Range) forced.get("conv2d_2_out")).encoding().zeroPoint());
    }

    @Test
    void aNameBeatsAPatternAndALaterPatternAnEarlierOne() {
        Map<String, Forced> forced = resolve("""
                {'param_encodings': {
                   'conv2d_3.weight': {'dtype': 'int16'},
                   '*.weight': {'dtype': 'int8'},
                   'conv2d_?.weight': {'dtype': 'int4'}}}""").tensors();
        assertEquals(10, forced.size());
        assertEquals(new Forced.Width(8, Optional.empty()), forced.get("dense.weight"));
        assertEquals(new Forced.Width(8, Optional.empty()), forced.get("conv2d.weight"));
        assertEquals(new Forced.Width(4, Optional.empty()), forced.get("conv2d_1.weight"));
        assertEquals(new Forced.Width(16, Optional.empty()), forced.get("conv2d_3.weight"));
    }

    @Test
    void widthsAndFloatsReachThePlan() {
        PlacementPlan plan = placed("""
                {'activation_encodings': {'conv2d_2_out': {'dtype': 'int16'}, 'input': {'dtype': 'int8'}},
                 'param_encodings': {'conv2d_1.weight': {'dtype': 'int4'}, 'dense.weight': {'dtype': 'float'}}}""");
        assertEquals(16, plan.activation("conv2d_2_out").orElseThrow().scheme().bits());
        assertEquals(4, plan.weightsByName().get("conv2d_1.weight").scheme().bits());
        assertFalse(plan.weightsByName().containsKey("dense.weight"));
        assertTrue(plan.skipped().stream().anyMatch(s -> s.reason().contains("'dense.weight' in float")));
        assertTrue(plan.conversions().stream().anyMatch(c -> c.value().equals("conv2d_2_out")));
        // Weight, bias and output of one layer are in float together.
        assertFalse(plan.observed().contains("logits"));
    }

    @Test
    void aRangeInsideAChainAndASupergroupTakeItApart() {
        assertTrue(plan(W8A8, HtpArch.V75)
                .activation("conv2d_1_out")
                .map(a -> !a.inEncodings())
                .orElse(true));
        PlacementPlan ranged =
                placed("{'activation_encodings': {'conv2d_1_out': {'bitwidth': 8, 'min': -4, 'max': 4}}}");
        ActivationQuantizer inner = ranged.activation("conv2d_1_out").orElseThrow();
        assertTrue(inner.inEncodings() && inner.fixed().isPresent());
        PlacementPlan apart = placed("{'supergroups': [{'op_list': ['Conv', 'Relu'], 'fuse': false}]}");
        assertTrue(apart.activation("conv2d_1_out").orElseThrow().observed());
        PlacementPlan together = placed("{'supergroups': [{'op_list': ['Conv', 'Add'], 'fuse': true}]}");
        assertTrue(together.bounded().size() < apart.activations().size());
        assertFalse(together.activation("conv2d_5_out")
                        .map(ActivationQuantizer::inEncodings)
                        .orElse(false)
                && together.activation("conv2d_4_out")
                        .map(ActivationQuantizer::inEncodings)
                        .orElse(false));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{'param_encodings': {'conv2d_1.weigth': {'dtype': 'int8'}}}"
                        + " | there is no tensor 'conv2d_1.weigth' | did you mean 'conv2d_1.weight'?",
                "{'activation_encodings': {'folded_bn_out': {'dtype': 'int8'}}} | is gone once the model is prepared | name",
                "{'param_encodings': {'layers.*.weight': {'dtype': 'int8'}}} | matches no tensor | names are like conv2d",
                "{'param_encodings': {'dense.bi*': {'dtype': 'int8'}}} | without a quantizer | name others in full",
                "{'activation_encodings': {'input': {'dtype': 'int4'}}} | activations have 8 or 16 bits | 4 bits are for weights",
                "{'param_encodings': {'dense.weight': {'bitwidth': 7}}} | cannot have 7 bits: by the rules of | use one of",
                "{'param_encodings': {'dense.weight': {'bitwidth': 64}}} | 'bitwidth' is 64 | widths are 2 to 32 bits",
                "{'param_encodings': {'dense.weight': {'bitwidth': 8, 'dtype': 'int4'}}} | but 'bitwidth' is 8 | leave one",
                "{'param_encodings': {'dense.bias': {'dtype': 'int8'}}} | biases are int32 | take it out",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'min': 2, 'max': 1}}} | is above 'max' | exchange them",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'min': 0, 'max': 0}}} | are both 0.0 | two ends",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'min': 1, 'max': 2}}} | do not enclose zero | contain zero",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'scale': 1, 'offset': -300}}} | lies outside -255…0 | zero point",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'scale': 0, 'offset': 0}}} | a scale is 0.0 | positive",
                "{'activation_encodings': {'input': {'bitwidth': 8, 'scale': 1, 'offset': 0, 'min': -9, 'max': 9}}}"
                        + " | 'scale' and 'offset' give 0.0…255.0 | leave one of both pairs out",
                "{'activation_encodings': {'input': [{'dtype': 'int8'}, {'dtype': 'int16'}]}} | the channels differ | one format",
                "{'param_encodings': {'dense.weight': [{'bitwidth': 8, 'min': -1, 'max': 1}, {'bitwidth': 8, 'min': -1, 'max': 1}]}}"
                        + " | has 2 scales for 10 channels | belongs to this model",
                "{'activation_encodings': {'average_pooling2d_out': {'bitwidth': 8, 'min': 0, 'max': 1},"
                        + " 'flatten_out': {'bitwidth': 8, 'min': 0, 'max': 2}}} | contradict each other | have one encoding",
                "{'activation_encodings': {'input': {'dtype': 'float'}}} | cannot stay in float: | keep the output",
                "{'activation_encoding': {}} | unknown key 'activation_encoding' | did you mean 'activation_encodings'?",
                "{'supergroups': [{'op_list': ['Conv', 'Relu']}, {'op_list': ['Conv', 'Relu'], 'fuse': false}]}"
                        + " | Conv, Relu is to be fused and to be taken apart | keep one",
                "{'supergroups': [{'op_list': ['Conv', 'Relu']}], 'activation_encodings': {'conv2d_1_out': {'dtype': 'int16'}}}"
                        + " | 'conv2d_1_out' inside of it is to have an encoding | leave out 'conv2d_1_out'",
                "{'supergroups': [{'op_list': ['Conv']}]} | at least two operators | op_list",
                "{} | there is neither a 'version' nor | overrides init MODEL",
            })
    void whatCannotBeHonouredIsSaidWithItsRule(String json, String message, String hint) {
        NibbleException e = assertThrows(NibbleException.class, () -> placed(json));
        assertTrue(e.getMessage().contains(message), e.getMessage());
        assertTrue(e.hint().contains(hint), e.hint());
    }

    @Test
    void anOldChipQuotesItsRule() {
        Precision precision = Precision.of(8, WeightGranularity.CHANNEL, 16);
        String json = "{'param_encodings': {'dense.weight': {'dtype': 'int16'}}}";
        Overrides overrides = ResolveOverrides.over(plan(precision, HtpArch.V69), read(json), Map.of(), List.of())
                .overrides();
        NibbleException e = assertThrows(NibbleException.class, () -> plan(precision.with(overrides), HtpArch.V69));
        assertTrue(e.getMessage().contains("16-bit weights come with v73"), e.getMessage());
    }

    @Test
    void everyProblemOfAFileIsListed() {
        List<NibbleException> problems = ResolveOverrides.problems(
                plan(W8A8, HtpArch.V75),
                read("{'activation_encodings': {'input': {'dtype': 'int4'}, 'nowhere': {'dtype': 'int8'}},"
                        + " 'param_encodings': {'dense.bias': {'dtype': 'int8'}, 'dense.weight': {'dtype': 'int8'}}}"),
                Map.of(),
                List.of());
        assertEquals(3, problems.size(), problems::toString);
    }

    @Test
    void scalesOfScalesAreLowPowerBlocksOrAreMultipliedOut() {
        String entry =
                "{'version': '2.1.0', 'encodings': [{'name': 'w', 'output_dtype': 'int4', 'axis': 1, 'block_size': 2,"
                        + " 'y_scale': {'x': [[3, 5], [11, 9]], 'x_scale': [0.001, 0.002], 'axis': 0}}]}";
        LowPowerBlocks blocks = (LowPowerBlocks) read(entry).all().get("w");
        assertEquals(4, blocks.compressedBits());
        assertEquals(
                List.of(3, 5, 11, 9),
                java.util.Arrays.stream(blocks.blockScales()).boxed().toList());
        Affine product = (Affine) read(entry.replace("'axis': 0}", "'axis': 0, 'x_zero_point': [1, 1]}"))
                .all()
                .get("w");
        // (11 − 1) · 0.002
        assertEquals(0.02, product.scales()[2], 1e-12);
        assertThrows(NibbleException.class, () -> read(entry.replace("[3, 5]", "[3.5, 5]")));
        assertThrows(NibbleException.class, () -> read(entry.replace("[3, 5]", "[3]")));
    }

    @ParameterizedTest
    @CsvSource({
        "w8a8_pc_minmax.v0.6.1, 2.0.0", "w8a8_pc_minmax.v2.0.0, 0.6.1", "w4a16_lpbq16_minmax.v1.0.0, 2.1.0",
        "w4a16_lpbq16_minmax.v2.0.0, 1.0.0", "w4a16_bq16_minmax.v1.0.0, 2.0.0", "w4a16_bq16_minmax.v2.0.0, 2.1.0"
    })
    void aFileSaysTheSameInAnotherVersion(String name, String version) {
        Encodings file = EncodingsReader.read(Shared.path("interop/aimet/" + name + ".encodings"));
        Encodings complete = CompleteEncodings.over(model().graph(), file);
        Encodings other = EncodingsReader.read(EncodingsText.of(complete, EncodingsVersion.of(version)), "converted");
        assertEquals(version, other.version());
        assertEquals(List.of(), CompareEncodings.between(file, other, CompareEncodings.SCALE_TOLERANCE));
    }

    @Test
    void differencesAreNamed() {
        Encodings first = read("{'version': '1.0.0', 'param_encodings': [], 'activation_encodings': ["
                + "{'name': 'a', 'dtype': 'INT', 'bw': 8, 'is_sym': false, 'scale': [0.5], 'offset': [-3]},"
                + "{'name': 'b', 'dtype': 'INT', 'bw': 8, 'is_sym': false, 'scale': [0.5], 'offset': [-3]}]}");
        Encodings second = read("{'version': '2.0.0', 'encodings': ["
                + "{'name': 'a', 'output_dtype': 'uint8', 'y_scale': 0.5, 'y_zero_point': 4}]}");
        assertEquals(
                List.of("a offset", "b only in first"),
                CompareEncodings.between(first, second, 0).stream()
                        .map(d -> d.tensor() + " " + d.kind())
                        .toList());
    }

    @Test
    void perChannelScalesAreLaidAlongTheOperatorsAxis() {
        StringBuilder groups = new StringBuilder();
        for (int i = 1; i <= 16; i++) {
            groups.append(i > 1 ? "," : "")
                    .append("{'bitwidth': 8, 'is_symmetric': 'True', 'scale': 0.00%02d, 'offset': -128}".formatted(i));
        }
        Forced.Scales scales = (Forced.Scales) resolve("{'param_encodings': {'conv2d.weight': [" + groups + "]}}")
                .tensors()
                .get("conv2d.weight");
        TensorEncoding.Affine encoding = scales.encoding();
        assertEquals(new Granularity.PerChannel(0), encoding.granularity());
        assertEquals(0.0016f, encoding.scale(15));
    }

    @Tag("slow")
    @Test
    void damagedOverridesGiveAnErrorOrOverrides() throws IOException {
        String all = """
                {"activation_encodings": {"input": {"dtype": "int16", "is_symmetric": true},
                   "conv*_out": {"bitwidth": 8}, "logits": [{"bitwidth": 8, "min": -10.5, "max": 15.0}]},
                 "param_encodings": {"conv2d_?.weight": {"dtype": "int4"}, "dense.weight": {"dtype": "float"},
                   "conv2d.weight": [{"bitwidth": 8, "scale": 0.01, "offset": -128, "is_symmetric": "True"}]},
                 "supergroups": [{"op_list": ["Conv", "Relu"], "fuse": false}]}""";
        String blocks = Files.readString(Shared.path("interop/aimet/w4a16_lpbq16_minmax.v1.0.0.encodings"));
        PlacementPlan base = plan(W8A8, HtpArch.V75);
        Random random = new Random(17);
        int refused = 0;
        for (int i = 0; i < 2_000; i++) {
            StringBuilder text = new StringBuilder(i % 10 == 0 ? blocks : all);
            for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) (32 + random.nextInt(95)));
                    case 1 -> text.deleteCharAt(at);
                    case 2 -> text.insert(at, "-0123456789e\"{[]}*?,:".charAt(random.nextInt(21)));
                    default -> text.setLength(random.nextInt(50) == 0 ? Math.max(1, at) : text.length());
                }
            }
            try {
                Overrides overrides = ResolveOverrides.over(
                                base, EncodingsReader.read(text.toString(), "fuzzed"), Map.of(), List.of())
                        .overrides();
                plan(W8A8.with(overrides), HtpArch.V75);
            } catch (NibbleException e) {
                refused++;
                assertFalse(e.hint().isBlank());
            }
        }
        assertTrue(refused > 200 && refused < 2_000, "some damage is seen, some is harmless: " + refused);
    }
}
