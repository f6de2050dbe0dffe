package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/// The batches of a data set in order. The next ones are read by a thread of their own while the consumer works; at
/// most two wait, in memory that is used again. Close it, also when it is left early. For one consuming thread.
public final class Batches implements Iterator<Batch>, AutoCloseable {
    private static final int SLOTS = 3;

    private final DataSet set;
    private final int rows;
    private final @Nullable Doctor doctor;
    private final boolean allowNonFinite;
    private final List<Slot> slots = List.of(new Slot(), new Slot(), new Slot());
    private final BlockingQueue<Slot> free = new ArrayBlockingQueue<>(SLOTS, false, slots);
    private final BlockingQueue<Event> ready = new ArrayBlockingQueue<>(SLOTS + 1);
    private final Thread reader;
    private volatile boolean closed;
    private @Nullable Event next;
    private @Nullable Slot lent;

    private sealed interface Event {
        record Ready(Batch batch, Slot slot) implements Event {}

        record Failed(Throwable cause) implements Event {}

        record End() implements Event {}
    }

    Batches(DataSet set, int batch, @Nullable Doctor doctor, boolean allowNonFinite) {
        this.set = set;
        this.rows = set.rows(batch);
        this.doctor = doctor;
        this.allowNonFinite = allowNonFinite;
        this.reader = Thread.ofPlatform().daemon().name("nibble-samples").start(this::read);
    }

    /// @throws NibbleException where the next sample cannot be read
    @Override
    public boolean hasNext() {
        if (closed) {
            return false;
        }
        if (next == null) {
            next = take(ready);
        }
        return switch (next) {
            case Event.Ready _ -> true;
            case Event.End _ -> false;
            case Event.Failed(Throwable cause) -> throw rethrown(cause);
        };
    }

    /// @throws NibbleException where the next sample cannot be read
    @Override
    public Batch next() {
        if (!hasNext() || !(next instanceof Event.Ready(Batch batch, Slot slot))) {
            throw new NoSuchElementException();
        }
        next = null;
        if (lent != null) {
            free.add(lent);
        }
        lent = slot;
        return batch;
    }

    /// Stops reading and frees the memory of all batches.
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        reader.interrupt();
        boolean interrupted = false;
        while (reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        for (Slot slot : slots) {
            slot.free();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void read() {
        Event last = new Event.End();
        try {
            fill();
        } catch (InterruptedException e) {
            // Closed early: nobody waits.
            return;
        } catch (Throwable e) {
            last = new Event.Failed(e);
        }
        // Room is certain: at most one event a slot is under way, and this one.
        ready.add(last);
    }

    private void fill() throws InterruptedException {
        Assembler assembler = new Assembler(set);
        Slot slot = null;
        List<Fit> fits = List.of();
        int filled = 0;
        for (long index = 0; index < set.size() && !closed; index++) {
            assembler.prepare(index, allowNonFinite);
            if (slot != null && !assembler.fits(fits)) {
                ready.put(batch(slot, fits, index - filled, filled));
                slot = null;
            }
            if (slot == null) {
                slot = free.take();
                fits = assembler.fits();
                slot.reserve(set.inputs(), fits, rows);
                filled = 0;
            }
            assembler.write(slot.memory, filled);
            if (doctor != null) {
                doctor.look(set, index, assembler.outcomes(), slot.memory, filled);
            }
            filled++;
            if (filled == rows) {
                ready.put(batch(slot, fits, index + 1 - filled, filled));
                slot = null;
            }
        }
        if (slot != null && !closed) {
            ready.put(batch(slot, fits, set.size() - filled, filled));
        }
    }

    private Event batch(Slot slot, List<Fit> fits, long first, int filled) {
        int full = filled;
        if (set.batchIsFixed()) {
            full = rows;
            for (int i = 0; i < fits.size(); i++) {
                long bytes = Assembler.bytes(set.inputs().get(i), fits.get(i));
                for (int row = filled; row < rows; row++) {
                    MemorySegment.copy(
                            slot.memory.get(i), (filled - 1) * bytes, slot.memory.get(i), row * bytes, bytes);
                }
            }
        }
        List<Label> labels = new ArrayList<>();
        for (int row = 0; row < filled && set.labelled(); row++) {
            labels.add(set.label(first + row).orElseThrow());
        }
        return new Event.Ready(
                new Batch(first, filled, Assembler.tensors(set.inputs(), fits, slot.memory, full), labels), slot);
    }

    private static <T> T take(BlockingQueue<T> queue) {
        try {
            return queue.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NibbleException("interrupted while waiting for samples", "run again", e);
        }
    }

    /// The reader's failure, in the consumer's thread.
    private static RuntimeException rethrown(Throwable cause) {
        return switch (cause) {
            case NibbleException e -> new NibbleException(String.valueOf(e.getMessage()), e.hint(), e);
            case Error e -> throw e;
            default -> new IllegalStateException("reading samples failed", cause);
        };
    }

    /// Memory of one batch: a segment an input, grown when needed.
    private static final class Slot {
        private @Nullable Arena arena;
        private List<MemorySegment> memory = List.of();

        @SuppressWarnings("MustBeClosedChecker") // closed by free()
        void reserve(List<InputSpec> inputs, List<Fit> fits, int rows) {
            boolean enough = !memory.isEmpty();
            for (int i = 0; i < inputs.size() && enough; i++) {
                enough = memory.get(i).byteSize() >= Assembler.bytes(inputs.get(i), fits.get(i)) * rows;
            }
            if (enough) {
                return;
            }
            free();
            Arena fresh = Arena.ofShared();
            arena = fresh;
            List<MemorySegment> segments = new ArrayList<>();
            for (int i = 0; i < inputs.size(); i++) {
                long bytes = Assembler.bytes(inputs.get(i), fits.get(i)) * rows;
                if (bytes > Integer.MAX_VALUE) {
                    throw new NibbleException(
                            "a batch of %d for input '%s' takes %d bytes"
                                    .formatted(rows, inputs.get(i).name(), bytes),
                            "use a smaller --batch");
                }
                segments.add(fresh.allocate(bytes, 64));
            }
            memory = segments;
        }

        void free() {
            if (arena != null) {
                arena.close();
                arena = null;
            }
            memory = List.of();
        }
    }
}
