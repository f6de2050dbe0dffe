package dev.nibble.pipeline.recover;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Tensors that have to outlive the run that made them, in memory up to a bound and in a temporary file beyond it.
/// Floats are kept in half precision where their size allows it; where a tensor lies changes nothing in its values.
///
/// The file has no name once it is open, so that nothing is left behind by a process that is killed. For one thread.
final class ActivationStore implements AutoCloseable {
    /// The largest number that half precision holds.
    private static final float HALF_MAX = 65504;

    private static final int CHUNK = 8192;

    private final long maxMemory;
    private long inMemory;
    private @Nullable FileChannel file;
    private long end;
    private final TreeMap<Long, Deque<Long>> freeBySize = new TreeMap<>();

    /// @param maxMemory bytes that tensors may take in memory; what is beyond goes to the file
    ActivationStore(long maxMemory) {
        this.maxMemory = maxMemory;
    }

    /// A tensor that was put here.
    final class Kept {
        private final Tensor shape;
        private final boolean half;
        private final long bytes;
        private final @Nullable Arena arena;
        private final long offset;
        private final long room;

        /// @param stored what is kept, in memory that the caller may use again
        private Kept(Tensor stored, boolean half) {
            this.half = half;
            bytes = stored.data().byteSize();
            boolean fits = inMemory + bytes <= maxMemory;
            arena = fits ? Arena.ofConfined() : null;
            if (arena != null) {
                MemorySegment data = arena.allocate(Math.max(1, bytes), 64);
                MemorySegment.copy(stored.data(), 0, data, 0, bytes);
                shape = new Tensor(stored.type(), stored.shape(), data.asSlice(0, bytes));
                inMemory += bytes;
                offset = -1;
                room = 0;
            } else {
                shape = stored;
                Map.Entry<Long, Deque<Long>> free = freeBySize.ceilingEntry(bytes);
                if (free == null) {
                    offset = end;
                    room = bytes;
                    end += bytes;
                } else {
                    offset = free.getValue().pop();
                    room = free.getKey();
                    if (free.getValue().isEmpty()) {
                        freeBySize.remove(room);
                    }
                }
                transfer(stored.data(), offset, true);
            }
        }

        /// The element type that [#read] gives.
        DataType type() {
            return half ? DataType.FLOAT : shape.type();
        }

        /// The tensor, in memory of `into` or the store's own.
        Tensor read(Arena into) {
            MemorySegment stored;
            if (arena != null) {
                stored = shape.data();
            } else {
                stored = into.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
                transfer(stored, offset, false);
            }
            return half ? floats(stored, into) : new Tensor(shape.type(), shape.shape(), stored);
        }

        private Tensor floats(MemorySegment stored, Arena into) {
            long elements = bytes / 2;
            MemorySegment data = into.allocate(4 * elements, 64);
            float[] floats = new float[CHUNK];
            short[] halves = new short[CHUNK];
            for (long from = 0; from < elements; from += CHUNK) {
                int count = (int) Math.min(CHUNK, elements - from);
                MemorySegment.copy(stored, Tensor.SHORT_LE, 2 * from, halves, 0, count);
                for (int i = 0; i < count; i++) {
                    floats[i] = Float.float16ToFloat(halves[i]);
                }
                MemorySegment.copy(floats, 0, data, Tensor.FLOAT_LE, 4 * from, count);
            }
            return new Tensor(DataType.FLOAT, shape.shape(), data);
        }

        /// Makes room for others.
        void free() {
            if (arena != null) {
                arena.close();
                inMemory -= bytes;
            } else {
                freeBySize.computeIfAbsent(room, size -> new ArrayDeque<>()).push(offset);
            }
        }
    }

    /// Keeps `tensor`, whose memory the caller may use again.
    Kept keep(Tensor tensor) {
        if (tensor.type() == DataType.FLOAT && tensor.elements() > 0) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment halves = halves(tensor, arena);
                if (halves != null) {
                    return new Kept(new Tensor(DataType.FLOAT16, tensor.shape(), halves), true);
                }
            }
        }
        return new Kept(tensor, false);
    }

    /// Half precision of `tensor`; null where a number is too large for it. Loops run over arrays, which the JIT
    /// vectorizes.
    private static @Nullable MemorySegment halves(Tensor tensor, Arena arena) {
        long elements = tensor.elements();
        MemorySegment data = arena.allocate(2 * elements, 64);
        float[] floats = new float[CHUNK];
        short[] halves = new short[CHUNK];
        for (long from = 0; from < elements; from += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - from);
            MemorySegment.copy(tensor.data(), Tensor.FLOAT_LE, 4 * from, floats, 0, count);
            float largest = 0;
            for (int i = 0; i < count; i++) {
                largest = Math.max(largest, Math.abs(floats[i]));
            }
            if (!(largest < HALF_MAX)) {
                return null;
            }
            for (int i = 0; i < count; i++) {
                halves[i] = Float.floatToFloat16(floats[i]);
            }
            MemorySegment.copy(halves, 0, data, Tensor.SHORT_LE, 2 * from, count);
        }
        return data;
    }

    private void transfer(MemorySegment data, long offset, boolean writing) {
        try {
            if (file == null) {
                file = unnamed();
            }
            ByteBuffer buffer = data.asByteBuffer();
            for (long at = offset; buffer.hasRemaining(); ) {
                int moved = writing ? file.write(buffer, at) : file.read(buffer, at);
                if (moved < 0) {
                    throw new IOException("the file is shorter than what was written to it");
                }
                at += moved;
            }
        } catch (IOException e) {
            throw new NibbleException(
                    "activations that do not fit into memory cannot be kept in '%s': %s"
                            .formatted(System.getProperty("java.io.tmpdir"), e.getMessage()),
                    "make room there, use fewer samples (--take), or allow more memory (--max-memory)",
                    e);
        }
    }

    private static FileChannel unnamed() throws IOException {
        Path path = Files.createTempFile("nibble-activations", null);
        return FileChannel.open(
                path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
    }

    /// Whether anything had to go to the file.
    boolean spilled() {
        return file != null;
    }

    @Override
    public void close() {
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                throw new NibbleException("a temporary file cannot be closed: " + e.getMessage(), "run again", e);
            }
        }
    }
}
