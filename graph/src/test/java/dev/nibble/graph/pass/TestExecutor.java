package dev.nibble.graph.pass;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// ONNX Runtime in its plainest form, for tests of a room that knows no runtime.
final class TestExecutor implements Executor {
    static final OrtEnvironment ENVIRONMENT =
            OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "test");

    @Override
    public Session open(Model model, List<String> fetches, Options options) {
        List<ValueInfo> outputs = new ArrayList<>();
        for (String fetch : fetches) {
            outputs.add(model.graph().valueInfo(fetch).orElse(new ValueInfo(fetch, new ValueType.Unstated())));
        }
        byte[] bytes = ModelWriter.toBytes(model.withGraph(model.graph().edit(e -> e.setOutputs(outputs))));
        try (OrtSession.SessionOptions settings = new OrtSession.SessionOptions()) {
            settings.setIntraOpNumThreads(1);
            settings.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
            settings.setOptimizationLevel(
                    options.optimization() == Optimization.OFF
                            ? OrtSession.SessionOptions.OptLevel.NO_OPT
                            : OrtSession.SessionOptions.OptLevel.ALL_OPT);
            OrtSession session = ENVIRONMENT.createSession(bytes, settings);
            return new OrtRun(session, fetches);
        } catch (OrtException e) {
            throw new NibbleException(String.valueOf(e.getMessage()), "", e);
        }
    }

    private record OrtRun(OrtSession session, List<String> fetches) implements Session {
        @Override
        public Map<String, Tensor> run(Map<String, Tensor> inputs) {
            Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
            try {
                for (Map.Entry<String, Tensor> input : inputs.entrySet()) {
                    feeds.put(input.getKey(), toOrt(input.getValue()));
                }
                Map<String, Tensor> outputs = new LinkedHashMap<>();
                try (OrtSession.Result result = session.run(feeds, new java.util.LinkedHashSet<>(fetches))) {
                    for (String fetch : fetches) {
                        outputs.put(
                                fetch, fromOrt((OnnxTensor) result.get(fetch).orElseThrow()));
                    }
                }
                return outputs;
            } catch (OrtException | ClassCastException e) {
                throw new NibbleException(String.valueOf(e.getMessage()), "", e);
            } finally {
                feeds.values().forEach(OnnxTensor::close);
            }
        }

        @Override
        public void close() {
            try {
                session.close();
            } catch (OrtException e) {
                throw new NibbleException(String.valueOf(e.getMessage()), "", e);
            }
        }
    }

    static OnnxTensor toOrt(Tensor tensor) throws OrtException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(
                        Math.toIntExact(tensor.data().byteSize()))
                .order(ByteOrder.nativeOrder());
        MemorySegment.copy(tensor.data(), 0, MemorySegment.ofBuffer(buffer), 0, buffer.capacity());
        long[] shape = tensor.shape().dims();
        return switch (tensor.type()) {
            case FLOAT -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asFloatBuffer(), shape);
            case DOUBLE -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asDoubleBuffer(), shape);
            case INT64 -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asLongBuffer(), shape);
            case INT32 -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asIntBuffer(), shape);
            case INT16 -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asShortBuffer(), shape);
            case INT8 -> OnnxTensor.createTensor(ENVIRONMENT, buffer, shape, OnnxJavaType.INT8);
            case UINT8 -> OnnxTensor.createTensor(ENVIRONMENT, buffer, shape, OnnxJavaType.UINT8);
            case FLOAT16 -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asShortBuffer(), shape, OnnxJavaType.FLOAT16);
            case BFLOAT16 -> OnnxTensor.createTensor(ENVIRONMENT, buffer.asShortBuffer(), shape, OnnxJavaType.BFLOAT16);
            case BOOL -> OnnxTensor.createTensor(ENVIRONMENT, buffer, shape, OnnxJavaType.BOOL);
            default -> throw new OrtException("cannot be fed: " + tensor.type());
        };
    }

    static Tensor fromOrt(OnnxTensor tensor) {
        TensorInfo info = tensor.getInfo();
        // The names are ONNX's, `ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT`; the numbers are not.
        String name = info.onnxType.name().replace("ONNX_TENSOR_ELEMENT_DATA_TYPE_", "");
        DataType type = java.util.Arrays.stream(DataType.values())
                .filter(t -> t.name().equals(name))
                .findFirst()
                .orElse(DataType.STRING);
        if (type == DataType.STRING) {
            throw new NibbleException("strings", "");
        }
        Shape shape = Shape.of(info.getShape());
        long bytes = type.bytes(shape.elements());
        MemorySegment own = Arena.ofAuto().allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
        if (bytes > 0) {
            ByteBuffer raw = tensor.getByteBuffer();
            if (raw == null) {
                throw new NibbleException("no bytes of " + type, "");
            }
            MemorySegment.copy(
                    MemorySegment.ofBuffer(raw), ValueLayout.JAVA_BYTE, 0, own, ValueLayout.JAVA_BYTE, 0, bytes);
        }
        return new Tensor(type, shape, own);
    }
}
