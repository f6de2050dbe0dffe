package dev.nibble.graph.pass;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxMap;
import ai.onnxruntime.OnnxSequence;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Every model of ONNX's backend tests gives the same in ONNX Runtime before and after a round trip, and still what its
/// test expects (as far as it did before) after [Simplify]. What ONNX Runtime itself cannot run is written to
/// `target/conformance-not-run.txt`, with its reason.
@Tag("slow")
class ConformanceTest {
    /// The tolerances of ONNX's own backend test runner.
    private static final double RTOL = 1e-3;

    private static final double ATOL = 1e-7;

    /// Against ONNX's expectation instead of the same runtime's own result: two steps of float16, since the expectation
    /// was computed in float32.
    private static final double EXPECTED_RTOL = 2e-3;

    /// The newest opset that this ONNX Runtime supports.
    private static final long NEWEST_OPSET = 26;

    private static final Set<DataType> FED = Set.of(
            DataType.FLOAT,
            DataType.DOUBLE,
            DataType.FLOAT16,
            DataType.BFLOAT16,
            DataType.INT64,
            DataType.INT32,
            DataType.INT16,
            DataType.INT8,
            DataType.UINT8,
            DataType.BOOL,
            DataType.STRING);

    @Test
    void keepsMeaning() throws IOException {
        BackendCases cases = BackendCases.read(SharedData.path("conformance/onnx_backend.zip"));
        Map<String, String> notRun = new TreeMap<>();
        List<String> differ = new ArrayList<>();
        List<String> changed = new ArrayList<>();
        List<String> gained = new ArrayList<>();
        int ran = 0;
        for (BackendCases.Case one : cases.cases()) {
            Model model = ModelReader.read(MemorySegment.ofArray(one.model()), one.name(), null);
            Map<String, Object> before = null;
            try {
                before = run(one.model(), one);
                ran++;
                compare(
                        one.name() + " after the round trip",
                        before,
                        run(ModelWriter.toBytes(model), one),
                        0,
                        0,
                        differ);
            } catch (OrtException | RuntimeException e) {
                String why = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
                if (before == null) {
                    notRun.put(one.name(), why);
                } else {
                    differ.add(one.name() + " after the round trip: " + why);
                }
            }
            Simplify.Result result;
            try {
                result = new Simplify(Passes.all(new TestExecutor(), NEWEST_OPSET)).apply(model);
            } catch (NibbleException e) {
                if (before != null) {
                    differ.add(one.name() + " simplified: " + e.getMessage());
                }
                continue;
            }
            if (result.changed()) {
                changed.add(one.name());
            }
            byte[] simplified = ModelWriter.toBytes(result.model());
            try {
                if (before != null) {
                    compare(
                            one.name() + " simplified " + result.passes(),
                            before,
                            run(simplified, one),
                            RTOL,
                            ATOL,
                            differ);
                } else if (result.changed()) {
                    // ONNX Runtime does not run it as it is: then what the case expects is the measure.
                    Map<String, Object> after = run(simplified, one);
                    compare(
                            one.name() + " simplified against its expectation",
                            expected(one, after),
                            after,
                            EXPECTED_RTOL,
                            ATOL,
                            differ);
                    gained.add(one.name());
                }
            } catch (OrtException | RuntimeException e) {
                if (before != null) {
                    differ.add(one.name() + " simplified: " + e);
                }
            }
        }
        Path report = Path.of("target", "conformance-not-run.txt");
        List<String> lines = new ArrayList<>();
        lines.add(
                "%d of %d cases ran in ONNX Runtime, %d more once simplified; simplify changed %d; not run as they are:"
                        .formatted(ran, cases.cases().size(), gained.size(), changed.size()));
        notRun.forEach(
                (name, why) -> lines.add(name + (gained.contains(name) ? " (runs once simplified)" : "") + ": " + why));
        Files.createDirectories(report.getParent());
        Files.write(report, lines);
        assertEquals(List.of(), differ);
        assertTrue(ran + gained.size() >= 1050, lines.getFirst());
    }

    /// What the case expects of the outputs that `after` has.
    private static Map<String, Object> expected(BackendCases.Case one, Map<String, Object> after) throws IOException {
        Map<String, Object> expected = new LinkedHashMap<>();
        for (Map.Entry<String, Object> output : after.entrySet()) {
            expected.put(
                    output.getKey(),
                    output.getValue() instanceof Tensor
                                    && expected.size() < one.outputs().size()
                            ? BackendCases.tensor(one.outputs().get(expected.size()))
                                    .tensor()
                            : output.getValue());
        }
        return expected;
    }

    /// Names of outputs to arrays, or to lists of them.
    private static Map<String, Object> run(byte[] bytes, BackendCases.Case one) throws OrtException, IOException {
        Model read = ModelReader.read(MemorySegment.ofArray(one.model()), one.name(), null);
        Map<String, byte[]> constants = constants(read, one);
        byte[] model = BackendCases.runnable(bytes, constants);
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
            options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.NO_OPT);
            try (OrtSession session = TestExecutor.ENVIRONMENT.createSession(model, options)) {
                Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
                if (one.inputs().isEmpty()) {
                    for (Map.Entry<String, Tensor> made :
                            SimplifyCheck.inputs(read, new Random(5)).entrySet()) {
                        feeds.put(made.getKey(), TestExecutor.toOrt(made.getValue()));
                    }
                }
                Set<String> taken = session.getInputNames();
                List<ValueInfo> declared = read.graph().inputs();
                for (int i = 0; i < declared.size() && i < one.inputs().size(); i++) {
                    if (constants.containsKey(declared.get(i).name())
                            || !taken.contains(declared.get(i).name())) {
                        continue;
                    }
                    if (declared.get(i).tensorType().isEmpty()) {
                        throw new OrtException("ONNX Runtime's Java interface cannot feed a "
                                + declared.get(i).type());
                    }
                    feeds.put(
                            declared.get(i).name(),
                            feed(BackendCases.tensor(one.inputs().get(i))));
                }
                Map<String, Object> outputs = new LinkedHashMap<>();
                try (OrtSession.Result result = session.run(feeds, new LinkedHashSet<>(session.getOutputNames()))) {
                    for (Map.Entry<String, OnnxValue> output : result) {
                        outputs.put(output.getKey(), plain(output.getValue()));
                    }
                } finally {
                    feeds.values().forEach(OnnxTensor::close);
                }
                return outputs;
            }
        }
    }

    /// The inputs of types that cannot be fed from Java.
    private static Map<String, byte[]> constants(Model model, BackendCases.Case one) {
        Map<String, byte[]> constants = new LinkedHashMap<>();
        for (int i = 0; i < one.inputs().size() && i < model.graph().inputs().size(); i++) {
            ValueInfo input = model.graph().inputs().get(i);
            boolean fed = input.tensorType()
                    .map(t -> t.elementType().filter(FED::contains).isPresent())
                    .orElse(true);
            if (!fed) {
                constants.put(input.name(), one.inputs().get(i));
            }
        }
        return constants;
    }

    private static OnnxTensor feed(Initializer stored) throws OrtException {
        if (stored.storage() instanceof Initializer.Storage.Strings strings) {
            String[] texts = strings.values().stream()
                    .map(s -> new String(
                            s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE),
                            java.nio.charset.StandardCharsets.UTF_8))
                    .toArray(String[]::new);
            return OnnxTensor.createTensor(
                    TestExecutor.ENVIRONMENT, texts, stored.shape().dims());
        }
        return TestExecutor.toOrt(stored.tensor());
    }

    private static Object plain(OnnxValue value) throws OrtException {
        return switch (value) {
            case OnnxTensor tensor
            when tensor.getInfo().type == ai.onnxruntime.OnnxJavaType.STRING ->
                tensor.getInfo().getNumElements() == 0
                        ? List.of()
                        : java.util.Arrays.deepToString(new Object[] {tensor.getValue()});
            case OnnxTensor tensor -> TestExecutor.fromOrt(tensor);
            case OnnxSequence sequence -> {
                List<Object> all = new ArrayList<>();
                for (OnnxValue element : sequence.getValue()) {
                    all.add(plain(element));
                }
                yield all;
            }
            case OnnxMap map -> map.getValue().toString();
            default -> throw new OrtException("cannot be compared: " + value);
        };
    }

    private static void compare(
            String what, Object before, Object after, double rtol, double atol, List<String> differ) {
        switch (before) {
            case Map<?, ?> outputs -> {
                Map<?, ?> others = (Map<?, ?>) after;
                if (!outputs.keySet().equals(others.keySet())) {
                    differ.add(what + ": outputs " + outputs.keySet() + " became " + others.keySet());
                    return;
                }
                outputs.forEach((name, value) -> compare(
                        what + ", output " + name,
                        value,
                        java.util.Objects.requireNonNull(others.get(name)),
                        rtol,
                        atol,
                        differ));
            }
            case List<?> elements -> {
                List<?> others = (List<?>) after;
                if (elements.size() != others.size()) {
                    differ.add(what + ": another length");
                    return;
                }
                for (int i = 0; i < elements.size(); i++) {
                    compare(what, elements.get(i), others.get(i), rtol, atol, differ);
                }
            }
            case Tensor tensor -> {
                Tensor other = (Tensor) after;
                if (!tensor.shape().equals(other.shape()) || tensor.type() != other.type()) {
                    differ.add("%s: %s %s became %s %s"
                            .formatted(what, tensor.type(), tensor.shape(), other.type(), other.shape()));
                } else if (rtol == 0 || !Numbers.readable(tensor.type())) {
                    if (tensor.data().mismatch(other.data()) >= 0) {
                        differ.add(what + ": other bytes");
                    }
                } else {
                    for (long i = 0; i < tensor.elements(); i++) {
                        double a = Numbers.at(tensor, i);
                        double b = Numbers.at(other, i);
                        boolean same = a == b
                                || Double.isNaN(a) && Double.isNaN(b)
                                || Math.abs(a - b) <= atol + rtol * Math.abs(a);
                        if (!same) {
                            differ.add("%s: element %d was %s and is %s".formatted(what, i, a, b));
                            break;
                        }
                    }
                }
            }
            default -> {
                if (!before.equals(after)) {
                    differ.add(what + ": was " + before + ", is " + after);
                }
            }
        }
    }
}
