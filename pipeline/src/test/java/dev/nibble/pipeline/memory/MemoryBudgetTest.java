package dev.nibble.pipeline.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.calibrate.Calibration;
import dev.nibble.pipeline.calibrate.OutputErrors;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.Finding;
import dev.nibble.run.OrtExecutor;
import dev.nibble.run.PeakMemory;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `--max-memory` does: passes that see what one pass sees, and an error that says what is needed.
class MemoryBudgetTest {
    private static final OrtExecutor EXECUTOR = new OrtExecutor();
    private static final int WIDTH = 1024;
    private static final int ROWS = 64;
    private static final List<String> VALUES = List.of("x", "h0", "h1", "h2", "h3");

    /// One value of one sample: 64 × 1024 floats.
    private static final long VALUE = 4L * ROWS * WIDTH;

    @TempDir
    private Path directory;

    @Test
    void sizesFollowFromTheSample() {
        Tensor sample = Tensor.of(Shape.of(1, ROWS, WIDTH), new float[ROWS * WIDTH]);
        ValueSizes sizes = ValueSizes.of(chain(), VALUES, Map.of("x", sample), EXECUTOR);
        VALUES.forEach(value -> assertEquals(VALUE, sizes.of(value), value));
        assertEquals(VALUE, sizes.inputs());
        assertEquals(2 * VALUE, sizes.live(), "a node's input and its output");
        assertEquals(1, sizes.rows());
    }

    /// Several passes give the observations of one, bit for bit.
    @Test
    void passesSeeWhatOnePassSees() throws IOException {
        try (DataSet data = samples()) {
            List<String> said = new ArrayList<>();
            Map<String, Observation> whole = observe(data, MemoryBudget.DEFAULT, said);
            // Room for the run and two of the values that are fetched (h0 and h2 follow from x and h1), each of which
            // is
            // held three times.
            long limit = (long) ((3 * VALUE + 2 * 3 * VALUE) / 0.75) + 1;
            Map<String, Observation> parts = observe(data, new MemoryBudget(limit, true), said);
            assertEquals(List.of("calibrating", "calibrating in 2 passes, as --max-memory asks"), said);
            assertEquals(whole.keySet(), parts.keySet());
            whole.forEach((value, expected) -> assertSame(value, expected, parts.get(value)));
        }
    }

    /// A value that is another one times a constant is known from that as exactly as from itself.
    @Test
    void scaledValuesAreSeenInWhatTheyAreScaledFrom() throws IOException {
        try (DataSet data = samples()) {
            Map<String, Observation> derived = observe(data, MemoryBudget.DEFAULT, new ArrayList<>());
            for (String value : List.of("h0", "h2")) {
                Observation fetched = observe(List.of(value), data, MemoryBudget.DEFAULT, new ArrayList<>())
                        .get(value);
                assertSame(value, fetched, derived.get(value));
            }
        }
    }

    private static void assertSame(String value, Observation expected, Observation seen) {
        assertEquals(expected.histogram().count(), seen.histogram().count(), value);
        assertEquals(expected.histogram().min(), seen.histogram().min(), value);
        assertEquals(expected.histogram().max(), seen.histogram().max(), value);
        double[] bins = expected.histogram().linear(-1, 1, 64);
        double[] others = seen.histogram().linear(-1, 1, 64);
        for (int i = 0; i < bins.length; i++) {
            assertEquals(bins[i], others[i], value + " bin " + i);
        }
    }

    /// What a limit is too small for is said with what is needed, and a limit of that much works.
    @Test
    void saysWhatASingleSampleNeeds() throws IOException {
        try (DataSet data = samples()) {
            NibbleException e = assertThrows(
                    NibbleException.class, () -> observe(data, new MemoryBudget(VALUE, true), new ArrayList<>()));
            assertTrue(e.getMessage().contains("for a single sample ("), e.getMessage());
            long megabytes = Long.parseLong(e.hint().replaceAll(".*--max-memory (\\d+)m.*", "$1"));
            assertTrue(megabytes >= 2 && megabytes <= 4, e.hint());
            assertEquals(
                    VALUES.size(),
                    observe(data, new MemoryBudget(megabytes << 20, true), new ArrayList<>())
                            .size());
        }
    }

    /// The outputs of a group of layers show the same errors alone as among all.
    @Test
    void groupsOfLayersHaveTheErrorsOfAll() throws IOException {
        Encoding coarse = Encoding.ofRange(-2, 2, 4, Symmetry.ASYMMETRIC);
        Map<String, Encoding> encodings = new LinkedHashMap<>();
        VALUES.forEach(value -> encodings.put(value, coarse));
        try (DataSet data = samples()) {
            ValueSizes sizes = ValueSizes.of(chain(), VALUES, data.sample(0), EXECUTOR);
            Map<String, OutputErrors.Cost> expected = null;
            int groups = 0;
            for (MemoryBudget budget : List.of(MemoryBudget.DEFAULT, new MemoryBudget(24 * VALUE, true))) {
                OutputErrors errors = new OutputErrors(
                        chain(),
                        VALUES,
                        EXECUTOR,
                        new dev.nibble.graph.Executor.Options(1, dev.nibble.graph.Executor.Optimization.DEFAULT));
                groups = errors.groups(VALUES, budget, sizes).size();
                errors.groups(VALUES, budget, sizes)
                        .forEach(group -> errors.add(group, data.size(), data::sample, Map.of("coarse", encodings)));
                assertEquals(expected == null ? errors.costs() : expected, errors.costs());
                expected = errors.costs();
            }
            assertTrue(groups > 1, "the limit asks for groups");
            assertEquals(4, expected.size(), "the last value reaches nothing");
        }
    }

    @Test
    void whatTheProcessTookBeyondTheLimitIsSaid() {
        long megabyte = 1 << 20;
        MemoryBudget budget = new MemoryBudget(300 * megabyte, true);
        assertTrue(
                budget.exceeded(new PeakMemory(500 * megabyte, true), chain()).isEmpty(), "200 MB for itself");
        PeakMemory more = new PeakMemory(700 * megabyte, true);
        Finding finding = budget.exceeded(more, chain()).orElseThrow();
        assertEquals("M108", finding.code());
        assertTrue(finding.text().contains("took 700 MB at most: more than --max-memory 300 MB"), finding.text());
        assertTrue(
                new MemoryBudget(300 * megabyte, false).exceeded(more, chain()).isEmpty(), "no limit was set");
        PeakMemory heap = new PeakMemory(700 * megabyte, false);
        assertTrue(budget.exceeded(heap, chain()).isEmpty(), "the system does not tell");
    }

    private Map<String, Observation> observe(DataSet data, MemoryBudget budget, List<String> said) {
        return observe(VALUES, data, budget, said);
    }

    private Map<String, Observation> observe(
            List<String> values, DataSet data, MemoryBudget budget, List<String> said) {
        Progress progress = (what, total) -> {
            said.add(what);
            return steps -> {};
        };
        return Calibration.observe(chain(), values, data, EXECUTOR, 1, budget, 0, new Doctor(), progress);
    }

    private DataSet samples() throws IOException {
        Path file = directory.resolve("x.npy");
        if (!Files.exists(file)) {
            int samples = 3;
            String header =
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }".formatted(samples, ROWS, WIDTH);
            String padded = header + " ".repeat(117 - header.length()) + "\n";
            ByteBuffer content = ByteBuffer.allocate(samples * ROWS * WIDTH * 4).order(ByteOrder.LITTLE_ENDIAN);
            Random random = new Random(3);
            while (content.hasRemaining()) {
                content.putFloat((float) random.nextGaussian());
            }
            try (OutputStream out = Files.newOutputStream(file)) {
                out.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0});
                out.write(padded.getBytes(StandardCharsets.US_ASCII));
                out.write(content.array());
            }
        }
        return DataSet.open(
                file, DataOptions.NONE, List.of(new InputSpec("x", DataType.FLOAT, new long[] {-1, ROWS, WIDTH})));
    }

    /// Four products of a value with a constant, one after the other.
    private static Model chain() {
        List<Node> nodes = new ArrayList<>();
        List<Initializer> weights = new ArrayList<>();
        String at = "x";
        for (int i = 0; i < 4; i++) {
            weights.add(Initializer.of("w" + i, Tensor.of(Shape.of(1), 0.9f - 0.1f * i)));
            nodes.add(Node.of("n" + i, i % 2 == 0 ? "Mul" : "Sub", List.of(at, "w" + i), List.of("h" + i)));
            at = "h" + i;
        }
        ValueType type = new ValueType.TensorType(
                DataType.FLOAT.code(),
                List.of(new Dim.Symbol("batch"), new Dim.Known(ROWS), new Dim.Known(WIDTH)),
                null);
        return Model.of(
                8,
                17,
                Graph.of("chain", nodes, weights, List.of(new ValueInfo("x", type)), List.of(new ValueInfo(at, type))));
    }
}
