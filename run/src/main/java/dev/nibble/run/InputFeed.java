package dev.nibble.run;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// The inputs of a model: checks what is fed against what is declared, and hands it to ONNX Runtime.
final class InputFeed implements AutoCloseable {
    private final Map<String, ValueInfo> declared = new LinkedHashMap<>();
    private final Map<String, Fetching.Carrier> carriers;
    private final Set<String> taken;
    private final Set<String> required = new java.util.LinkedHashSet<>();
    private final Map<String, ReusedBuffer> staging = new HashMap<>();

    /// @param taken the inputs that the loaded model has
    InputFeed(Graph graph, Map<String, Fetching.Carrier> carriers, Set<String> taken) {
        this.carriers = carriers;
        this.taken = Set.copyOf(taken);
        for (ValueInfo input : graph.inputs()) {
            declared.put(input.name(), input);
        }
        for (ValueInfo input : graph.feeds()) {
            required.add(input.name());
            requireNumbers(graph.name(), input);
        }
    }

    Set<String> taken() {
        return taken;
    }

    private static void requireNumbers(String model, ValueInfo input) {
        Optional<DataType> type = input.tensorType().flatMap(ValueType.TensorType::elementType);
        if (type.isPresent()
                && ElementTypes.shared(type.get()).isEmpty()
                && ElementTypes.carrier(type.get()).isEmpty()) {
            throw new NibbleException(
                    "model '%s': input '%s' is of type %s, which cannot be fed"
                            .formatted(model, input.name(), type.get().onnxName()),
                    type.get() == DataType.STRING
                            ? "cut the model after the nodes that read text, and feed numbers"
                            : "give the model a float input and a Cast or QuantizeLinear after it");
        }
        if (!(input.type() instanceof ValueType.TensorType) && !(input.type() instanceof ValueType.Unstated)) {
            throw new NibbleException(
                    "model '%s': input '%s' is %s, and only tensors can be fed"
                            .formatted(model, input.name(), input.type()),
                    "use a model whose inputs are tensors");
        }
    }

    /// @throws NibbleException where an input is missing, unknown, or of another type or shape than declared
    void check(String model, Map<String, Tensor> inputs) {
        for (String name : required) {
            if (!inputs.containsKey(name)) {
                throw new NibbleException(
                        "model '%s': input '%s' is missing".formatted(model, name),
                        inputs.isEmpty()
                                ? "feed " + String.join(", ", required)
                                : "it was fed %s; feed %s"
                                        .formatted(
                                                String.join(
                                                        ", ",
                                                        inputs.keySet().stream()
                                                                .sorted()
                                                                .toList()),
                                                String.join(", ", required)));
            }
        }
        inputs.forEach((name, tensor) -> {
            ValueInfo input = declared.get(name);
            if (input == null) {
                throw new NibbleException(
                        "model '%s' has no input '%s'".formatted(model, name),
                        declared.isEmpty()
                                ? "this model takes no inputs"
                                : "its inputs are " + String.join(", ", declared.keySet()));
            }
            if (input.type() instanceof ValueType.TensorType type && !fits(type, tensor)) {
                throw new NibbleException(
                        "model '%s': input '%s' takes %s, but was fed %s[%s]"
                                .formatted(model, name, type, tensor.type().onnxName(), tensor.shape()),
                        type.elementType().filter(t -> t != tensor.type()).isPresent()
                                ? "convert the samples to "
                                        + type.elementType().get().onnxName()
                                : "check the samples' shape (--layout, --resize), or the model's (--shape)");
            }
        });
    }

    private static boolean fits(ValueType.TensorType declared, Tensor tensor) {
        if (declared.elementType().filter(t -> t != tensor.type()).isPresent()) {
            return false;
        }
        List<Dim> dims = declared.dims();
        if (dims == null) {
            return true;
        }
        Shape shape = tensor.shape();
        if (dims.size() != shape.rank()) {
            return false;
        }
        for (int i = 0; i < dims.size(); i++) {
            if (dims.get(i) instanceof Dim.Known(long size) && size != shape.dim(i)) {
                return false;
            }
        }
        return true;
    }

    /// The inputs as ONNX Runtime takes them; to be closed after the run.
    record Fed(Map<String, OnnxTensor> tensors) implements AutoCloseable {
        @Override
        public void close() {
            OnnxValue.close(tensors);
        }
    }

    Fed feed(OrtEnvironment environment, Map<String, Tensor> inputs) throws OrtException {
        Map<String, OnnxTensor> tensors = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, Tensor> input : inputs.entrySet()) {
                String name = input.getKey();
                Tensor tensor = input.getValue();
                Fetching.Carrier carrier = carriers.get(name);
                String fedAs = carrier == null ? name : carrier.fedAs();
                if (taken.contains(fedAs)) {
                    Tensor fed = carrier == null ? inNativeMemory(name, tensor) : carried(name, tensor, carrier.type());
                    OnnxJavaType type = ElementTypes.shared(fed.type())
                            .orElseThrow(() -> new NibbleException(
                                    "input '%s' was fed %s, which cannot be fed"
                                            .formatted(name, fed.type().onnxName()),
                                    "convert the samples to another type"));
                    tensors.put(
                            fedAs,
                            OnnxTensor.createTensor(
                                    environment,
                                    ReusedBuffer.bufferOver(fed.data(), "input '" + name + "'"),
                                    fed.shape().dims(),
                                    type));
                }
            }
            return new Fed(tensors);
        } catch (OrtException | RuntimeException e) {
            OnnxValue.close(tensors);
            throw e;
        }
    }

    private Tensor inNativeMemory(String name, Tensor tensor) {
        if (tensor.data().isNative() && tensor.data().byteSize() > 0) {
            return tensor;
        }
        MemorySegment own = stage(name, tensor.data().byteSize());
        own.copyFrom(tensor.data());
        return new Tensor(tensor.type(), tensor.shape(), own);
    }

    private Tensor carried(String name, Tensor tensor, DataType type) {
        MemorySegment own = stage(name, type.bytes(tensor.elements()));
        for (long i = 0; i < tensor.elements(); i++) {
            long value = tensor.longAt(i);
            if (type == DataType.INT32) {
                own.set(Tensor.INT_LE, i * 4, (int) value);
            } else {
                own.set(Tensor.LONG_LE, i * 8, value);
            }
        }
        return new Tensor(type, tensor.shape(), own);
    }

    private MemorySegment stage(String name, long bytes) {
        return staging.computeIfAbsent(name, n -> new ReusedBuffer()).take(bytes);
    }

    @Override
    public void close() {
        staging.values().forEach(ReusedBuffer::close);
    }
}
