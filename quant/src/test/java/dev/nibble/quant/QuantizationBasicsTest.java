package dev.nibble.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.quant.range.WeightRanges;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Works out every figure of `docs/tutorial/quantization-basics.md` and fails where the page says otherwise.
///
/// Each table of the page stands between `<!-- figures: name -->` and `<!-- end -->`; a failure shows the text that
/// belongs there.
class QuantizationBasicsTest {
    private static final String PAGE = "docs/tutorial/quantization-basics.md";
    private static final String MODEL = "assets/models/imagenet_mobilenetv1_075_224.onnx";

    private final LinearQuantization quantization = new LinearQuantization();

    @Test
    void reluLikeActivation() throws IOException {
        Random random = new Random(42);
        float[] values = new float[1000];
        float max = 0;
        float min = Float.POSITIVE_INFINITY;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.abs(random.nextGaussian()) * 2;
            max = Math.max(max, values[i]);
            min = Math.min(min, values[i]);
        }
        Tensor activation = Tensor.of(Shape.of(1000), values);
        StringBuilder text =
                new StringBuilder("| scheme | codes | codes in use | scale | MSE |\n|---|---|---|---|---|\n");
        Map<Symmetry, Double> errors = new LinkedHashMap<>();
        for (Symmetry symmetry : new Symmetry[] {Symmetry.SYMMETRIC, Symmetry.ASYMMETRIC}) {
            Encoding encoding = Encoding.ofRange(min, max, 8, symmetry);
            double mse = mse(activation, TensorEncoding.Affine.of(encoding));
            errors.put(symmetry, mse);
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %d…%d | %d…%d | %.6f | %.3e |\n",
                    symmetry.name().toLowerCase(Locale.ROOT),
                    encoding.grid().qMin(),
                    encoding.grid().qMax(),
                    encoding.quantize(min),
                    encoding.quantize(max),
                    encoding.scale(),
                    mse));
        }
        double symmetric = errors.getOrDefault(Symmetry.SYMMETRIC, 0.0);
        double asymmetric = errors.getOrDefault(Symmetry.ASYMMETRIC, 1.0);
        text.append(String.format(
                Locale.ROOT,
                "\nReduction: %.1f %% (a factor of %.2f; a scale of 127/255 would give (255/127)² = %.2f).",
                100 * (1 - asymmetric / symmetric),
                symmetric / asymmetric,
                Math.pow(255 / 127.0, 2)));
        assertEquals(text.toString().strip(), figures("relu"));
    }

    @Test
    void granularityOfARealWeight() throws IOException {
        Initializer weight = pointwise();
        Tensor tensor = weight.tensor();
        Map<String, Granularity> granularities = new LinkedHashMap<>();
        granularities.put("per tensor", Granularity.PER_TENSOR);
        granularities.put("per channel", new Granularity.PerChannel(0));
        granularities.put("blocks of 128", new Granularity.PerBlock(1, 128));
        granularities.put("blocks of 32", new Granularity.PerBlock(1, 32));
        StringBuilder text = new StringBuilder(
                String.format(Locale.ROOT, "`%s`, %s, strict symmetric, min-max:\n\n", weight.name(), tensor.shape()));
        text.append("| granularity | scales | 8 bits: MSE | SQNR | 4 bits: MSE | SQNR | bits a weight at 4 |\n");
        text.append("|---|---|---|---|---|---|---|\n");
        double last = Double.POSITIVE_INFINITY;
        for (Map.Entry<String, Granularity> entry : granularities.entrySet()) {
            double eight = mse(tensor, encode(tensor, 8, entry.getValue()));
            double four = mse(tensor, encode(tensor, 4, entry.getValue()));
            int scales = entry.getValue().over(tensor.shape()).size();
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %d | %.3e | %.1f dB | %.3e | %.1f dB | %.2f |\n",
                    entry.getKey(),
                    scales,
                    eight,
                    sqnrDb(tensor, eight),
                    four,
                    sqnrDb(tensor, four),
                    4 + 32.0 * scales / tensor.elements()));
            assertTrue(eight < last, "finer is better: " + entry.getKey());
            last = eight;
        }
        assertEquals(text.toString().strip(), figures("granularity"));
    }

    private static TensorEncoding.Affine encode(Tensor weight, int bits, Granularity granularity) {
        return WeightRanges.choose("w", weight, Scheme.weights(bits, granularity), new RangeSearch.MinMax());
    }

    /// The largest pointwise convolution's weight.
    private static Initializer pointwise() {
        Initializer largest = null;
        for (Initializer initializer : ModelReader.read(shared(MODEL)).graph().initializers()) {
            Shape shape = initializer.shape();
            if (shape.rank() == 4
                    && shape.dim(2) == 1
                    && (largest == null || shape.elements() > largest.shape().elements())) {
                largest = initializer;
            }
        }
        if (largest == null) {
            throw new AssertionError("no pointwise convolution in " + MODEL);
        }
        return largest;
    }

    private double mse(Tensor values, TensorEncoding encoding) {
        float[] left = quantization.fakeQuantize("t", values, encoding).toFloats();
        double sum = 0;
        for (int i = 0; i < left.length; i++) {
            double error = (double) values.floatAt(i) - left[i];
            sum += error * error;
        }
        return sum / left.length;
    }

    private static double sqnrDb(Tensor values, double mse) {
        double sum = 0;
        for (long i = 0; i < values.elements(); i++) {
            sum += (double) values.floatAt(i) * values.floatAt(i);
        }
        return 10 * Math.log10(sum / values.elements() / mse);
    }

    private static String figures(String name) throws IOException {
        String page = Files.readString(above(PAGE));
        String start = "<!-- figures: " + name + " -->";
        int from = page.indexOf(start);
        int to = page.indexOf("<!-- end -->", from);
        assertTrue(from >= 0 && to > from, "no " + start + " in " + PAGE);
        return page.substring(from + start.length(), to).strip();
    }

    private static Path shared(String file) {
        String told = System.getenv("NIBBLE_SHARED");
        Path found = told == null ? above("shared/" + file) : Path.of(told, file);
        Assumptions.assumeTrue(Files.exists(found), "there is no shared/" + file + " beside the project");
        return found;
    }

    private static Path above(String file) {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            if (Files.exists(at.resolve(file))) {
                return at.resolve(file);
            }
        }
        return Path.of(file);
    }
}
