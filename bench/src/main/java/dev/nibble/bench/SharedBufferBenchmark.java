package dev.nibble.bench;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.run.OrtExecutor;
import dev.nibble.run.OrtModel;
import dev.nibble.run.shared.SharedBuffer;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// One run of a model that does next to nothing (Relu), with input and output in shared buffers against heap arrays:
/// what copying costs. Bytes copied: 0 against input + output, that is 2 × [#bytes].
///
/// Not forked: a fork's class path stands on its command line, and ONNX Runtime takes no long one.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(0)
@SuppressWarnings("NullAway.Init") // JMH calls open() first
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class SharedBufferBenchmark {
    /// Of the input, and as many of the output.
    @Param({"4096", "602112", "16777216"})
    public int bytes = 4096;

    private OrtModel session;
    private SharedBuffer in;
    private SharedBuffer out;
    private Tensor sharedIn;
    private Tensor sharedOut;
    private Tensor heapIn;
    private byte[] heapOut;

    /// Opens the model and the buffers.
    @Setup(Level.Trial)
    public void open() {
        Shape shape = Shape.of(bytes / 4);
        ValueType type = new ValueType.TensorType(
                DataType.FLOAT.code(), List.of(new dev.nibble.graph.Dim.Known(bytes / 4)), null);
        Model model = Model.of(
                8,
                13,
                Graph.of(
                        "relu",
                        List.of(Node.of("r", "Relu", List.of("x"), List.of("y"))),
                        List.of(),
                        List.of(new ValueInfo("x", type)),
                        List.of(new ValueInfo("y", type))));
        session = new OrtExecutor().open(model, List.of("y"), new Executor.Options(1, Executor.Optimization.DEFAULT));
        in = SharedBuffer.open(SharedBuffer.Kind.MEMFD, bytes);
        out = SharedBuffer.open(SharedBuffer.Kind.MEMFD, bytes);
        sharedIn = in.tensor(DataType.FLOAT, shape);
        sharedOut = out.tensor(DataType.FLOAT, shape);
        heapIn = new Tensor(DataType.FLOAT, shape, MemorySegment.ofArray(new byte[bytes]));
        heapOut = new byte[bytes];
    }

    /// Closes them.
    @TearDown(Level.Trial)
    public void close() {
        session.close();
        in.close();
        out.close();
    }

    /// No copy.
    @Benchmark
    public Tensor shared() {
        session.runInto(Map.of("x", sharedIn), Map.of("y", sharedOut));
        return sharedOut;
    }

    /// The input is copied to native memory, the output back to an array.
    @Benchmark
    public byte[] heap() {
        Tensor made = Objects.requireNonNull(session.run(Map.of("x", heapIn)).get("y"));
        MemorySegment.copy(made.data(), 0, MemorySegment.ofArray(heapOut), 0, bytes);
        return heapOut;
    }
}
