package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor.Optimization;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class StreamedRunTest {
    private static final int SAMPLES = 101;

    private final OrtExecutor executor = new OrtExecutor();
    private final Model model = SmallModels.convRelu();

    /// Samples in one buffer that every batch overwrites, as a reader of data does it.
    private static final class Samples implements Iterator<SampleBatch> {
        private final int batch;
        private final MemorySegment memory;
        private int next;

        Samples(int batch) {
            this.batch = batch;
            this.memory = Arena.ofAuto().allocate(batch * 32 * 4L, 64);
        }

        @Override
        public boolean hasNext() {
            return next < SAMPLES;
        }

        @Override
        public SampleBatch next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            int count = Math.min(batch, SAMPLES - next);
            for (int i = 0; i < count * 32; i++) {
                memory.set(Tensor.FLOAT_LE, i * 4L, (float) Math.sin(next * 32 + i));
            }
            SampleBatch made = new SampleBatch(
                    next,
                    count,
                    Map.of("x", new Tensor(DataType.FLOAT, Shape.of(count, 2, 4, 4), memory.asSlice(0, count * 128L))));
            next += count;
            return made;
        }
    }

    /// Sums by sample and value, which depend neither on the order nor on who gathers them.
    private static final class Sums implements TensorConsumer {
        final Map<String, Double> sums = new TreeMap<>();
        long last = -1;

        @Override
        public void accept(String value, Tensor tensor, long firstSample, int samples) {
            assertEquals(samples, tensor.shape().dim(0));
            assertTrue(firstSample >= last, "batches go back");
            last = firstSample;
            long each = tensor.elements() / samples;
            for (int s = 0; s < samples; s++) {
                double sum = 0;
                for (long i = 0; i < each; i++) {
                    sum += tensor.floatAt(s * each + i);
                }
                sums.put(value + "/" + (firstSample + s), sum);
            }
        }
    }

    private Map<String, Double> sums(int workers, int batch) {
        List<Sums> consumers = new ArrayList<>();
        for (int w = 0; w < workers; w++) {
            consumers.add(new Sums());
        }
        StreamedRun.over(
                executor,
                model,
                List.of("conv", "y", "x"),
                Map.of(),
                Optimization.DEFAULT,
                new StreamPlan(workers, 1, batch, 1),
                new Samples(batch),
                consumers);
        Map<String, Double> all = new TreeMap<>();
        consumers.forEach(c -> all.putAll(c.sums));
        return all;
    }

    @Test
    void handsOverEverySampleOnceWhateverTheThreadsAndBatches() {
        Map<String, Double> expected = sums(1, 1);
        assertEquals(3 * SAMPLES, expected.size());
        assertEquals(expected, sums(3, 1));
        assertEquals(expected, sums(1, 16));
        assertEquals(expected, sums(4, 7));
    }

    @Test
    void leavesPaddingOut() {
        Tensor x = OrtExecutorTest.random(3, 4, 2, 4, 4);
        Sums consumer = new Sums();
        StreamedRun.over(
                executor,
                model,
                List.of("y"),
                Map.of(),
                Optimization.DEFAULT,
                new StreamPlan(1, 1, 4, 1),
                List.of(new SampleBatch(0, 3, Map.of("x", x))).iterator(),
                List.of(consumer));
        assertEquals(List.of("y/0", "y/1", "y/2"), List.copyOf(consumer.sums.keySet()));
    }

    @Test
    void stopsAtAConsumersFailure() {
        TensorConsumer failing = (value, tensor, first, samples) -> {
            throw new NibbleException("sample " + first + " is odd", "look at it");
        };
        Samples samples = new Samples(1);
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> StreamedRun.over(
                        executor,
                        model,
                        List.of("y"),
                        Map.of(),
                        Optimization.DEFAULT,
                        new StreamPlan(2, 1, 1, 1),
                        samples,
                        List.of(failing, failing)));
        assertEquals("look at it", e.hint());
        assertTrue(samples.hasNext(), "it went on to the end");
    }

    @Test
    void stopsWhenInterrupted() {
        Thread.currentThread().interrupt();
        try {
            assertThrows(NibbleException.class, () -> sums(2, 1));
        } finally {
            assertTrue(Thread.interrupted(), "the interruption was swallowed");
        }
    }

    @Test
    void plansWithinTheMemory() {
        assertEquals(new StreamPlan(2, 1, 16, 1000), StreamPlan.of(1000, 2, 1 << 30, 0));
        // Three copies of 10 MB for each of two workers fit 60 MB once.
        assertEquals(new StreamPlan(2, 1, 1, 10_000_000), StreamPlan.of(10_000_000, 2, 60_000_000, 0));
        // Not even two workers fit: one, with both threads in its runs.
        assertEquals(new StreamPlan(1, 2, 1, 10_000_000), StreamPlan.of(10_000_000, 2, 1_000_000, 0));
        // A batch asked for is kept.
        assertEquals(new StreamPlan(4, 1, 32, 1000), StreamPlan.of(1000, 4, 1 << 30, 32));
    }

    @Test
    void measuresWhatASampleTakes() {
        Tensor x = OrtExecutorTest.random(3, 4, 2, 4, 4);
        // Input 2·16 floats, conv and y 3·16 each.
        assertEquals(
                4 * (32 + 48 + 48),
                StreamedRun.bytesPerSample(
                        executor, model, List.of("conv", "y"), new SampleBatch(0, 4, Map.of("x", x))));
    }
}
