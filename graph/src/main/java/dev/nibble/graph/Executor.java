package dev.nibble.graph;

import java.util.List;
import java.util.Map;

/// Runs models. The CPU runtime and the NPU's emulator are executors; whoever needs a model run takes one.
public interface Executor {
    /// Makes `model` ready to run.
    ///
    /// @param fetches names of values to hand out at each run: graph outputs or any intermediate value of the
    ///     main graph, in the order wanted
    /// @throws NibbleException where the model does not load or a name is not in it
    Session open(Model model, List<String> fetches, Options options);

    /// @param threads threads for one run; 0 leaves the choice to the executor
    /// @param optimization whether the executor may rewrite the graph before running it
    record Options(int threads, Optimization optimization) {
        public Options {
            if (threads < 0) {
                throw new IllegalArgumentException("threads must be at least 0, but was " + threads);
            }
        }
    }

    /// How far an executor may rewrite a graph before running it.
    enum Optimization {
        /// Nothing is rewritten: the file's own arithmetic.
        OFF,
        /// Whatever the executor does unless told otherwise.
        DEFAULT
    }

    /// A model that is ready to run. Not for two threads at once.
    interface Session extends AutoCloseable {
        /// Runs once.
        ///
        /// @param inputs a tensor for each graph input that has no initializer, by name
        /// @return the fetched values in order; their memory is valid until the next run or [#close]
        /// @throws NibbleException where an input is missing or does not fit, or the run fails
        Map<String, Tensor> run(Map<String, Tensor> inputs);

        @Override
        void close();
    }
}
