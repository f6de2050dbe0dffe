package dev.nibble.pipeline.htp;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/// Inputs for a run whose results are only compared with another run's: the same for the same model.
final class SeededInputs {
    private static final long SEED = 20_260_101;

    private SeededInputs() {}

    /// Floats in the range of the quantizer behind the input, −1 to 1 where there is none; whole numbers 0 and 1.
    ///
    /// @param graph all of whose inputs have fixed shapes
    static Map<String, Tensor> of(Graph graph) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        SplittableRandom random = new SplittableRandom(SEED);
        for (ValueInfo input : graph.feeds()) {
            Shape shape = graph.shape(input.name()).orElseThrow();
            DataType type = graph.type(input.name()).orElseThrow();
            int count = Math.toIntExact(shape.elements());
            inputs.put(
                    input.name(),
                    switch (type) {
                        case FLOAT -> {
                            double[] range = range(graph, input.name());
                            float[] values = new float[count];
                            for (int i = 0; i < count; i++) {
                                values[i] = (float) random.nextDouble(range[0], range[1]);
                            }
                            yield Tensor.of(shape, values);
                        }
                        case INT64 -> Tensor.of(shape, random.longs(count, 0, 2).toArray());
                        case INT32 -> Tensor.of(shape, random.ints(count, 0, 2).toArray());
                        case BOOL, UINT8, INT8 -> {
                            byte[] values = new byte[count];
                            for (int i = 0; i < count; i++) {
                                values[i] = (byte) random.nextInt(2);
                            }
                            yield new Tensor(type, shape, MemorySegment.ofArray(values));
                        }
                        default ->
                            throw new NibbleException(
                                    "input '%s' is of type %s, which the compiled binary cannot be tried with"
                                            .formatted(input.name(), type.onnxName()),
                                    "give the model a float input");
                    });
        }
        return inputs;
    }

    private static double[] range(Graph graph, String input) {
        for (Node reader : graph.consumers(input)) {
            if (reader.is("QuantizeLinear") && reader.hasInput(2)) {
                Tensor scale = graph.initializer(reader.input(1)).orElseThrow().tensor();
                Tensor zero = graph.initializer(reader.input(2)).orElseThrow().tensor();
                if (scale.elements() == 1) {
                    int bits = zero.type().bits();
                    boolean signed = !zero.type().onnxName().startsWith("u");
                    double low = signed ? -Math.scalb(1.0, bits - 1) : 0;
                    double step = scale.floatAt(0);
                    return new double[] {
                        step * (low - zero.longAt(0)), step * (low + Math.scalb(1.0, bits) - 1 - zero.longAt(0))
                    };
                }
            }
        }
        return new double[] {-1, 1};
    }
}
