package dev.nibble.run;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Runs a model over samples and hands chosen tensors to consumers as they come: nothing is kept, so memory does not
/// grow with the number of samples.
///
/// While one worker observes, others run. A worker calls its consumer batch after batch with rising indices; a consumer
/// that several workers share is called by all of them at once. Which batches it gets depends on timing: what consumers
/// gather must not depend on order.
public final class StreamedRun {
    private final List<String> values;
    private final Iterator<SampleBatch> batches;
    private volatile boolean stopped;
    private @Nullable Throwable failure;

    private StreamedRun(List<String> values, Iterator<SampleBatch> batches) {
        this.values = List.copyOf(values);
        this.batches = batches;
    }

    /// Bytes of inputs and of `values` for one sample, found by running `batch`.
    public static long bytesPerSample(Executor executor, Model model, List<String> values, SampleBatch batch) {
        long bytes = 0;
        for (Tensor input : batch.inputs().values()) {
            bytes += input.data().byteSize();
        }
        try (Executor.Session session =
                executor.open(model, values, new Executor.Options(0, Executor.Optimization.DEFAULT))) {
            for (Tensor value : session.run(batch.inputs()).values()) {
                bytes += value.data().byteSize();
            }
        }
        return Math.ceilDiv(bytes, batch.rows());
    }

    /// Runs `model` over all of `batches`.
    ///
    /// @param values names of the values to hand over: intermediate values, outputs or inputs of the main graph
    /// @param largest bytes of each value for the sample where it takes most, as far as they are known: memory for them is
    ///     taken once
    /// @param batches asked by one thread at a time; a batch is read before the next one is asked for, so that its
    ///     memory may be used again
    /// @param consumers one a worker, or the same for several; fewer leave workers out
    /// @throws NibbleException where the model does not load, a batch does not fit, a run fails, or the thread is
    ///     interrupted; by then no worker runs any more
    public static void over(
            Executor executor,
            Model model,
            List<String> values,
            Map<String, Long> largest,
            Executor.Optimization optimization,
            StreamPlan plan,
            Iterator<SampleBatch> batches,
            List<? extends TensorConsumer> consumers) {
        int workers = Math.min(plan.workers(), consumers.size());
        if (workers < 1) {
            throw new IllegalArgumentException("there is no consumer");
        }
        StreamedRun run = new StreamedRun(values, batches);
        List<Executor.Session> sessions = new ArrayList<>();
        try {
            Executor.Options options = new Executor.Options(plan.threadsEach(), optimization);
            Executor.Session first = executor.open(model, values, options);
            sessions.add(first);
            while (sessions.size() < workers) {
                sessions.add(
                        first instanceof OrtModel loaded ? loaded.sibling() : executor.open(model, values, options));
            }
            for (Executor.Session session : sessions) {
                if (session instanceof OrtModel loaded) {
                    loaded.expect(largest);
                }
            }
            run.work(sessions, consumers);
        } finally {
            sessions.forEach(Executor.Session::close);
        }
    }

    private void work(List<Executor.Session> sessions, List<? extends TensorConsumer> consumers) {
        List<Thread> threads = new ArrayList<>();
        for (int w = 1; w < sessions.size(); w++) {
            Executor.Session session = sessions.get(w);
            TensorConsumer consumer = consumers.get(w);
            threads.add(
                    Thread.ofPlatform().daemon().name("nibble-run-" + w).start(() -> guarded(session, consumer, true)));
        }
        guarded(sessions.getFirst(), consumers.getFirst(), sessions.size() > 1);
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    stopped = true;
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        switch (failure()) {
            case null -> {
                if (Thread.currentThread().isInterrupted()) {
                    throw new NibbleException("interrupted while the model ran over the samples", "run again");
                }
            }
            case NibbleException e -> throw new NibbleException(String.valueOf(e.getMessage()), e.hint(), e);
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    private void guarded(Executor.Session session, TensorConsumer consumer, boolean shared) {
        try (Own own = new Own(shared)) {
            for (SampleBatch batch = next(own); batch != null; batch = next(own)) {
                Map<String, Tensor> results = session.run(batch.inputs());
                for (String value : values) {
                    Tensor tensor = results.get(value);
                    if (tensor != null && !stopped) {
                        consumer.accept(value, counted(tensor, batch), batch.first(), batch.samples());
                    }
                }
            }
        } catch (Throwable e) {
            fail(e);
        }
    }

    private synchronized @Nullable SampleBatch next(Own own) {
        if (stopped || Thread.currentThread().isInterrupted() || !batches.hasNext()) {
            return null;
        }
        return own.of(batches.next());
    }

    private synchronized void fail(Throwable e) {
        stopped = true;
        if (failure == null) {
            failure = e;
        } else if (failure != e) {
            failure.addSuppressed(e);
        }
    }

    private synchronized @Nullable Throwable failure() {
        return failure;
    }

    /// The rows of samples that count.
    private static Tensor counted(Tensor tensor, SampleBatch batch) {
        int rows = batch.rows();
        Shape shape = tensor.shape();
        if (rows == batch.samples() || shape.rank() == 0 || shape.dim(0) != rows) {
            return tensor;
        }
        Shape part = shape.with(0, batch.samples());
        return new Tensor(
                tensor.type(), part, tensor.data().asSlice(0, tensor.type().bytes(part.elements())));
    }

    /// A worker's copy of its batch, so that another worker can ask for the next. A sole worker needs none.
    private static final class Own implements AutoCloseable {
        private final boolean copies;
        private final Map<String, ReusedBuffer> memory = new HashMap<>();

        Own(boolean copies) {
            this.copies = copies;
        }

        SampleBatch of(SampleBatch batch) {
            if (!copies) {
                return batch;
            }
            Map<String, Tensor> inputs = new LinkedHashMap<>();
            batch.inputs().forEach((name, tensor) -> {
                MemorySegment own = memory.computeIfAbsent(name, n -> new ReusedBuffer())
                        .take(tensor.data().byteSize());
                own.copyFrom(tensor.data());
                inputs.put(name, new Tensor(tensor.type(), tensor.shape(), own));
            });
            return new SampleBatch(batch.first(), batch.samples(), inputs);
        }

        @Override
        public void close() {
            memory.values().forEach(ReusedBuffer::close);
        }
    }
}
