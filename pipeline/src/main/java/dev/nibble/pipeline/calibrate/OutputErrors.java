package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Kernels;
import dev.nibble.quant.measure.FloatPieces;
import dev.nibble.quant.measure.PartOf;
import dev.nibble.quant.measure.SignalToNoise;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongFunction;

/// What the candidates for a tensor's range cost where it matters: at the output of the layers that consume the
/// tensor, not in the tensor itself. A clipped value that the next layer multiplies by nothing costs nothing.
///
/// The model is cut at every quantized activation ([FloatPieces]). Each candidate's values are fed to all cuts at
/// once, so a layer with two inputs sees the error of both, and one run a candidate is enough for the whole model.
public final class OutputErrors {
    /// What is fed is held three times: as computed, as handed to the other run, and rounded. What comes out is held twice
    /// in each run.
    private static final int COPIES = 4;

    private final Model twin;
    private final FloatPieces pieces;
    private final Map<String, Set<String>> sources = new HashMap<>();
    private final Executor executor;
    private final Executor.Options options;
    private final Map<String, Map<String, SignalToNoise>> sums = new LinkedHashMap<>();
    private final Map<String, Map<String, SignalToNoise>> own = new LinkedHashMap<>();
    private final Set<String> seenAlone = new HashSet<>();
    private final Kernels kernels = Kernels.best();

    /// @param twin the float model
    /// @param values the activations that are quantized
    public OutputErrors(Model twin, List<String> values, Executor executor, Executor.Options options) {
        this.twin = twin;
        this.executor = executor;
        this.options = options;
        pieces = FloatPieces.cut(twin, values);
        pieces.reached()
                .forEach((value, ends) -> ends.forEach(end ->
                        sources.computeIfAbsent(end, e -> new LinkedHashSet<>()).add(value)));
    }

    /// The outputs of the consumers of `values`, in groups that fit into `memory`.
    ///
    /// @param sizes of the values of one sample
    /// @throws dev.nibble.graph.NibbleException where one output alone does not fit
    public List<List<String>> groups(Collection<String> values, MemoryBudget memory, ValueSizes sizes) {
        Set<String> targets = new LinkedHashSet<>();
        pieces.reached().forEach((value, ends) -> {
            if (values.contains(value)) {
                targets.addAll(ends);
            }
        });
        return memory.groups(
                List.copyOf(targets),
                sizes.inputs() + sizes.live(),
                target -> COPIES * (sizes.of(target) + sizes.of(sources.getOrDefault(target, Set.of()))),
                "comparing ranges");
    }

    /// Adds the errors that `samples` samples show at the outputs of one group.
    ///
    /// @param sample the model's inputs
    /// @param candidates by candidate's name, the encoding of each value; a value without one is fed as it is
    public void add(
            List<String> group,
            long samples,
            LongFunction<Map<String, Tensor>> sample,
            Map<String, Map<String, Encoding>> candidates) {
        Set<String> fetched = new LinkedHashSet<>();
        group.forEach(target -> fetched.addAll(sources.getOrDefault(target, Set.of())));
        Set<String> fed = Set.copyOf(fetched);
        Set<String> alone = new HashSet<>(fed);
        alone.removeAll(seenAlone);
        seenAlone.addAll(fed);
        fetched.addAll(group);
        fetched.removeIf(twin.graph()::isInput);
        Model part = PartOf.computing(pieces.model(), group);
        try (Executor.Session whole = executor.open(twin, List.copyOf(fetched), options);
                Executor.Session cut = executor.open(part, group, options)) {
            for (long i = 0; i < samples; i++) {
                Map<String, Tensor> inputs = sample.apply(i);
                Map<String, Tensor> exact = new HashMap<>(inputs);
                exact.putAll(whole.run(inputs));
                candidates.forEach((candidate, encodings) ->
                        add(candidate, encodings, inputs, exact, new Cut(part, cut, group, fed, alone)));
            }
        }
    }

    /// A part of the cut model that is being run.
    ///
    /// @param fed the values that go into it
    /// @param alone those whose own noise was not added up with another part
    private record Cut(
            Model part, Executor.Session session, List<String> targets, Set<String> fed, Set<String> alone) {}

    private void add(
            String candidate,
            Map<String, Encoding> encodings,
            Map<String, Tensor> inputs,
            Map<String, Tensor> exact,
            Cut cut) {
        try (Arena arena = Arena.ofConfined()) {
            Map<String, Tensor> fed = new HashMap<>();
            inputs.forEach((name, tensor) -> {
                if (!pieces.feeds().containsKey(name) && cut.part().graph().isInput(name)) {
                    fed.put(name, tensor);
                }
            });
            Map<String, SignalToNoise> inputNoise = own.computeIfAbsent(candidate, c -> new HashMap<>());
            pieces.feeds().forEach((value, feed) -> {
                if (!cut.part().graph().isInput(feed) || !exact.containsKey(value)) {
                    return;
                }
                Tensor rounded = fed(exact, value, encodings.get(value), arena);
                Tensor before = exact.get(value);
                if (before != null && cut.alone().contains(value)) {
                    inputNoise.merge(value, SignalToNoise.of(before, rounded), SignalToNoise::plus);
                }
                fed.put(feed, rounded);
            });
            Map<String, Tensor> seen = cut.session().run(fed);
            Map<String, SignalToNoise> sum = sums.computeIfAbsent(candidate, c -> new HashMap<>());
            for (String target : cut.targets()) {
                Tensor reference = exact.get(target);
                Tensor received = seen.get(target);
                if (reference != null && received != null) {
                    sum.merge(target, SignalToNoise.of(reference, received), SignalToNoise::plus);
                }
            }
        }
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
    public record Cost(Map<String, Double> output, Map<String, Double> own) {
        /// With the candidates of `other`.
        Cost plus(Cost other) {
            Map<String, Double> outputs = new LinkedHashMap<>(output);
            outputs.putAll(other.output);
            Map<String, Double> owns = new LinkedHashMap<>(own);
            owns.putAll(other.own);
            return new Cost(outputs, owns);
        }
    }

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
}
