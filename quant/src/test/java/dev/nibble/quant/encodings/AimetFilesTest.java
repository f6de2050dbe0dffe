package dev.nibble.quant.encodings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Shared;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Against encodings that AIMET wrote for ResNet-8.
class AimetFilesTest {
    /// AIMET computes scales in double precision and rounds at the end; a float has 6·10⁻⁸.
    private static final double SCALE_TOLERANCE = 1e-6;

    private static Model model() {
        return ModelReader.read(Shared.path("interop/aimet/fp32_bnfold.onnx"));
    }

    private static Encodings file(String name) {
        return EncodingsReader.read(Shared.path("interop/aimet/" + name + ".encodings"));
    }

    private static PlacementPlan plan(Model model) {
        return Placement.plan(model, QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, 8));
    }

    private static Quantization quantization(PlacementPlan plan) {
        ResolveEncodings.Result aimet = ResolveEncodings.over(plan.model().graph(), file("w8a8_pc_minmax.v2.0.0"));
        Map<String, Encoding> bySource = new HashMap<>();
        plan.observedBySource()
                .keySet()
                .forEach(s -> bySource.put(s, aimet.activations().get(s)));
        return QuantizeModel.apply(plan, bySource).quantization();
    }

    @ParameterizedTest
    @CsvSource({
        "w8a8_pc_minmax, 8, 8",
        "w8a8_pc_tfe, 8, 8",
        "w4a16_pc_minmax, 4, 16",
    })
    void theThreeVersionsSayTheSame(String tag, int weightBits, int activationBits) {
        var graph = model().graph();
        ResolveEncodings.Result old = ResolveEncodings.over(graph, file(tag + ".v0.6.1"));
        ResolveEncodings.Result one = ResolveEncodings.over(graph, file(tag + ".v1.0.0"));
        ResolveEncodings.Result two = ResolveEncodings.over(graph, file(tag + ".v2.0.0"));
        assertEquals(15, old.activations().size());
        assertEquals(10, old.weights().size());
        assertEquals(old, one);
        old.activations().forEach((name, encoding) -> {
            assertEquals(encoding, two.activations().get(name), name);
            assertEquals(activationBits, encoding.grid().bits());
        });
        old.weights().forEach((name, encoding) -> {
            TensorEncoding.Affine other = two.weights().get(name);
            assertEquals(weightBits, encoding.grid().bits());
            assertEquals(new Granularity.PerChannel(0), encoding.granularity());
            for (int i = 0; i < encoding.groups(); i++) {
                assertEquals(encoding.scale(i), other.scale(i), encoding.scale(i) * SCALE_TOLERANCE, name);
            }
        });
    }

    @Test
    void blocksAndLowPowerBlocksAreTheSameScalesUpToTheirRounding() {
        var graph = model().graph();
        for (String version : new String[] {"v1.0.0", "v2.0.0"}) {
            ResolveEncodings.Result blocks = ResolveEncodings.over(graph, file("w4a16_bq16_minmax." + version));
            ResolveEncodings.Result lpbq = ResolveEncodings.over(graph, file("w4a16_lpbq16_minmax." + version));
            TensorEncoding.Affine block = blocks.weights().get("conv2d_3.weight");
            TensorEncoding.Affine low = lpbq.weights().get("conv2d_3.weight");
            assertEquals(new Granularity.PerBlock(1, 16), block.granularity());
            assertEquals(block.granularity(), low.granularity());
            assertEquals(block.groups(), low.groups());
            for (int i = 0; i < block.groups(); i++) {
                // A block's scale is rounded to a sixteenth of its channel's largest.
                assertTrue(Math.abs(block.scale(i) - low.scale(i)) <= 0.51 / 16 * maximum(block), version);
            }
        }
    }

    private static float maximum(TensorEncoding.Affine encoding) {
        float max = 0;
        for (float scale : encoding.scales()) {
            max = Math.max(max, scale);
        }
        return max;
    }

    @Test
    void blocksWrittenAsZeroSixOneAreRefused() {
        NibbleException e = assertThrows(
                NibbleException.class, () -> ResolveEncodings.over(model().graph(), file("w4a16_bq16_minmax.v0.6.1")));
        assertTrue(e.hint().contains("cannot express blocks"), e.hint());
    }

    @Test
    void placesQuantizersWhereAimetDoes() {
        PlacementPlan plan = plan(model());
        Encodings aimet = file("w8a8_pc_minmax.v0.6.1");
        Encodings ours =
                EncodingsReader.read(EncodingsWriter.text(plan, quantization(plan), EncodingsVersion.V0_6_1), "ours");
        assertEquals(
                new TreeSet<>(aimet.activations().keySet()),
                new TreeSet<>(ours.activations().keySet()));
        assertEquals(
                new TreeSet<>(aimet.params().keySet()),
                new TreeSet<>(ours.params().keySet()));
        assertEquals(
                new TreeSet<>(file("w8a8_pc_minmax.v2.0.0").all().keySet()),
                new TreeSet<>(EncodingsReader.read(
                                EncodingsWriter.text(plan, quantization(plan), EncodingsVersion.V2_0_0), "ours")
                        .all()
                        .keySet()));
    }

    /// AIMET's symmetric grid has 128 steps below zero and 127 above, and it uses them: its scale is
    /// max(max / 127, −min / 128). Ours is strict, so a channel whose largest weight is negative gets
    /// 128/127 of that.
    @Test
    void derivesTheSameWeightScales() {
        PlacementPlan plan = plan(model());
        Quantization ours = quantization(plan);
        var graph = plan.model().graph();
        file("w8a8_pc_minmax.v2.0.0").all().forEach((name, entry) -> {
            if (!name.endsWith(".weight")) {
                return;
            }
            double[] aimet = ((EncodingEntry.Affine) entry).scales();
            float[] own =
                    ((TensorEncoding.Affine) ours.constant(name).orElseThrow().encoding()).scales();
            assertEquals(aimet.length, own.length, name);
            float[] weights = graph.constant(name).orElseThrow().tensor().toFloats();
            int channel = weights.length / aimet.length;
            for (int c = 0; c < aimet.length; c++) {
                double min = 0;
                double max = 0;
                for (int i = c * channel; i < (c + 1) * channel; i++) {
                    min = Math.min(min, weights[i]);
                    max = Math.max(max, weights[i]);
                }
                double expected = Math.max(max / 127, -min / 128);
                assertEquals(expected, aimet[c], expected * SCALE_TOLERANCE, name);
                assertEquals(Math.max(max, -min) / 127, own[c], expected * SCALE_TOLERANCE, name);
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void whatIsWrittenIsReadBack(EncodingsVersion version) {
        PlacementPlan plan = plan(model());
        Quantization quantization = quantization(plan);
        String text = EncodingsWriter.text(plan, quantization, version);
        ResolveEncodings.Result read = ResolveEncodings.over(plan.model().graph(), EncodingsReader.read(text, "ours"));
        assertFalse(read.activations().isEmpty());
        read.activations()
                .forEach((name, e) -> assertEquals(quantization.activations().get(name), e, name));
        plan.weights().forEach(w -> {
            TensorEncoding.Affine written =
                    (TensorEncoding.Affine) quantization.weights().get(w.name()).encoding();
            TensorEncoding.Affine back = read.weights().get(w.name());
            assertEquals(written.granularity(), back.granularity());
            org.junit.jupiter.api.Assertions.assertArrayEquals(written.scales(), back.scales());
        });
    }

    @Test
    void encodingsOfAnotherModelAreRefusedByName() {
        String text = """
                {"version": "1.0.0", "param_encodings": [], "activation_encodings":
                 [{"name": "not_there", "enc_type": "PER_TENSOR", "dtype": "INT", "bw": 8, "is_sym": false,
                   "scale": [0.1], "offset": [0]}]}""";
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> ResolveEncodings.over(model().graph(), EncodingsReader.read(text, "other")));
        assertTrue(e.getMessage().contains("not_there"), e.getMessage());
    }

    @Tag("slow")
    @ParameterizedTest
    @CsvSource({"w8a8_pc_minmax.v0.6.1", "w4a16_lpbq16_minmax.v1.0.0", "w4a16_bq16_minmax.v2.0.0"})
    void damagedFilesGiveAnErrorOrEncodings(String name) throws IOException {
        String original = Files.readString(Shared.path("interop/aimet/" + name + ".encodings"));
        // The start holds every kind of key; the rest repeats it.
        String head = original.replaceAll("\\s+", " ");
        var graph = model().graph();
        Random random = new Random(11);
        int refused = 0;
        for (int i = 0; i < 1_700; i++) {
            StringBuilder text = new StringBuilder(head);
            for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) (32 + random.nextInt(95)));
                    case 1 -> text.deleteCharAt(at);
                    case 2 -> text.setLength(random.nextInt(50) == 0 ? at : text.length());
                    default -> text.insert(at, random.nextInt(10));
                }
            }
            try {
                ResolveEncodings.over(graph, EncodingsReader.read(text.toString(), "fuzzed"));
            } catch (NibbleException e) {
                refused++;
                assertFalse(e.hint().isBlank());
            }
        }
        assertTrue(refused > 100, "damage is seen: " + refused);
    }
}
