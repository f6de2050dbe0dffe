package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.random.RandomGenerator;

/// Runs a model before and after a rewrite on the same inputs, and compares what comes out.
public final class SimplifyCheck {
    private SimplifyCheck() {}

    /// How far two outputs may differ: `|a − b| ≤ atol + rtol · max |b|`, over the whole output.
    ///
    /// Folding a normalization moves a rounding from one place to another, which float32 shows as about 1e-6 a layer;
    /// a wrong rewrite is off by percents.
    public record Tolerance(double rtol, double atol) {
        public static final Tolerance DEFAULT = new Tolerance(1e-3, 1e-5);
    }

    /// @param maxAbsolute largest difference of any element
    /// @param maxRelative that difference over the largest magnitude before
    public record Difference(String output, double maxAbsolute, double maxRelative, boolean within) {}

    /// @param differences one for each output
    public record Verdict(List<Difference> differences) {
        public Verdict {
            differences = List.copyOf(differences);
        }

        public boolean within() {
            return differences.stream().allMatch(Difference::within);
        }
    }

    /// Compares on random inputs: floats from N(0, 1), whole numbers from {0, 1}, open dimensions 1.
    ///
    /// @throws NibbleException where one of the models does not run, or an input is not of a type that can be made up
    public static Verdict compare(Model before, Model after, Executor executor, long seed) {
        return compare(before, after, executor, inputs(before, new Random(seed)), Tolerance.DEFAULT);
    }

    /// Compares on given inputs, for models that do not take just any.
    public static Verdict compare(
            Model before, Model after, Executor executor, Map<String, Tensor> inputs, Tolerance tolerance) {
        List<String> outputs =
                before.graph().outputs().stream().map(ValueInfo::name).toList();
        Map<String, Tensor> expected = run(before, outputs, executor, inputs);
        Map<String, Tensor> actual = run(after, outputs, executor, inputs);
        List<Difference> differences = new ArrayList<>();
        for (String output : outputs) {
            Tensor a = actual.get(output);
            Tensor b = expected.get(output);
            if (a == null || b == null) {
                throw new NibbleException("output '" + output + "' did not come out", "report this as a defect");
            }
            differences.add(difference(output, a, b, tolerance));
        }
        return new Verdict(differences);
    }

    private static Map<String, Tensor> run(
            Model model, List<String> outputs, Executor executor, Map<String, Tensor> inputs) {
        Map<String, Tensor> results = new LinkedHashMap<>();
        try (Executor.Session session =
                executor.open(model, outputs, new Executor.Options(0, Executor.Optimization.OFF))) {
            session.run(inputs).forEach((name, tensor) -> results.put(name, tensor.copy()));
        }
        return results;
    }

    /// How far `actual` is from `expected`, over the whole output.
    public static Difference difference(String output, Tensor actual, Tensor expected, Tolerance tolerance) {
        boolean comparable = actual.shape().equals(expected.shape()) && actual.type() == expected.type();
        if (!comparable || !Numbers.readable(actual.type())) {
            boolean same = comparable && actual.data().mismatch(expected.data()) < 0;
            double error = same ? 0 : Double.POSITIVE_INFINITY;
            return new Difference(output, error, error, same);
        }
        double largest = 0;
        double error = 0;
        for (long i = 0; i < expected.elements(); i++) {
            double a = Numbers.at(actual, i);
            double b = Numbers.at(expected, i);
            if (a == b || Double.isNaN(a) && Double.isNaN(b)) {
                largest = Math.max(largest, Double.isFinite(b) ? Math.abs(b) : 0);
                continue;
            }
            double off = Math.abs(a - b);
            error = Math.max(error, Double.isNaN(off) ? Double.POSITIVE_INFINITY : off);
            largest = Math.max(largest, Double.isFinite(b) ? Math.abs(b) : 0);
        }
        double relative = error == 0 ? 0 : error / Math.max(largest, Double.MIN_NORMAL);
        return new Difference(output, error, relative, error <= tolerance.atol() + tolerance.rtol() * largest);
    }

    /// Inputs for every feed of `model`. The same `random` gives the same inputs.
    public static Map<String, Tensor> inputs(Model model, RandomGenerator random) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (ValueInfo feed : model.graph().feeds()) {
            ValueType.TensorType type = feed.tensorType()
                    .orElseThrow(() -> new NibbleException(
                            "input '%s' is %s, which cannot be made up".formatted(feed.name(), feed.type()),
                            "compare on inputs of your own"));
            DataType element = type.elementType().orElse(DataType.STRING);
            List<Dim> dims = type.dims();
            if (dims == null || !Numbers.readable(element) || element.bits() < 8 && element != DataType.BOOL) {
                throw new NibbleException(
                        "input '%s' is %s, which cannot be made up".formatted(feed.name(), type),
                        "compare on inputs of your own");
            }
            long[] sizes = dims.stream()
                    .mapToLong(d -> d instanceof Dim.Known(long size) ? size : 1)
                    .toArray();
            Shape shape = Shape.of(sizes);
            double[] values = new double[Math.toIntExact(shape.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = Numbers.isFloat(element) ? random.nextGaussian() : random.nextInt(2);
            }
            inputs.put(feed.name(), Numbers.tensor(element, shape, values));
        }
        return inputs;
    }
}
