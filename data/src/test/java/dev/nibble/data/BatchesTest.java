package dev.nibble.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;

/// Reading ahead: overlapped, bounded, in memory that is used again.
class BatchesTest {
    private static final List<InputSpec> INPUT = List.of(new InputSpec("x", DataType.FLOAT, new long[] {-1, 4}));

    private static DataSet set(long size, LongConsumer onRead) {
        Samples samples = new Samples() {
            @Override
            public List<Field> fields() {
                return List.of(new Field("", DataType.FLOAT, new long[] {4}, false));
            }

            @Override
            public long size() {
                return size;
            }

            @Override
            public Tensor read(long index, int field) {
                onRead.accept(index);
                return Tensor.of(Shape.of(4), index, 1, 2, 3);
            }
        };
        return DataSet.of(samples, DataOptions.NONE, INPUT);
    }

    @Test
    void memoryDoesNotGrowWithTheSamples() {
        try (DataSet set = set(5_000, i -> {});
                Batches batches = set.batches(4)) {
            Set<Long> addresses = new HashSet<>();
            long next = 0;
            while (batches.hasNext()) {
                Tensor tensor = batches.next().inputs().get("x");
                addresses.add(tensor.data().address());
                assertTrue(tensor.data().isNative());
                for (int row = 0; row < 4; row++) {
                    assertEquals(next++, tensor.floatAt(row * 4L));
                }
            }
            assertTrue(addresses.size() <= 3, addresses.toString());
        }
    }

    @Test
    void theNextBatchesAreReadMeanwhileButNoMoreThanThat() throws Exception {
        AtomicLong furthest = new AtomicLong();
        CountDownLatch ahead = new CountDownLatch(1);
        LongConsumer onRead = i -> {
            furthest.accumulateAndGet(i, Math::max);
            if (i >= 8) {
                ahead.countDown();
            }
        };
        try (DataSet set = set(1_000, onRead);
                Batches batches = set.batches(4)) {
            batches.next();
            // One batch is in hand (samples 0 to 3): two more are read without being asked for.
            assertTrue(ahead.await(20, TimeUnit.SECONDS));
            Thread.sleep(50);
            // Samples 4 to 11 wait, and one more sample is prepared to see whether its shape is the same.
            assertTrue(furthest.get() <= 12, "read up to " + furthest.get());
        }
    }

    @Test
    void aFailureReachesTheConsumerAfterWhatWasReadBefore() {
        LongConsumer onRead = i -> {
            if (i == 6) {
                throw new NibbleException("sample 6 is broken", "mend it");
            }
        };
        try (DataSet set = set(10, onRead);
                Batches batches = set.batches(2)) {
            for (int i = 0; i < 3; i++) {
                assertEquals(2L * i, batches.next().first());
            }
            NibbleException e = assertThrows(NibbleException.class, batches::next);
            assertEquals("sample 6 is broken", e.getMessage());
            assertEquals("mend it", e.hint());
        }
    }
}
