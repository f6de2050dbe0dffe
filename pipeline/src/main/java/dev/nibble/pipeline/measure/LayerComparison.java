package dev.nibble.pipeline.measure;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
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

/// The error at every quantized value of a QDQ model against its float twin, twice: *graph-wise*, with everything
/// before it quantized as well, and *layer-wise*, with this layer alone quantized and float values fed to it.
/// The first says how bad it is at that place, the second who did it.
public final class LayerComparison implements AutoCloseable {
    private final List<Place> places = new ArrayList<>();
    private final List<String> skipped = new ArrayList<>();
    private final Map<String, String> feeds = new LinkedHashMap<>();
    private final Executor.Session reference;
    private final Executor.Session quantized;
    private final Executor.Session alone;
    private final Map<String, SignalToNoise> graphWise = new HashMap<>();
    private final Map<String, SignalToNoise> layerWise = new HashMap<>();

    /// The error at one value.
    ///
    /// @param value its name in the float twin
    /// @param op the operator that makes it
    public record Row(String value, String op, SignalToNoise graphWise, SignalToNoise layerWise) {}

    /// @param value in the float twin
    /// @param result the dequantized value in the QDQ model
    private record Place(String value, String op, String result) {}

    /// @param twin the float model whose value names the QDQ model kept
    /// @param options graph optimization should be off: the file's own arithmetic is to be seen
    public LayerComparison(Model twin, Model qdq, Executor executor, Executor.Options options) {
        QdqPieces pieces = QdqPieces.cut(qdq);
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
                                    places.add(new Place(name, node.opType(), result));
                                },
                                () -> skipped.add(value));
            }
        }
        pieces.feeds().forEach((value, feed) -> feeds.put(feed, names.getOrDefault(value, value)));
        Set<String> fetched = new LinkedHashSet<>(feeds.values());
        places.forEach(place -> fetched.add(place.value()));
        fetched.removeIf(graph::isInput);
        List<String> results = places.stream().map(Place::result).toList();
        List<Executor.Session> opened = new ArrayList<>();
        try {
            reference = opened(opened, executor.open(twin, List.copyOf(fetched), options));
            quantized = opened(opened, executor.open(qdq, results, options));
            alone = opened(opened, executor.open(pieces.model(), results, options));
        } catch (RuntimeException e) {
            opened.forEach(Executor.Session::close);
            throw e;
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

    /// Adds the errors of one batch.
    public void add(Map<String, Tensor> inputs) {
        Map<String, Tensor> exact = new HashMap<>(inputs);
        exact.putAll(reference.run(inputs));
        sum(graphWise, exact, quantized.run(inputs));
        Map<String, Tensor> fed = new HashMap<>();
        inputs.forEach((name, tensor) -> {
            if (!feeds.containsValue(name)) {
                fed.put(name, tensor);
            }
        });
        feeds.forEach((feed, value) -> {
            Tensor tensor = exact.get(value);
            if (tensor == null) {
                throw new IllegalStateException("value '" + value + "' is not in the float model");
            }
            fed.put(feed, tensor);
        });
        sum(layerWise, exact, alone.run(fed));
    }

    private void sum(Map<String, SignalToNoise> sums, Map<String, Tensor> exact, Map<String, Tensor> seen) {
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
                        layerWise.getOrDefault(place.value(), SignalToNoise.NONE)))
                .toList();
    }

    /// Quantized values that the float model does not have, and that could not be compared.
    public List<String> skipped() {
        return List.copyOf(skipped);
    }

    @Override
    public void close() {
        reference.close();
        quantized.close();
        alone.close();
    }
}
