package dev.nibble.npu.work;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A model as a sequence of layers between values of known shape. What costs nothing on the device (identities,
/// quantizers, constant chains) is gone.
public final class Flow {
    private final List<Layer> layers;
    private final Map<String, Value> values;
    private final Set<String> outputs;
    private final Map<String, String> aliases;
    private final Map<String, List<Layer>> consumers = new HashMap<>();
    private final Map<String, Layer> producers = new HashMap<>();

    /// @param shape null where it is not known
    /// @param constant whether it is known before the model runs
    /// @param channelAxis the axis that lies innermost on the device, and is padded there
    /// @param bits the width that a quantizer in the model gave it; 0 where none did
    /// @param integer whether it holds indices or conditions rather than numbers to compute with
    public record Value(
            String name, @Nullable Shape shape, boolean constant, int channelAxis, int bits, boolean integer) {
        /// The elements, the channels rounded up to a multiple of `multiple`.
        public long padded(int multiple) {
            Shape s = shape == null ? Shape.SCALAR : shape;
            if (s.rank() == 0) {
                return 1;
            }
            long channels = s.dim(Math.min(channelAxis, s.rank() - 1));
            return channels == 0 ? 0 : s.elements() / channels * (Math.ceilDiv(channels, multiple) * multiple);
        }

        public long elements() {
            return shape == null ? 0 : shape.elements();
        }

        public long channels() {
            return shape == null || shape.rank() == 0 ? 1 : shape.dim(Math.min(channelAxis, shape.rank() - 1));
        }
    }

    /// @param aliases names that the model has for values which are others here
    public Flow(List<Layer> layers, Map<String, Value> values, Set<String> outputs, Map<String, String> aliases) {
        this.layers = List.copyOf(layers);
        this.values = new LinkedHashMap<>(values);
        this.outputs = Set.copyOf(outputs);
        this.aliases = Map.copyOf(aliases);
        for (Layer layer : this.layers) {
            layer.outputs().forEach(o -> producers.put(o, layer));
            layer.inputs().stream()
                    .distinct()
                    .filter(i -> !i.isEmpty())
                    .forEach(i ->
                            consumers.computeIfAbsent(i, k -> new ArrayList<>()).add(layer));
        }
    }

    public List<Layer> layers() {
        return layers;
    }

    public Map<String, String> aliases() {
        return aliases;
    }

    public Map<String, Value> values() {
        return values;
    }

    public Set<String> outputs() {
        return outputs;
    }

    /// @throws NibbleException where there is no such value
    public Value value(String name) {
        Value value = values.get(name);
        if (value == null) {
            throw new NibbleException(
                    "nothing is known of value '" + name + "'",
                    "give the model's shapes with --shape NAME=1,3,224,224");
        }
        return value;
    }

    public Shape shape(String name) {
        Shape shape = value(name).shape();
        if (shape == null) {
            throw new NibbleException(
                    "the shape of value '" + name + "' is not known",
                    "give the model's shapes with --shape NAME=1,3,224,224");
        }
        return shape;
    }

    public boolean isConstant(String name) {
        return value(name).constant();
    }

    public List<Layer> consumers(String value) {
        return consumers.getOrDefault(value, List.of());
    }

    public @Nullable Layer producer(String value) {
        return producers.get(value);
    }

    public boolean isOutput(String value) {
        return outputs.contains(value);
    }

    /// The inputs of `layer` that are computed or fed while the model runs, each once.
    public List<String> activations(Layer layer) {
        return layer.inputs().stream()
                .distinct()
                .filter(i -> !i.isEmpty() && !isConstant(i))
                .toList();
    }

    /// The inputs of `layer` that are known beforehand, each once.
    public List<String> constants(Layer layer) {
        return layer.inputs().stream()
                .distinct()
                .filter(i -> !i.isEmpty() && isConstant(i))
                .toList();
    }

    public Flow with(List<Layer> other) {
        return new Flow(other, values, outputs, aliases);
    }
}
