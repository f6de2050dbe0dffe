package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.measure.FloatPieces;
import dev.nibble.quant.measure.SignalToNoise;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What the candidates for a tensor's range cost where it matters: at the output of the layers that consume the
/// tensor, not in the tensor itself. A clipped value that the next layer multiplies by nothing costs nothing.
///
/// The model is cut at every quantized activation ([FloatPieces]). Each candidate's values are fed to all cuts at
/// once, so a layer with two inputs sees the error of both, and one run a candidate is enough for the whole model.
public final class OutputErrors implements AutoCloseable {
    private final FloatPieces pieces;
    private final List<String> targets;
    private final Executor.Session whole;
    private final Executor.Session cut;
    private final Map<String, Map<String, SignalToNoise>> sums = new LinkedHashMap<>();
    private final Map<String, Map<String, SignalToNoise>> own = new LinkedHashMap<>();
    private final Kernels kernels = Kernels.best();

    /// @param twin the float model
    /// @param values the activations that are quantized
    public OutputErrors(Model twin, List<String> values, Executor executor, Executor.Options options) {
        pieces = FloatPieces.cut(twin, values);
        Graph graph = twin.graph();
        Set<String> reached = new LinkedHashSet<>();
        pieces.reached().values().forEach(reached::addAll);
        targets = List.copyOf(reached);
        Set<String> fetched = new LinkedHashSet<>(values);
        fetched.addAll(targets);
        fetched.removeIf(graph::isInput);
        whole = executor.open(twin, List.copyOf(fetched), options);
        try {
            cut = executor.open(pieces.model(), targets, options);
        } catch (RuntimeException e) {
            whole.close();
            throw e;
        }
    }

    /// Adds the errors of one batch.
    ///
    /// @param inputs the model's inputs
    /// @param candidates by candidate's name, the encoding of each value; a value without one is fed as it is
    public void add(Map<String, Tensor> inputs, Map<String, Map<String, Encoding>> candidates) {
        Map<String, Tensor> exact = new HashMap<>(inputs);
        exact.putAll(whole.run(inputs));
        candidates.forEach((candidate, encodings) -> {
            try (Arena arena = Arena.ofConfined()) {
                Map<String, Tensor> fed = new HashMap<>();
                inputs.forEach((name, tensor) -> {
                    if (!pieces.feeds().containsKey(name)) {
                        fed.put(name, tensor);
                    }
                });
                Map<String, SignalToNoise> inputNoise = own.computeIfAbsent(candidate, c -> new HashMap<>());
                pieces.feeds().forEach((value, feed) -> {
                    Tensor rounded = fed(exact, value, encodings.get(value), arena);
                    Tensor before = exact.get(value);
                    if (before != null) {
                        inputNoise.merge(value, SignalToNoise.of(before, rounded), SignalToNoise::plus);
                    }
                    fed.put(feed, rounded);
                });
                Map<String, Tensor> seen = cut.run(fed);
                Map<String, SignalToNoise> sum = sums.computeIfAbsent(candidate, c -> new HashMap<>());
                for (String target : targets) {
                    Tensor reference = exact.get(target);
                    Tensor received = seen.get(target);
                    if (reference != null && received != null) {
                        sum.merge(target, SignalToNoise.of(reference, received), SignalToNoise::plus);
                    }
                }
            }
        });
    }

    private Tensor fed(
            Map<String, Tensor> exact,
            String value,
            @org.jspecify.annotations.Nullable Encoding encoding,
            Arena arena) {
        Tensor tensor = exact.get(value);
        if (tensor == null) {
            throw new IllegalStateException("value '" + value + "' was not fetched");
        }
        if (encoding == null) {
            return tensor;
        }
        MemorySegment rounded = arena.allocate(Math.max(1, tensor.data().byteSize()), 64);
        MemorySegment.copy(tensor.data(), 0, rounded, 0, tensor.data().byteSize());
        kernels.fakeQuantize(rounded, 0, tensor.elements(), encoding);
        return new Tensor(
                tensor.type(), tensor.shape(), rounded.asSlice(0, tensor.data().byteSize()));
    }

    /// What the candidates for one value cost.
    ///
    /// @param output by candidate, the noise in the outputs of the value's consumers relative to their signal, added
    ///     up over them
    /// @param own by candidate, the noise in the value itself relative to its signal, on the same samples
    public record Cost(Map<String, Double> output, Map<String, Double> own) {}

    /// The costs by value. A value that reaches nothing measurable is absent.
    public Map<String, Cost> costs() {
        Map<String, Cost> result = new LinkedHashMap<>();
        pieces.reached().forEach((value, ends) -> {
            Map<String, Double> output = new LinkedHashMap<>();
            Map<String, Double> input = new LinkedHashMap<>();
            sums.forEach((candidate, sum) -> {
                List<SignalToNoise> measured = new ArrayList<>();
                ends.forEach(end -> {
                    SignalToNoise at = sum.get(end);
                    if (at != null) {
                        measured.add(at);
                    }
                });
                SignalToNoise before = own.getOrDefault(candidate, Map.of()).get(value);
                if (!measured.isEmpty() && before != null) {
                    output.put(
                            candidate,
                            measured.stream()
                                    .mapToDouble(SignalToNoise::relativeNoise)
                                    .sum());
                    input.put(candidate, before.relativeNoise());
                }
            });
            if (!output.isEmpty()) {
                result.put(value, new Cost(output, input));
            }
        });
        return result;
    }

    @Override
    public void close() {
        whole.close();
        cut.close();
    }
}
