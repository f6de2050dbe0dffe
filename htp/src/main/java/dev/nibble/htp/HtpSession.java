package dev.nibble.htp;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/// A model that runs on the emulator.
public final class HtpSession implements Executor.Session {
    private final Model model;
    private final List<String> fetches;
    private final List<String> computed;
    private final HtpLibraries libraries;
    private final Soc soc;
    private final HtpExecutor.Limits limits;
    private final Map<String, String> more;
    private final int most;
    private final boolean openBatch;
    private final List<HtpChildModel> children = new ArrayList<>();
    private Map<String, Shape> compiledFor = Map.of();
    private boolean splits;

    HtpSession(
            Model model,
            List<String> fetches,
            HtpLibraries libraries,
            Soc soc,
            int children,
            HtpExecutor.Limits limits,
            Map<String, String> more) {
        this.model = model;
        this.fetches = List.copyOf(fetches);
        this.libraries = libraries;
        this.soc = soc;
        this.limits = limits;
        this.more = more;
        most = children;
        Graph graph = model.graph();
        computed = fetches.stream()
                .filter(name -> graph.producer(name).isPresent())
                .distinct()
                .toList();
        openBatch = !graph.feeds().isEmpty() && graph.feeds().stream().allMatch(HtpSession::isOpenAtAxis0);
    }

    private static boolean isOpenAtAxis0(ValueInfo input) {
        return input.tensorType()
                .map(ValueType.TensorType::dims)
                .filter(dims -> !dims.isEmpty() && !(dims.getFirst() instanceof Dim.Known))
                .isPresent();
    }

    /// The numbers of the processes that compute; none before the first run.
    public List<Long> processes() {
        return children.stream().map(HtpChildModel::pid).toList();
    }

    /// Time that the library took for all runs since the model was compiled, summed over the processes: what a run takes
    /// beyond that is the price of having it in a process of its own.
    public Duration computing() {
        return Duration.ofNanos(
                children.stream().mapToLong(HtpChildModel::nanos).sum());
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        requireFit(inputs);
        long batch = batch(inputs);
        Map<String, Tensor> first = batch > 1 ? slice(inputs, 0) : inputs;
        Map<String, Tensor> results;
        if (batch > 1 && splits(first)) {
            results = joined(inputs, batch);
        } else {
            compile(shapes(inputs), 1);
            results = children.getFirst().run(inputs);
        }
        Map<String, Tensor> fetched = new LinkedHashMap<>();
        for (String name : fetches) {
            Tensor value = results.get(name);
            if (value == null) {
                value = HtpModel.constant(model.graph(), name).orElse(inputs.get(name));
            }
            if (value == null) {
                throw new IllegalStateException("value '" + name + "' was not computed");
            }
            fetched.put(name, value);
        }
        return fetched;
    }

    private void requireFit(Map<String, Tensor> inputs) {
        for (ValueInfo input : model.graph().feeds()) {
            Tensor tensor = inputs.get(input.name());
            if (tensor == null) {
                throw new NibbleException(
                        "model '%s': input '%s' is missing"
                                .formatted(model.graph().name(), input.name()),
                        "feed "
                                + String.join(
                                        ", ",
                                        model.graph().feeds().stream()
                                                .map(ValueInfo::name)
                                                .toList()));
            }
            Optional<ValueType.TensorType> declared = input.tensorType();
            if (declared.flatMap(ValueType.TensorType::elementType)
                    .filter(type -> type != tensor.type())
                    .isPresent()) {
                throw new NibbleException(
                        "model '%s': input '%s' takes %s, but was fed %s[%s]"
                                .formatted(
                                        model.graph().name(),
                                        input.name(),
                                        input.type(),
                                        tensor.type().onnxName(),
                                        tensor.shape()),
                        "convert the samples to that type");
            }
        }
    }

    /// How many samples are fed at once, where the model leaves that open.
    private long batch(Map<String, Tensor> inputs) {
        if (!openBatch) {
            return 1;
        }
        List<Long> sizes = model.graph().feeds().stream()
                .map(input -> inputs.get(input.name()))
                .map(tensor -> tensor == null ? 0 : tensor.shape().dim(0))
                .distinct()
                .toList();
        return sizes.size() == 1 ? sizes.getFirst() : 1;
    }

    private static Map<String, Shape> shapes(Map<String, Tensor> inputs) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        inputs.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
        return shapes;
    }

    private static Map<String, Tensor> slice(Map<String, Tensor> inputs, long sample) {
        Map<String, Tensor> slices = new LinkedHashMap<>();
        inputs.forEach((name, tensor) -> {
            long[] dims = tensor.shape().dims();
            long bytes = tensor.data().byteSize() / dims[0];
            dims[0] = 1;
            slices.put(
                    name,
                    new Tensor(tensor.type(), Shape.of(dims), tensor.data().asSlice(sample * bytes, bytes)));
        });
        return slices;
    }

    /// Whether one sample at a time gives the same: every fetched value has the batch as its first axis.
    private boolean splits(Map<String, Tensor> first) {
        Map<String, Shape> shapes = shapes(first);
        if (!shapes.equals(compiledFor)) {
            Map<String, Shape> two = new LinkedHashMap<>();
            shapes.forEach((name, shape) -> {
                long[] dims = shape.dims();
                dims[0] = 2;
                two.put(name, Shape.of(dims));
            });
            Graph one = HtpModel.of(model, shapes, computed).model().graph();
            Graph both = HtpModel.of(model, two, computed).model().graph();
            splits = true;
            for (String name : computed) {
                Optional<Shape> single = one.shape(name);
                Optional<Shape> pair = both.shape(name);
                splits &= single.isPresent()
                        && pair.isPresent()
                        && single.get().rank() > 0
                        && pair.get().dim(0) == 2 * single.get().dim(0)
                        && pair.get().elements() == 2 * single.get().elements();
            }
            if (splits) {
                compile(shapes, most);
            }
        }
        return splits;
    }

    private void compile(Map<String, Shape> shapes, int wanted) {
        if (shapes.equals(compiledFor) && !children.isEmpty()) {
            return;
        }
        close();
        HtpModel bound = HtpModel.of(model, shapes, computed);
        for (int i = 0; i < wanted; i++) {
            children.add(
                    new HtpChildModel(bound, model.graph().name(), libraries, soc, limits, Optional.empty(), more));
        }
        compiledFor = shapes;
    }

    /// Runs the samples one by one, each child every so many of them.
    private Map<String, Tensor> joined(Map<String, Tensor> inputs, long batch) {
        Map<String, MemorySegment> memory = new LinkedHashMap<>();
        Map<String, Tensor> joined = new LinkedHashMap<>();
        List<FutureTask<Void>> tasks = new ArrayList<>();
        Object lock = new Object();
        for (int child = 0; child < children.size(); child++) {
            HtpChildModel worker = children.get(child);
            int start = child;
            FutureTask<Void> task = new FutureTask<>(() -> {
                for (long i = start; i < batch; i += children.size()) {
                    Map<String, Tensor> one = worker.run(slice(inputs, i));
                    for (Map.Entry<String, Tensor> entry : one.entrySet()) {
                        Tensor value = entry.getValue();
                        long bytes = value.data().byteSize();
                        MemorySegment all;
                        synchronized (lock) {
                            all = memory.computeIfAbsent(
                                    entry.getKey(),
                                    name -> MemorySegment.ofArray(new byte[Math.toIntExact(bytes * batch)]));
                            joined.computeIfAbsent(entry.getKey(), name -> {
                                long[] dims = value.shape().dims();
                                dims[0] *= batch;
                                return new Tensor(value.type(), Shape.of(dims), all);
                            });
                        }
                        all.asSlice(i * bytes, bytes).copyFrom(value.data());
                    }
                }
                return null;
            });
            tasks.add(task);
            Thread.ofPlatform().daemon().name("htp run").start(task);
        }
        RuntimeException failure = null;
        for (FutureTask<Void> task : tasks) {
            try {
                task.get();
            } catch (ExecutionException e) {
                failure = e.getCause() instanceof RuntimeException known ? known : new IllegalStateException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                failure = new NibbleException("interrupted while running on the HTP", "start again", e);
                break;
            }
        }
        if (failure != null) {
            throw failure;
        }
        return joined;
    }

    @Override
    public void close() {
        children.forEach(HtpChildModel::close);
        children.clear();
        compiledFor = Map.of();
    }
}
