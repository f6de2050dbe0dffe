package dev.nibble.quant.weight;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Map;

/// Runs the two graphs of [MatrixProducts] by loops in double precision.
final class LoopExecutor implements Executor {
    @Override
    public Session open(Model model, List<String> fetches, Options options) {
        return new Session() {
            @Override
            public Map<String, Tensor> run(Map<String, Tensor> inputs) {
                Tensor a = inputs.get("a");
                Tensor b = inputs.get("b");
                if (model.graph().name().equals("product")) {
                    return Map.of("product", times(a, false, b));
                }
                Tensor y = times(b, false, inputs.get("w"));
                float[] sum = new float[(int) y.shape().dim(1)];
                for (int i = 0; i < y.elements(); i++) {
                    sum[i % sum.length] += y.floatAt(i);
                }
                return Map.of(
                        "h", times(a, true, a), "c", times(a, true, y), "sum", Tensor.of(Shape.of(sum.length), sum));
            }

            @Override
            public void close() {}
        };
    }

    private static Tensor times(Tensor a, boolean transposed, Tensor b) {
        int rows = (int) a.shape().dim(transposed ? 1 : 0);
        int inner = (int) b.shape().dim(0);
        int columns = (int) b.shape().dim(1);
        float[] product = new float[rows * columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                double sum = 0;
                for (int k = 0; k < inner; k++) {
                    long at = transposed ? (long) k * rows + i : (long) i * inner + k;
                    sum += (double) a.floatAt(at) * b.floatAt((long) k * columns + j);
                }
                product[i * columns + j] = (float) sum;
            }
        }
        return Tensor.of(Shape.of(rows, columns), product);
    }
}
