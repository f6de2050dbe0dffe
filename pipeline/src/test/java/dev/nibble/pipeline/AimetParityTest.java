package dev.nibble.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.data.Layout;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.pipeline.calibrate.Calibration;
import dev.nibble.pipeline.calibrate.Ranges;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.encodings.EncodingsReader;
import dev.nibble.quant.encodings.ResolveEncodings;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.export.FloatTwin;
import dev.nibble.quant.export.QdqExport;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// ResNet-8 beside AIMET 2.42: the same samples give the same encodings, and its encodings give its outputs.
class AimetParityTest {
    /// Both take the extremes of the same float values; kernels that add in another order move them by some 10⁻⁶.
    private static final double SCALE_TOLERANCE = 1e-4;

    /// AIMET's own QDQ file is up to one step of the output from its simulation (its README), and so may ours be on the
    /// other side; the excess is float rounding.
    private static final double OUTPUT_STEPS = 2.001;

    /// Biases are int32 in our file and float in AIMET's: half a step of a bias turns six of the 16,384 codes of the
    /// first layer over, and ten layers later the logits are 0.6 steps apart on average.
    private static final double MEAN_STEPS = 0.75;

    private static final OrtExecutor EXECUTOR = new OrtExecutor();
    private static final InputSpec INPUT = new InputSpec("input", DataType.FLOAT, new long[] {-1, 3, 32, 32});
    private static final InputSpec LOGITS = new InputSpec("logits", DataType.FLOAT, new long[] {-1, 10});

    @Test
    void minMaxFindsAimetsRanges() {
        PlacementPlan plan = plan(8, 8);
        ResolveEncodings.Result aimet = aimet(plan, "w8a8_pc_minmax");
        // AIMET calibrates with the weights on their grid already.
        Model rounded = FloatTwin.of(plan, quantization(plan, aimet));
        Ranges ranges;
        DataOptions options = DataOptions.NONE.withLayout(Layout.NHWC).withChoice(null, 9L, 512L);
        try (DataSet data = DataSet.open(shared("assets/data/cifar10_train5k_images.npy"), options, List.of(INPUT))) {
            ranges = Ranges.search(
                    plan,
                    Calibration.observe(
                            rounded,
                            plan.observed(),
                            data,
                            EXECUTOR,
                            2,
                            new dev.nibble.pipeline.memory.MemoryBudget(1L << 28, false),
                            64,
                            new Doctor(),
                            Progress.none()),
                    List.of(new RangeSearch.MinMax()));
        }
        Map<String, Ranges.Choice> chosen = ranges.all("min-max");
        assertTrue(chosen.size() >= 10, "encodings: " + chosen.keySet());
        chosen.forEach((source, choice) -> {
            Encoding expected = aimet.activations().get(source);
            Encoding own = choice.range().encoding();
            assertEquals(expected.scale(), own.scale(), expected.scale() * SCALE_TOLERANCE, source);
            assertEquals(expected.zeroPoint(), own.zeroPoint(), source);
        });
    }

    @ParameterizedTest
    @CsvSource({"w8a8_pc_minmax, 8, 8", "w8a8_pc_tfe, 8, 8", "w4a16_pc_minmax, 4, 16"})
    void aimetsEncodingsGiveItsOutputs(String tag, int weightBits, int activationBits) {
        PlacementPlan plan = plan(weightBits, activationBits);
        ResolveEncodings.Result aimet = aimet(plan, tag);
        Model qdq = QdqExport.export(plan, quantization(plan, aimet), Boundary.FLOAT)
                .model();
        double step = aimet.activations().get("logits").scale();
        // At 16 bits a step is nothing beside the rounding of biases and sums, which AIMET keeps in float.
        double tolerance = Math.max(OUTPUT_STEPS * step, 0.02);
        try (DataSet inputs = DataSet.open(shared("interop/aimet/input8.npy"), DataOptions.NONE, List.of(INPUT));
                DataSet expected = DataSet.open(
                        shared("interop/aimet/" + tag + ".sim_logits.npy"), DataOptions.NONE, List.of(LOGITS));
                Executor.Session session =
                        EXECUTOR.open(qdq, List.of("logits"), new Executor.Options(1, Executor.Optimization.OFF))) {
            assertEquals(8, inputs.size());
            double sum = 0;
            for (long i = 0; i < inputs.size(); i++) {
                float[] own = session.run(inputs.sample(i)).get("logits").toFloats();
                float[] theirs = expected.sample(i).get("logits").toFloats();
                for (int c = 0; c < own.length; c++) {
                    assertEquals(theirs[c], own[c], tolerance, tag + ", sample " + i + ", class " + c);
                    sum += Math.abs(theirs[c] - own[c]);
                }
            }
            assertTrue(sum / 80 <= Math.max(MEAN_STEPS * step, 0.01), "mean difference " + sum / 80 / step + " steps");
        }
    }

    private static PlacementPlan plan(int weightBits, int activationBits) {
        Model model = ModelReader.read(shared("interop/aimet/fp32_bnfold.onnx"));
        PlacementPlan plan = Placement.plan(
                model,
                QuantSimConfig.htp(HtpArch.V75),
                Precision.of(weightBits, WeightGranularity.CHANNEL, activationBits));
        return plan.model().opset() >= plan.requiredOpset()
                ? plan
                : Placement.plan(
                        new dev.nibble.graph.pass.RaiseOpset(plan.requiredOpset())
                                .apply(model)
                                .model(),
                        QuantSimConfig.htp(HtpArch.V75),
                        Precision.of(weightBits, WeightGranularity.CHANNEL, activationBits));
    }

    private static ResolveEncodings.Result aimet(PlacementPlan plan, String tag) {
        return ResolveEncodings.over(
                plan.model().graph(), EncodingsReader.read(shared("interop/aimet/" + tag + ".v1.0.0.encodings")));
    }

    private static Quantization quantization(PlacementPlan plan, ResolveEncodings.Result aimet) {
        Map<String, Encoding> activations = new HashMap<>();
        plan.observedBySource()
                .keySet()
                .forEach(source -> activations.put(source, aimet.activations().get(source)));
        Map<String, TensorEncoding.Affine> weights = new HashMap<>();
        plan.weights().forEach(weight -> {
            TensorEncoding.Affine given = aimet.weights().get(weight.name());
            if (given != null) {
                weights.put(weight.name(), given);
            }
        });
        List<String> unused = new ArrayList<>(aimet.weights().keySet());
        unused.removeAll(weights.keySet());
        assertEquals(List.of(), unused, "every weight that AIMET quantizes is one of the plan's");
        return QuantizeModel.apply(plan, activations, weights, Map.of()).quantization();
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
