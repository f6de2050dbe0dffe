package dev.nibble.pipeline.measure;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.quant.measure.PartOf;
import dev.nibble.quant.measure.QdqPieces;
import dev.nibble.quant.measure.SignalToNoise;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The error at every quantized value of a QDQ model against its float twin, twice: *graph-wise*, with everything
/// before it quantized as well, and *layer-wise*, with this layer alone quantized and float values fed to it.
/// The first says how bad it is at that place, the second who did it.
public final class LayerComparison {
    /// Each of the three runs holds its results twice; what is fed to the layers is among the first run's.
    private static final int COPIES = 7;

    private final Model twin;
    private final Model qdq;
    private final QdqPieces pieces;
    private final Executor executor;
    private final Executor.Options options;
    private final Optional<? extends Executor> other;
    private final List<Place> places = new ArrayList<>();
    private final List<String> skipped = new ArrayList<>();
    private final Map<String, String> feeds = new LinkedHashMap<>();
    private final Map<String, SignalToNoise> graphWise = new HashMap<>();
    private final Map<String, SignalToNoise> layerWise = new HashMap<>();
    private final Map<String, SignalToNoise> there = new HashMap<>();
    private final Map<String, SignalToNoise> apart = new HashMap<>();
    private final Map<String, Double> steps = new HashMap<>();

    /// The error at one value.
    ///
    /// @param value its name in the float twin
    /// @param op the operator that makes it
    /// @param elsewhere what the other executor makes of the QDQ model; null where there is none
    public record Row(
            String value,
            String op,
            SignalToNoise graphWise,
            SignalToNoise layerWise,
            @Nullable Elsewhere elsewhere) {}

    /// The QDQ model run by another executor.
    ///
    /// @param toFloat against the float twin
    /// @param toHere against the same file here
    /// @param steps the largest distance from the same file here, in steps of the value's grid
    public record Elsewhere(SignalToNoise toFloat, SignalToNoise toHere, double steps) {}

    /// @param value in the float twin
    /// @param result the dequantized value in the QDQ model
    /// @param step of its grid
    private record Place(String value, String op, String result, double step) {}

    /// Here only.
    public LayerComparison(Model twin, Model qdq, Executor executor, Executor.Options options) {
        this(twin, qdq, executor, options, Optional.empty());
    }

    /// @param twin the float model whose value names the QDQ model kept
    /// @param options graph optimization should be off: the file's own arithmetic is to be seen
    /// @param other runs the QDQ model once more, to be compared with here
    public LayerComparison(
            Model twin, Model qdq, Executor executor, Executor.Options options, Optional<? extends Executor> other) {
        this.twin = twin;
        this.qdq = qdq;
        this.executor = executor;
        this.options = options;
        this.other = other;
        pieces = QdqPieces.cut(qdq);
        Graph graph = twin.graph();
        Map<String, String> names = new HashMap<>();
        for (Node node : qdq.graph().nodes()) {
            for (String value : node.outputs()) {
                String result = pieces.results().get(value);
                if (result == null) {
                    continue;
                }
                twinName(graph, value, result)
                        .ifPresentOrElse(
                                name -> {
                                    names.put(value, name);
                                    places.add(new Place(name, node.opType(), result, step(qdq.graph(), result)));
                                },
                                () -> skipped.add(value));
            }
        }
        pieces.feeds().forEach((value, feed) -> feeds.put(feed, names.getOrDefault(value, value)));
    }

    /// The names of what is compared, in the float twin.
    public List<String> values() {
        return places.stream().map(Place::value).toList();
    }

    /// [#values] in groups that fit into `memory`, each for a pass over the samples.
    ///
    /// @param sizes of the float twin's values on one sample
    /// @throws dev.nibble.graph.NibbleException where one value alone does not fit
    public List<List<String>> groups(MemoryBudget memory, ValueSizes sizes) {
        Graph cut = pieces.model().graph();
        Map<String, Long> each = new HashMap<>();
        for (Place place : places) {
            long fed = PartOf.inputs(cut, List.of(place.result())).stream()
                    .mapToLong(feed -> sizes.of(feeds.getOrDefault(feed, feed)))
                    .sum();
            each.put(place.value(), COPIES * sizes.of(place.value()) + 3 * fed);
        }
        return memory.groups(
                values(), sizes.inputs() + sizes.live(), value -> each.getOrDefault(value, 0L), "comparing layers");
    }

    /// One pass, in which the layers of a group are compared.
    ///
    /// @param group of [#values]
    public Pass pass(List<String> group) {
        return new Pass(Set.copyOf(group));
    }

    /// The three models, loaded to compare some layers. Their errors add up in [#rows].
    public final class Pass implements AutoCloseable {
        private final List<Place> here = new ArrayList<>();
        private final Map<String, String> fed = new LinkedHashMap<>();
        private final Graph part;
        private final Executor.Session reference;
        private final Executor.Session quantized;
        private final Executor.Session alone;
        private final Executor.@Nullable Session elsewhere;

        private Pass(Set<String> group) {
            places.stream().filter(place -> group.contains(place.value())).forEach(here::add);
            List<String> results = here.stream().map(Place::result).toList();
            Model cut = PartOf.computing(pieces.model(), results);
            part = cut.graph();
            feeds.forEach((feed, value) -> {
                if (part.isInput(feed)) {
                    fed.put(feed, value);
                }
            });
            Set<String> fetched = new LinkedHashSet<>(fed.values());
            here.forEach(place -> fetched.add(place.value()));
            fetched.removeIf(twin.graph()::isInput);
            List<Executor.Session> opened = new ArrayList<>();
            try {
                reference = opened(opened, executor.open(twin, List.copyOf(fetched), options));
                quantized = opened(opened, executor.open(qdq, results, options));
                alone = opened(opened, executor.open(cut, results, options));
                elsewhere = other.isPresent() ? opened(opened, other.get().open(qdq, results, options)) : null;
            } catch (RuntimeException e) {
                opened.forEach(Executor.Session::close);
                throw e;
            }
        }

        /// Adds the errors of one batch.
        public void add(Map<String, Tensor> inputs) {
            Map<String, Tensor> exact = new HashMap<>(inputs);
            exact.putAll(reference.run(inputs));
            Map<String, Tensor> seen = quantized.run(inputs);
            sum(graphWise, here, exact, seen);
            if (elsewhere != null) {
                compare(here, exact, seen, elsewhere.run(inputs));
            }
            Map<String, Tensor> given = new HashMap<>();
            inputs.forEach((name, tensor) -> {
                if (!feeds.containsValue(name) && part.isInput(name)) {
                    given.put(name, tensor);
                }
            });
            fed.forEach((feed, value) -> {
                Tensor tensor = exact.get(value);
                if (tensor == null) {
                    throw new IllegalStateException("value '" + value + "' is not in the float model");
                }
                given.put(feed, tensor);
            });
            sum(layerWise, here, exact, alone.run(given));
        }

        @Override
        public void close() {
            reference.close();
            quantized.close();
            alone.close();
            if (elsewhere != null) {
                elsewhere.close();
            }
        }
    }

    /// What the float twin calls a value that is quantized. At a graph output the QDQ model gives the name to the
    /// dequantized value.
    private static Optional<String> twinName(Graph twin, String value, String result) {
        if (twin.producer(value).isPresent()) {
            return Optional.of(value);
        }
        return twin.producer(result).isPresent() ? Optional.of(result) : Optional.empty();
    }

    private static Executor.Session opened(List<Executor.Session> all, Executor.Session session) {
        all.add(session);
        return session;
    }

    /// The step of the grid that `value` was dequantized from; NaN where it has several.
    private static double step(Graph graph, String value) {
        return graph.producer(value)
                .filter(node -> node.is("DequantizeLinear"))
                .flatMap(node -> graph.initializer(node.input(1)))
                .map(Initializer::tensor)
                .filter(scale -> scale.elements() == 1)
                .map(scale -> (double) scale.floatAt(0))
                .orElse(Double.NaN);
    }

    private void compare(
            List<Place> places, Map<String, Tensor> exact, Map<String, Tensor> here, Map<String, Tensor> other) {
        sum(there, places, exact, other);
        for (Place place : places) {
            Tensor expected = here.get(place.result());
            Tensor received = other.get(place.result());
            if (expected != null && received != null) {
                apart.merge(place.value(), SignalToNoise.of(expected, received), SignalToNoise::plus);
                double largest = 0;
                for (long i = 0; i < expected.elements(); i++) {
                    largest = Math.max(largest, Math.abs(expected.floatAt(i) - received.floatAt(i)));
                }
                steps.merge(place.value(), largest / place.step(), Math::max);
            }
        }
    }

    private static void sum(
            Map<String, SignalToNoise> sums, List<Place> places, Map<String, Tensor> exact, Map<String, Tensor> seen) {
        for (Place place : places) {
            Tensor expected = exact.get(place.value());
            Tensor received = seen.get(place.result());
            if (expected != null && received != null) {
                sums.merge(place.value(), SignalToNoise.of(expected, received), SignalToNoise::plus);
            }
        }
    }

    /// The rows in the order in which the values are computed.
    public List<Row> rows() {
        return places.stream()
                .map(place -> new Row(
                        place.value(),
                        place.op(),
                        graphWise.getOrDefault(place.value(), SignalToNoise.NONE),
                        layerWise.getOrDefault(place.value(), SignalToNoise.NONE),
                        other.isEmpty()
                                ? null
                                : new Elsewhere(
                                        there.getOrDefault(place.value(), SignalToNoise.NONE),
                                        apart.getOrDefault(place.value(), SignalToNoise.NONE),
                                        steps.getOrDefault(place.value(), Double.NaN))))
                .toList();
    }

    /// Quantized values that the float model does not have, and that could not be compared.
    public List<String> skipped() {
        return List.copyOf(skipped);
    }
}
