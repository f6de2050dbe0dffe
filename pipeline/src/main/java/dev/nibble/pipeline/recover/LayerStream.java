package dev.nibble.pipeline.recover;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.quant.weight.Segments;
import dev.nibble.quant.weight.Segments.Segment;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A model that is run over all samples one piece at a time: between pieces it keeps what the rest of the model needs,
/// and no more: floats in half precision where their size allows it, 8-bit activations as their codes. What does not
/// fit into memory goes to a temporary file.
final class LayerStream implements AutoCloseable {
    private final Model model;
    private final List<Segment> segments;
    private final ActivationStore store;
    private final Map<String, Initializer> decided = new LinkedHashMap<>();
    private final List<Map<String, ActivationStore.Kept>> batches = new ArrayList<>();
    private int next;

    /// @param targets the values to stop at, in order
    /// @param codes values of the model that hold 8-bit codes
    /// @param maxMemory bytes that what is kept between pieces may take in memory
    LayerStream(Model model, List<String> targets, Map<String, DataType> codes, long maxMemory) {
        this.model = model;
        this.store = new ActivationStore(maxMemory);
        this.segments = Segments.of(model.graph(), targets, codes);
    }

    /// Adds a batch of inputs; all batches are added before the first piece runs.
    void add(Map<String, Tensor> inputs) {
        Map<String, ActivationStore.Kept> kept = new HashMap<>();
        inputs.forEach((name, tensor) -> kept.put(name, store.keep(tensor)));
        batches.add(kept);
    }

    /// Replaces a constant from the next piece on.
    void put(Initializer constant) {
        decided.put(constant.name(), constant);
    }

    int batches() {
        return batches.size();
    }

    /// The next piece, ready to run over the batches.
    Piece open(Executor executor, Executor.Options options) {
        return new Piece(segments.get(next++), executor, options);
    }

    /// One piece that is being run.
    final class Piece implements AutoCloseable {
        private final Segment segment;
        private final List<String> fetched = new ArrayList<>();
        private final List<String> fed = new ArrayList<>();
        private final Executor.@Nullable Session session;

        private Piece(Segment segment, Executor executor, Executor.Options options) {
            this.segment = segment;
            Set<String> made = new java.util.HashSet<>();
            segment.nodes().forEach(node -> made.addAll(node.outputs()));
            if (made.contains(segment.target())) {
                fetched.add(segment.target());
            }
            segment.kept().stream()
                    .filter(value -> made.contains(value) && !fetched.contains(value))
                    .forEach(fetched::add);
            session = fetched.isEmpty() ? null : executor.open(cut(made), List.copyOf(fetched), options);
        }

        private Model cut(Set<String> made) {
            Graph graph = model.graph();
            Map<String, Initializer> constants = new LinkedHashMap<>();
            List<ValueInfo> inputs = new ArrayList<>();
            Map<String, ActivationStore.Kept> any = batches.getFirst();
            for (var node : segment.nodes()) {
                List<String> reads = new ArrayList<>(node.inputs());
                node.subgraphs().forEach(g -> reads.addAll(g.captured()));
                for (String value : reads) {
                    Initializer constant =
                            decided.getOrDefault(value, graph.initializer(value).orElse(null));
                    ActivationStore.Kept kept = any.get(value);
                    if (constant != null) {
                        constants.put(value, constant);
                    } else if (kept != null && !fed.contains(value) && !made.contains(value)) {
                        fed.add(value);
                        inputs.add(new ValueInfo(
                                value, new ValueType.TensorType(kept.type().code(), null, null)));
                    }
                }
            }
            return model.withGraph(
                    Graph.of(graph.name(), segment.nodes(), List.copyOf(constants.values()), inputs, List.of()));
        }

        /// Runs batch `index` and hands its target to `consumer`; the tensor is valid during the call.
        void run(int index, java.util.function.Consumer<Tensor> consumer) {
            Map<String, ActivationStore.Kept> before = batches.get(index);
            Map<String, ActivationStore.Kept> after = new HashMap<>();
            try (Arena arena = Arena.ofConfined()) {
                Map<String, Tensor> results = Map.of();
                if (session != null) {
                    Map<String, Tensor> inputs = new LinkedHashMap<>();
                    for (String value : fed) {
                        inputs.put(value, kept(before, value).read(arena));
                    }
                    results = session.run(inputs);
                }
                Tensor target = results.get(segment.target());
                consumer.accept(
                        target != null ? target : kept(before, segment.target()).read(arena));
                for (String value : segment.kept()) {
                    Tensor made = results.get(value);
                    after.put(value, made != null ? store.keep(made) : kept(before, value));
                }
            }
            before.forEach((value, kept) -> {
                if (after.get(value) != kept) {
                    kept.free();
                }
            });
            batches.set(index, after);
        }

        private static ActivationStore.Kept kept(Map<String, ActivationStore.Kept> batch, String value) {
            ActivationStore.Kept kept = batch.get(value);
            if (kept == null) {
                throw new IllegalStateException("value '" + value + "' was not kept");
            }
            return kept;
        }

        @Override
        public void close() {
            if (session != null) {
                session.close();
            }
        }
    }

    /// The shape of the target's leading axis is what rows are counted by.
    static long leading(Shape shape) {
        return shape.rank() == 0 ? 1 : shape.dim(0);
    }

    @Override
    public void close() {
        batches.forEach(batch -> batch.values().forEach(ActivationStore.Kept::free));
        batches.clear();
        store.close();
    }
}
