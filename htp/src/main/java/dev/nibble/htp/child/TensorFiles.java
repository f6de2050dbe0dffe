package dev.nibble.htp.child;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The tensors of a run: inputs as ONNX Runtime reads them out of the mapped file that the parent wrote, outputs
/// written into another.
///
/// What is mapped is only read: writing into a mapping would end the process where the disk is full.
final class TensorFiles implements AutoCloseable {
    private final OrtEnvironment environment;
    private final FileChannel input;
    private final FileChannel output;
    private final Arena arena = Arena.ofShared();
    private MemorySegment mapped = MemorySegment.NULL;

    TensorFiles(Path folder, OrtEnvironment environment) throws IOException {
        this.environment = environment;
        input = FileChannel.open(
                folder.resolve(Wire.INPUTS),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        output = FileChannel.open(
                folder.resolve(Wire.OUTPUTS),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
    }

    /// To be closed after the run.
    record Inputs(Map<String, OnnxTensor> tensors) implements AutoCloseable {
        @Override
        public void close() {
            tensors.values().forEach(OnnxTensor::close);
        }
    }

    Inputs inputs(List<Wire.Place> places) throws IOException, OrtException {
        if (mapped.byteSize() != input.size()) {
            mapped = input.map(FileChannel.MapMode.READ_WRITE, 0, input.size(), arena);
        }
        Inputs inputs = new Inputs(new LinkedHashMap<>());
        try {
            for (Wire.Place place : places) {
                ByteBuffer bytes = mapped.asSlice(place.offset(), place.bytes())
                        .asByteBuffer()
                        .order(ByteOrder.nativeOrder());
                long[] dims = place.dims().stream().mapToLong(Long::longValue).toArray();
                inputs.tensors()
                        .put(place.name(), OnnxTensor.createTensor(environment, bytes, dims, type(place.type())));
            }
            return inputs;
        } catch (OrtException | RuntimeException e) {
            inputs.close();
            throw e;
        }
    }

    List<Wire.Place> write(OrtSession.Result result) throws IOException {
        List<Wire.Place> places = new ArrayList<>();
        long offset = 0;
        for (var entry : result) {
            if (!(entry.getValue() instanceof OnnxTensor tensor)) {
                throw new IllegalStateException("output '" + entry.getKey() + "' is no tensor");
            }
            ByteBuffer bytes = tensor.getByteBuffer();
            List<Long> dims = new ArrayList<>();
            for (long dim : tensor.getInfo().getShape()) {
                dims.add(dim);
            }
            long length = bytes.remaining();
            places.add(new Wire.Place(entry.getKey(), code(tensor.getInfo().onnxType), dims, offset, length));
            while (bytes.hasRemaining()) {
                output.write(bytes, offset + length - bytes.remaining());
            }
            offset = Wire.aligned(offset + length);
        }
        return places;
    }

    /// ONNX's number of a type; ONNX Runtime's Java interface has numbers of its own.
    private static int code(TensorInfo.OnnxTensorType type) {
        return switch (type) {
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT -> 1;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 -> 2;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 -> 3;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 -> 4;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 -> 5;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 -> 6;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 -> 7;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL -> 9;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 -> 10;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE -> 11;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32 -> 12;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64 -> 13;
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 -> 16;
            default -> throw new IllegalStateException("an output of type " + type + " cannot be handed out");
        };
    }

    /// The types that ONNX Runtime's Java interface can feed.
    private static OnnxJavaType type(int code) {
        return switch (code) {
            case 1 -> OnnxJavaType.FLOAT;
            case 2 -> OnnxJavaType.UINT8;
            case 3 -> OnnxJavaType.INT8;
            case 5 -> OnnxJavaType.INT16;
            case 6 -> OnnxJavaType.INT32;
            case 7 -> OnnxJavaType.INT64;
            case 9 -> OnnxJavaType.BOOL;
            case 10 -> OnnxJavaType.FLOAT16;
            case 11 -> OnnxJavaType.DOUBLE;
            default -> throw new IllegalStateException("an input of ONNX type " + code + " cannot be fed");
        };
    }

    @Override
    public void close() throws IOException {
        arena.close();
        input.close();
        output.close();
    }
}
