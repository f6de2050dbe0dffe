package dev.nibble.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.InputSpec;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.quant.encodings.CompareEncodings;
import dev.nibble.quant.encodings.Encodings;
import dev.nibble.quant.encodings.EncodingsReader;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.EncodingsWriter;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.HtpArch;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.QuantSimConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Encodings that AIMET 2.42 wrote for ResNet-8, applied as they are: the same logits, and the same encodings written.
class AimetOverridesTest {
    private static final OrtExecutor EXECUTOR = new OrtExecutor();
    private static final InputSpec INPUT = new InputSpec("input", DataType.FLOAT, new long[] {-1, 3, 32, 32});
    private static final InputSpec LOGITS = new InputSpec("logits", DataType.FLOAT, new long[] {-1, 10});

    /// A step of the output, and what float sums in another order move.
    private static final double ONE_STEP = 1.001;

    /// At 16 bits a step is nothing beside the rounding of float sums: AIMET's own QDQ file is two steps (0.0013) from its
    /// simulation, and has no blocks.
    private static final double STEPS_AT_16_BITS = 4;

    private static final PlacementRules RULES = QuantSimConfig.htp(HtpArch.V75);

    private record Applied(QuantizedModel quantized, ReadOverrides read, Encodings file) {}

    private static Applied apply(String name, boolean a16) {
        Precision precision = Precision.of(8, WeightGranularity.CHANNEL, a16 ? 16 : 8);
        PreparedModel prepared = PreparedModel.read(
                shared("interop/aimet/fp32_bnfold.onnx"), "fp32_bnfold.onnx", Map.of(), EXECUTOR, Progress.none());
        Encodings file = EncodingsReader.read(shared("interop/aimet/" + name + ".encodings"));
        ReadOverrides read = ReadOverrides.of(file, RULES, precision, prepared, true);
        QuantizedModel quantized = QuantizedModel.withoutData(
                prepared.model(), RULES, read.precision(), new RangeSearch.MinMax(), Boundary.FLOAT);
        return new Applied(quantized, read, file);
    }

    @ParameterizedTest
    @CsvSource({
        "w8a8_pc_minmax, 0.6.1",
        "w8a8_pc_minmax, 1.0.0",
        "w8a8_pc_minmax, 2.0.0",
        "w8a8_pc_tfe, 0.6.1",
        "w8a8_pc_tfe, 1.0.0",
        "w8a8_pc_tfe, 2.0.0",
        "w4a16_pc_minmax, 0.6.1",
        "w4a16_pc_minmax, 1.0.0",
        "w4a16_pc_minmax, 2.0.0",
        "w4a16_lpbq16_minmax, 1.0.0",
        "w4a16_lpbq16_minmax, 2.0.0",
        "w4a16_bq16_minmax, 1.0.0",
        "w4a16_bq16_minmax, 2.0.0"
    })
    void aimetsEncodingsGiveItsLogitsAndAreWrittenAsTheyWere(String tag, String version) {
        boolean a16 = tag.contains("a16");
        Applied applied = apply(tag + ".v" + version, a16);
        QuantizedModel quantized = applied.quantized();
        double step =
                quantized.quantization().activation("logits").orElseThrow().scale();
        double allowed = a16 ? STEPS_AT_16_BITS : ONE_STEP;
        assertTrue(difference(quantized, tag + ".sim_logits.npy") <= allowed * step, "AIMET's simulation");
        if (!tag.contains("bq")) {
            // AIMET refuses blocks of convolutions in QDQ.
            assertTrue(difference(quantized, tag + ".qdq_ort_logits.npy") <= ONE_STEP * step, "AIMET's QDQ file");
        }
        String written = EncodingsWriter.text(
                quantized.plan(),
                quantized.quantization(),
                EncodingsVersion.of(version),
                applied.read().verbatim());
        assertEquals(
                List.of(),
                CompareEncodings.between(
                        applied.file(), EncodingsReader.read(written, "written"), CompareEncodings.SCALE_TOLERANCE));
    }

    private static double difference(QuantizedModel quantized, String logits) {
        double largest = 0;
        try (DataSet inputs = DataSet.open(shared("interop/aimet/input8.npy"), DataOptions.NONE, List.of(INPUT));
                DataSet expected = DataSet.open(shared("interop/aimet/" + logits), DataOptions.NONE, List.of(LOGITS));
                Executor.Session session = EXECUTOR.open(
                        quantized.export().model(),
                        List.of("logits"),
                        new Executor.Options(1, Executor.Optimization.OFF))) {
            assertEquals(8, inputs.size());
            for (long i = 0; i < inputs.size(); i++) {
                float[] own = session.run(inputs.sample(i)).get("logits").toFloats();
                float[] theirs = expected.sample(i).get("logits").toFloats();
                for (int c = 0; c < own.length; c++) {
                    largest = Math.max(largest, Math.abs(own[c] - theirs[c]));
                }
            }
        }
        return largest;
    }

    private static Path shared(String name) {
        String configured = System.getenv("NIBBLE_SHARED");
        if (configured != null && Files.exists(Path.of(configured, name))) {
            return Path.of(configured, name);
        }
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (Files.exists(found)) {
                return found;
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
