package dev.nibble.quant.export;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// ONNX Runtime for tests: runs a model held in memory.
public final class OrtRun implements AutoCloseable {
    private final OrtSession session;
    private final List<String> fetches;

    private OrtRun(OrtSession session, List<String> fetches) {
        this.session = session;
        this.fetches = fetches;
    }

    /// Opens `model`; values in `fetches` that are no outputs are made outputs.
    public static OrtRun open(Model model, List<String> fetches, boolean optimized) {
        return open(model, fetches, optimized, null);
    }

    /// As above, writing the optimized model to `saved`.
    public static OrtRun open(
            Model model, List<String> fetches, boolean optimized, @org.jspecify.annotations.Nullable Path saved) {
        Graph graph = model.graph();
        List<ValueInfo> outputs = new ArrayList<>(graph.outputs());
        for (String fetch : fetches) {
            if (!graph.isOutput(fetch)) {
                outputs.add(new ValueInfo(fetch, new ValueType.TensorType(1, null, null)));
            }
        }
        Model open = model.withGraph(graph.edit(e -> e.setOutputs(outputs)));
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setOptimizationLevel(
                    optimized ? OrtSession.SessionOptions.OptLevel.ALL_OPT : OrtSession.SessionOptions.OptLevel.NO_OPT);
            options.setIntraOpNumThreads(1);
            options.setSessionLogLevel(ai.onnxruntime.OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
            if (saved != null) {
                options.setOptimizedModelFilePath(saved.toString());
            }
            return new OrtRun(
                    OrtEnvironment.getEnvironment().createSession(ModelWriter.toBytes(open), options), fetches);
        } catch (OrtException e) {
            throw new AssertionError(e);
        }
    }

    /// The fetched values, copied.
    public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, Tensor> input : inputs.entrySet()) {
                feeds.put(input.getKey(), feed(input.getValue()));
            }
            Map<String, Tensor> outputs = new LinkedHashMap<>();
            try (OrtSession.Result result = session.run(feeds, Set.copyOf(fetches))) {
                for (String fetch : fetches) {
                    outputs.put(fetch, copy((OnnxTensor) result.get(fetch).orElseThrow()));
                }
            }
            return outputs;
        } catch (OrtException e) {
            throw new AssertionError(e);
        } finally {
            feeds.values().forEach(OnnxTensor::close);
        }
    }

    /// The first fetched value, as floats.
    public float[] floats(Map<String, Tensor> inputs) {
        return run(inputs).values().iterator().next().toFloats();
    }

    private static OnnxTensor feed(Tensor tensor) throws OrtException {
        OrtEnvironment env = OrtEnvironment.getEnvironment();
        ByteBuffer buffer =
                ByteBuffer.allocateDirect((int) tensor.data().byteSize()).order(ByteOrder.nativeOrder());
        buffer.put(tensor.data().asByteBuffer()).flip();
        long[] shape = tensor.shape().dims();
        return switch (tensor.type()) {
            case FLOAT -> OnnxTensor.createTensor(env, buffer.asFloatBuffer(), shape);
            case INT64 -> OnnxTensor.createTensor(env, buffer.asLongBuffer(), shape);
            case UINT8 -> OnnxTensor.createTensor(env, buffer, shape, ai.onnxruntime.OnnxJavaType.UINT8);
            default -> throw new AssertionError(tensor.type());
        };
    }

    private static Tensor copy(OnnxTensor tensor) {
        TensorInfo info = tensor.getInfo();
        ByteBuffer bytes = tensor.getByteBuffer();
        byte[] data = new byte[bytes.remaining()];
        bytes.get(data);
        DataType type = switch (info.type) {
            case FLOAT -> DataType.FLOAT;
            case UINT8 -> DataType.UINT8;
            case INT8 -> DataType.INT8;
            case INT64 -> DataType.INT64;
            case BOOL -> DataType.BOOL;
            default -> throw new AssertionError(info.type);
        };
        return new Tensor(type, Shape.of(info.getShape()), java.lang.foreign.MemorySegment.ofArray(data));
    }

    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException e) {
            throw new AssertionError(e);
        }
    }
}
