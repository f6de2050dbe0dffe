package dev.nibble.run;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A model that ONNX Runtime has loaded.
///
/// Inputs in native memory (a mapped file, an arena) are read in place. Results stand in memory of the session's
/// own that is used again: ONNX Runtime writes there itself from the second run with inputs of the same shapes on, and with
/// inputs of other shapes where the results' can be told ([OutputShapes]).
public final class OrtModel implements Executor.Session {
    /// So often may results have other shapes than expected before none are expected any more.
    private static final int REFUSALS = 3;

    private final String name;
    private final List<String> fetches;
    private final Fetching fetching;
    private final @Nullable OrtEnvironment environment;
    private final @Nullable OrtSession session;
    /// How many models share [#session].
    private final AtomicInteger sharers;
    private final Graph declared;
    private final InputFeed feed;
    private final Map<String, ReusedBuffer> buffers = new HashMap<>();
    private final Map<String, OnnxTensor> pinned = new LinkedHashMap<>();
    private final Map<String, Tensor> pinnedTensors = new HashMap<>();
    private final Map<String, DataType> types = new HashMap<>();
    private final OutputShapes resultShapes = new OutputShapes();
    private Map<String, Long> expected = Map.of();
    private Map<String, Shape> pinnedFor = Map.of();
    private int refused;
    private boolean closed;

    OrtModel(Model model, List<String> fetches, Fetching fetching, OrtEnvironment environment, OrtSession session)
            throws OrtException {
        this.name = model.graph().name();
        this.fetches = List.copyOf(fetches);
        this.fetching = fetching;
        this.environment = environment;
        this.session = session;
        this.sharers = new AtomicInteger(1);
        this.declared = model.graph();
        try {
            feed = new InputFeed(model.graph(), fetching.carriers(), session.getInputNames());
            for (NodeInfo output : session.getOutputInfo().values()) {
                requireTensor(output);
            }
        } catch (NibbleException | OrtException e) {
            session.close();
            throw e;
        }
    }

    private OrtModel(Model model, List<String> fetches, Fetching fetching) {
        this.name = model.graph().name();
        this.fetches = List.copyOf(fetches);
        this.fetching = fetching;
        this.environment = null;
        this.session = null;
        this.sharers = new AtomicInteger(1);
        this.declared = model.graph();
        this.feed = new InputFeed(declared, fetching.carriers(), Set.of());
    }

    private OrtModel(OrtModel other) {
        this.name = other.name;
        this.fetches = other.fetches;
        this.fetching = other.fetching;
        this.environment = other.environment;
        this.session = other.session;
        this.sharers = other.sharers;
        this.declared = other.declared;
        this.feed = new InputFeed(declared, fetching.carriers(), other.feed.taken());
    }

    /// The same loaded model for another thread: the weights are shared, the memory of inputs and results is its own.
    /// Each is closed by itself.
    public OrtModel sibling() {
        requireOpen();
        sharers.incrementAndGet();
        return new OrtModel(this);
    }

    /// Takes memory for results of up to so many bytes at once, in place of growing with each longer sample.
    ///
    /// @param bytes by the name of the value; others grow
    void expect(Map<String, Long> bytes) {
        expected = Map.copyOf(bytes);
    }

    /// A session that computes nothing: all that is fetched is an input or a stored constant.
    static OrtModel ofNothing(Model model, List<String> fetches, Fetching fetching) {
        return new OrtModel(model, fetches, fetching);
    }

    private void requireTensor(NodeInfo output) {
        boolean numbers = output.getInfo() instanceof TensorInfo tensor
                && ElementTypes.of(tensor.onnxType)
                        .filter(t -> t != DataType.STRING)
                        .isPresent();
        if (!numbers) {
            throw new NibbleException(
                    "model '%s': value '%s' cannot be handed out, it is %s"
                            .formatted(name, output.getName(), describe(output)),
                    "fetch a tensor of numbers instead");
        }
    }

    private static String describe(NodeInfo output) {
        return output.getInfo() instanceof TensorInfo tensor
                ? "a tensor of a type that ONNX Runtime's Java interface does not hand out (" + tensor.type + ")"
                : "no tensor but a sequence, map or optional value";
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        requireOpen();
        feed.check(name, inputs);
        Map<String, Tensor> computed = session == null ? Map.of() : compute(inputs, session);
        Map<String, Tensor> results = new LinkedHashMap<>();
        for (String fetch : fetches) {
            Tensor constant = fetching.constants().get(fetch);
            Tensor made = constant != null ? constant : computed.get(fetch);
            Tensor given = made != null ? made : inputs.get(fetch);
            if (given == null) {
                throw new NibbleException(
                        "input '%s' was fetched, but not fed".formatted(fetch), "feed it, or do not fetch it");
            }
            results.put(fetch, given);
        }
        return results;
    }

    /// Runs once, writing the fetched values into memory of the caller's.
    ///
    /// @param outputs for each fetched value that a node computes, a tensor of exactly its type and shape in native
    ///     memory
    /// @throws NibbleException as [#run]; also where an output does not fit
    public void runInto(Map<String, Tensor> inputs, Map<String, Tensor> outputs) {
        requireOpen();
        feed.check(name, inputs);
        if (session == null) {
            return;
        }
        Map<String, OnnxTensor> pins = new LinkedHashMap<>();
        try (InputFeed.Fed fed = feed.feed(environment(), inputs)) {
            for (String output : fetching.computed()) {
                Tensor target = outputs.get(output);
                if (target == null) {
                    throw new IllegalArgumentException("no memory for '" + output + "'");
                }
                pins.put(output, pin(output, target));
            }
            session.run(fed.tensors(), pins).close();
        } catch (OrtException e) {
            throw OrtFailure.of(name, "cannot be run", e);
        } finally {
            OnnxValue.close(pins);
        }
    }

    private Map<String, Tensor> compute(Map<String, Tensor> inputs, OrtSession session) {
        Map<String, Shape> shapes = new HashMap<>();
        inputs.forEach((input, tensor) -> shapes.put(input, tensor.shape()));
        try (InputFeed.Fed fed = feed.feed(environment(), inputs)) {
            if (refused < REFUSALS) {
                if (!shapes.equals(pinnedFor)) {
                    forget();
                    pin(resultShapes.of(shapes));
                    pinnedFor = shapes;
                }
                Optional<Map<String, Tensor>> made = pinned.isEmpty() ? Optional.empty() : again(fed, session);
                if (made.isPresent()) {
                    return made.get();
                }
                refused += pinned.isEmpty() ? 0 : 1;
            }
            forget();
            Map<String, Tensor> made = first(fed, session);
            Map<String, Shape> results = new HashMap<>();
            made.forEach((result, tensor) -> results.put(result, tensor.shape()));
            resultShapes.learn(shapes, results);
            if (refused < REFUSALS) {
                pin(results);
                pinnedFor = shapes;
            }
            return made;
        } catch (OrtException e) {
            throw OrtFailure.of(name, "cannot be run", e);
        }
    }

    /// Memory for the results of these shapes, into which the next run writes.
    private void pin(Map<String, Shape> results) throws OrtException {
        for (Map.Entry<String, Shape> result : results.entrySet()) {
            DataType type = types.get(result.getKey());
            if (type != null && ElementTypes.shared(type).isPresent()) {
                Tensor tensor = memory(result.getKey(), type, result.getValue());
                pinned.put(result.getKey(), pin(result.getKey(), tensor));
                pinnedTensors.put(result.getKey(), tensor);
            }
        }
    }

    private Tensor memory(String result, DataType type, Shape shape) {
        long bytes = type.bytes(shape.elements());
        long room = Math.max(bytes, expected.getOrDefault(result, 0L));
        ReusedBuffer buffer = buffers.computeIfAbsent(result, r -> new ReusedBuffer());
        return new Tensor(type, shape, buffer.take(room).asSlice(0, bytes));
    }

    /// Runs into memory that is there already; empty where the results have other shapes than expected, which may depend on
    /// the inputs' values then.
    private Optional<Map<String, Tensor>> again(InputFeed.Fed fed, OrtSession session) throws OrtException {
        Set<String> rest = new LinkedHashSet<>(fetching.computed());
        rest.removeAll(pinned.keySet());
        try (OrtSession.Result result = session.run(fed.tensors(), rest, pinned)) {
            Map<String, Tensor> made = new HashMap<>(pinnedTensors);
            for (String fetch : rest) {
                made.put(fetch, copied(fetch, result));
            }
            return Optional.of(made);
        } catch (OrtException e) {
            return Optional.empty();
        }
    }

    private Map<String, Tensor> first(InputFeed.Fed fed, OrtSession session) throws OrtException {
        try (OrtSession.Result result = session.run(fed.tensors(), new LinkedHashSet<>(fetching.computed()))) {
            Map<String, Tensor> made = new HashMap<>();
            for (String fetch : fetching.computed()) {
                Tensor tensor = copied(fetch, result);
                made.put(fetch, tensor);
                types.put(fetch, tensor.type());
            }
            return made;
        }
    }

    private Tensor copied(String fetch, OrtSession.Result result) {
        OnnxValue value = result.get(fetch).orElseThrow();
        if (!(value instanceof OnnxTensor tensor)) {
            throw new NibbleException(
                    "model '%s': value '%s' is missing or no tensor".formatted(name, fetch),
                    "fetch a tensor of numbers instead");
        }
        DataType type = ElementTypes.of(tensor.getInfo().onnxType).orElseThrow();
        Shape shape = Shape.of(tensor.getInfo().getShape());
        Tensor own = memory(fetch, type, shape);
        own.data().copyFrom(MemorySegment.ofBuffer(tensor.getByteBuffer()));
        return own;
    }

    private OnnxTensor pin(String fetch, Tensor target) throws OrtException {
        OnnxJavaType type = ElementTypes.shared(target.type())
                .orElseThrow(() -> new NibbleException(
                        "value '%s' is of type %s, which ONNX Runtime's Java interface cannot write in place"
                                .formatted(fetch, target.type().onnxName()),
                        "leave it out of what is fetched"));
        return OnnxTensor.createTensor(
                environment(),
                ReusedBuffer.bufferOver(target.data(), "value '" + fetch + "'"),
                target.shape().dims(),
                type);
    }

    private void forget() {
        OnnxValue.close(pinned);
        pinned.clear();
        pinnedTensors.clear();
        pinnedFor = Map.of();
    }

    private OrtEnvironment environment() {
        if (environment == null) {
            throw new IllegalStateException("nothing is computed");
        }
        return environment;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the session of model '" + name + "' is closed");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        forget();
        feed.close();
        buffers.values().forEach(ReusedBuffer::close);
        try {
            if (session != null && sharers.decrementAndGet() == 0) {
                session.close();
                NativeHeap.trim();
            }
        } catch (OrtException e) {
            throw OrtFailure.of(name, "cannot be closed", e);
        }
    }

    /// Ends the profiling of [OrtExecutor#openProfiled].
    ///
    /// @return the profile's file, a Chrome trace; empty where nothing was computed
    public String endProfiling() {
        try {
            return session == null ? "" : session.endProfiling();
        } catch (OrtException e) {
            throw OrtFailure.of(name, "cannot be profiled", e);
        }
    }

    /// The names of the values that nodes compute, in the order fetched.
    List<String> computed() {
        return new ArrayList<>(fetching.computed());
    }
}
