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
import java.util.List;
import java.util.Map;

/// The error at every quantized value of a QDQ model against its float twin, twice: *graph-wise*, with everything
/// before it quantized as well, and *layer-wise*, with this layer alone quantized and float values fed to it.
/// The first says how bad it is at that place, the second who did it.
public final class LayerComparison implements AutoCloseable {
    private final Model qdq;
    private final QdqPieces pieces;
    private final List<String> values;
    private final List<String> skipped;
    private final Executor.Session reference;
    private final Executor.Session quantized;
    private final Executor.Session alone;
    private final Map<String, SignalToNoise> graphWise = new LinkedHashMap<>();
    private final Map<String, SignalToNoise> layerWise = new LinkedHashMap<>();

    /// The error at one value.
    ///
    /// @param value its name in the float twin
    /// @param op the operator that makes it
    public record Row(String value, String op, SignalToNoise graphWise, SignalToNoise layerWise) {}

    /// @param twin the float model whose value names the QDQ model kept
    /// @param options graph optimization should be off: the file's own arithmetic is to be seen
    public LayerComparison(Model twin, Model qdq, Executor executor, Executor.Options options) {
        this.qdq = qdq;
        pieces = QdqPieces.cut(qdq);
        Graph graph = twin.graph();
        values = new ArrayList<>();
        skipped = new ArrayList<>();
        for (String value : pieces.results().keySet()) {
            (graph.producer(value).isPresent() ? values : skipped).add(value);
        }
        List<String> fetched = new ArrayList<>(values);
        for (String value : pieces.feeds().keySet()) {
            if (!fetched.contains(value) && graph.producer(value).isPresent()) {
                fetched.add(value);
            }
        }
        List<String> results = values.stream().map(pieces.results()::get).toList();
        List<Executor.Session> opened = new ArrayList<>();
        try {
            reference = opened(opened, executor.open(twin, fetched, options));
            quantized = opened(opened, executor.open(qdq, results, options));
            alone = opened(opened, executor.open(pieces.model(), results, options));
        } catch (RuntimeException e) {
            opened.forEach(Executor.Session::close);
            throw e;
        }
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
            if (!pieces.feeds().containsKey(name)) {
                fed.put(name, tensor);
            }
        });
        pieces.feeds().forEach((value, feed) -> {
            Tensor tensor = exact.get(value);
            if (tensor == null) {
                throw new IllegalStateException("value '" + value + "' is not in the float model");
            }
            fed.put(feed, tensor);
        });
        sum(layerWise, exact, alone.run(fed));
    }

    private void sum(Map<String, SignalToNoise> sums, Map<String, Tensor> exact, Map<String, Tensor> seen) {
        for (String value : values) {
            Tensor expected = exact.get(value);
            Tensor received = seen.get(pieces.results().getOrDefault(value, value));
            if (expected != null && received != null) {
                sums.merge(value, SignalToNoise.of(expected, received), SignalToNoise::plus);
            }
        }
    }

    /// The rows in the order in which the values are computed.
    public List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (Node node : qdq.graph().nodes()) {
            for (String output : node.outputs()) {
                if (values.contains(output)) {
                    rows.add(new Row(
                            output,
                            node.opType(),
                            graphWise.getOrDefault(output, SignalToNoise.NONE),
                            layerWise.getOrDefault(output, SignalToNoise.NONE)));
                }
            }
        }
        return rows;
    }

    /// Quantized values that the float model does not have, and that could not be compared.
    public List<String> skipped() {
        return skipped;
    }

    @Override
    public void close() {
        reference.close();
        quantized.close();
        alone.close();
    }
}
