package dev.nibble.bench;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Map;

/// An executor that measures how long another one runs.
final class Stopwatch implements Executor {
    private final Executor executor;
    private long nanos;

    Stopwatch(Executor executor) {
        this.executor = executor;
    }

    /// Spent in runs so far.
    double seconds() {
        return nanos / 1e9;
    }

    @Override
    public Session open(Model model, List<String> fetches, Options options) {
        Session session = executor.open(model, fetches, options);
        return new Session() {
            @Override
            public Map<String, Tensor> run(Map<String, Tensor> inputs) {
                long start = System.nanoTime();
                try {
                    return session.run(inputs);
                } finally {
                    nanos += System.nanoTime() - start;
                }
            }

            @Override
            public void close() {
                session.close();
            }
        };
    }
}
