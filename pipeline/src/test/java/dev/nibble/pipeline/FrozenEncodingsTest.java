package dev.nibble.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.Layout;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.encodings.Encodings;
import dev.nibble.quant.encodings.EncodingsReader;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.Targets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// What is forced stays as it is through equalization, the weights' decision and bias correction.
class FrozenEncodingsTest {
    private static final OrtExecutor EXECUTOR = new OrtExecutor();

    @Test
    @Tag("slow")
    void noStepOfARecipeChangesWhatIsForced() {
        PreparedModel prepared = PreparedModel.read(
                shared("interop/aimet/fp32_bnfold.onnx"), "resnet8", Map.of(), EXECUTOR, Progress.none());
        PlacementRules rules = Targets.find("sm8650").placementRules();
        Encodings file = EncodingsReader.read("""
                {"activation_encodings": {"activation_1_out": {"bitwidth": 8, "min": 0, "max": 12.75}},
                 "param_encodings": {
                   "conv2d_1.weight": {"bitwidth": 8, "is_symmetric": true, "min": -12.7, "max": 12.7},
                   "dense.weight": {"dtype": "int8"}}}""", "overrides.json");
        ReadOverrides read =
                ReadOverrides.of(file, rules, Precision.of(4, WeightGranularity.CHANNEL, 8), prepared, true);
        DataOptions options = DataOptions.NONE.withLayout(Layout.NHWC).withChoice(0L, 9L, 32L);
        try (DataSet data = DataSet.open(
                shared("assets/data/cifar10_train5k_images.npy"), options, PreparedModel.inputs(prepared.model()))) {
            for (Recipe recipe : List.of(Recipe.DEFAULT, Recipe.W4, Recipe.ENHANCED)) {
                QuantizedModel quantized = QuantizedModel.of(
                        prepared.model(),
                        rules,
                        read.precision(),
                        new Calibrator.Single(new RangeSearch.MinMax()),
                        new RangeSearch.Mse(),
                        recipe,
                        Boundary.FLOAT,
                        data,
                        EXECUTOR,
                        2,
                        MemoryBudget.DEFAULT,
                        0,
                        new Doctor(),
                        RunDirectory.NONE,
                        Progress.none());
                Encoding value =
                        quantized.quantization().activation("activation_1_out").orElseThrow();
                assertEquals(0.05f, value.scale(), recipe.name());
                TensorEncoding.Affine weight = affine(quantized, "conv2d_1.weight");
                assertEquals(0.1f, weight.scale(0), 1e-7, recipe.name());
                assertEquals(1, weight.groups());
                assertEquals(8, affine(quantized, "dense.weight").bits());
                assertEquals(4, affine(quantized, "conv2d_2.weight").bits());
                if (!recipe.equals(Recipe.DEFAULT)) {
                    // Codes on the forced grid may still be chosen by the output's error.
                    assertFalse(Arrays.equals(
                            quantized
                                    .quantization()
                                    .weights()
                                    .get("conv2d_1.weight")
                                    .codes()
                                    .data()
                                    .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE),
                            rounded(quantized)));
                } else {
                    assertEquals(
                            prepared.model()
                                    .graph()
                                    .initializer("conv2d_1.bias")
                                    .orElseThrow()
                                    .tensor()
                                    .floatAt(0),
                            quantized
                                    .plan()
                                    .model()
                                    .graph()
                                    .initializer("conv2d_1.bias")
                                    .orElseThrow()
                                    .tensor()
                                    .floatAt(0));
                    assertNotEquals(
                            prepared.model()
                                    .graph()
                                    .initializer("conv2d_2.bias")
                                    .orElseThrow()
                                    .tensor()
                                    .floatAt(0),
                            quantized
                                    .plan()
                                    .model()
                                    .graph()
                                    .initializer("conv2d_2.bias")
                                    .orElseThrow()
                                    .tensor()
                                    .floatAt(0));
                }
            }
        }
    }

    private static byte[] rounded(QuantizedModel quantized) {
        return new dev.nibble.quant.LinearQuantization()
                .quantize(
                        "conv2d_1.weight",
                        quantized
                                .exact()
                                .graph()
                                .initializer("conv2d_1.weight")
                                .orElseThrow()
                                .tensor(),
                        affine(quantized, "conv2d_1.weight"))
                .codes()
                .data()
                .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    private static TensorEncoding.Affine affine(QuantizedModel quantized, String name) {
        return (TensorEncoding.Affine)
                quantized.quantization().constant(name).orElseThrow().encoding();
    }

    private static Path shared(String name) {
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (Files.exists(found)) {
                return found;
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
