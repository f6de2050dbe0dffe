package dev.nibble.quant.weight;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/// Products of large float matrices, by an executor's kernels: they are several times faster than loops.
/// Sums run in float; callers keep the number of terms small and add up in double.
public final class MatrixProducts implements AutoCloseable {
    private static final long OPSET = 13;
    private static final long IR = 8;

    private final Executor.Session gram;
    private final Executor.Session times;

    public MatrixProducts(Executor executor, int threads) {
        Executor.Options options = new Executor.Options(threads, Executor.Optimization.DEFAULT);
        gram = executor.open(gramModel(), List.of("h", "c", "sum"), options);
        try {
            times = executor.open(timesModel(), List.of("product"), options);
        } catch (RuntimeException e) {
            gram.close();
            throw e;
        }
    }

    /// `h = aᵀ a`, `c = aᵀ (b w)`, and the column sums of `b w`.
    record Gram(float[] h, float[] c, float[] sum) {}

    /// @param a `n × depth`
    /// @param b `n × depth`
    /// @param w `depth × outputs`
    Gram gram(Tensor a, Tensor b, Tensor w) {
        Map<String, Tensor> results = gram.run(Map.of("a", a, "b", b, "w", w));
        return new Gram(floats(results, "h"), floats(results, "c"), floats(results, "sum"));
    }

    /// `a b`.
    float[] times(Tensor a, Tensor b) {
        return floats(times.run(Map.of("a", a, "b", b)), "product");
    }

    private static float[] floats(Map<String, Tensor> results, String name) {
        Tensor tensor = results.get(name);
        if (tensor == null) {
            throw new IllegalStateException("'" + name + "' was not handed out");
        }
        return tensor.toFloats();
    }

    /// A matrix over native memory of `arena`, which executors take without copying.
    static Tensor matrix(Arena arena, float[] values, int rows, int columns) {
        MemorySegment data = arena.allocate(Math.max(1, 4L * rows * columns), 64);
        MemorySegment.copy(values, 0, data, Tensor.FLOAT_LE, 0, rows * columns);
        return new Tensor(DataType.FLOAT, Shape.of(rows, columns), data.asSlice(0, 4L * rows * columns));
    }

    private static Model gramModel() {
        return Model.of(
                IR,
                OPSET,
                Graph.of(
                        "gram",
                        List.of(
                                Node.of("h", "Gemm", List.of("a", "a"), List.of("h"), Attribute.of("transA", 1)),
                                Node.of("y", "MatMul", List.of("b", "w"), List.of("y")),
                                Node.of("c", "Gemm", List.of("a", "y"), List.of("c"), Attribute.of("transA", 1)),
                                Node.of(
                                        "sum",
                                        "ReduceSum",
                                        List.of("y", "axis"),
                                        List.of("sum"),
                                        Attribute.of("keepdims", 0))),
                        List.of(Initializer.of("axis", Tensor.of(Shape.of(1), 0L))),
                        List.of(input("a"), input("b"), input("w")),
                        List.of(output("h"), output("c"), output("sum"))));
    }

    private static Model timesModel() {
        return Model.of(
                IR,
                OPSET,
                Graph.of(
                        "product",
                        List.of(Node.of("product", "MatMul", List.of("a", "b"), List.of("product"))),
                        List.of(),
                        List.of(input("a"), input("b")),
                        List.of(output("product"))));
    }

    private static ValueInfo input(String name) {
        return new ValueInfo(name, new ValueType.TensorType(DataType.FLOAT.code(), null, null));
    }

    private static ValueInfo output(String name) {
        return input(name);
    }

    @Override
    public void close() {
        try (gram;
                times) {
            // Both are closed, also where the first fails.
        }
    }
}
