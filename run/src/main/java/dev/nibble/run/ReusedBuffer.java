package dev.nibble.run;

import dev.nibble.graph.NibbleException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/// Native memory that is used again and again and grows where more is needed.
final class ReusedBuffer implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    private @Nullable Arena arena;
    private MemorySegment memory = MemorySegment.NULL;

    /// Memory of `bytes` bytes; what was handed out before is void where it had to grow.
    @SuppressWarnings("MustBeClosedChecker") // Closed by #close, which whoever owns this buffer calls.
    MemorySegment take(long bytes) {
        if (arena == null || memory.byteSize() < bytes) {
            close();
            Arena fresh = Arena.ofShared();
            arena = fresh;
            memory = fresh.allocate(Math.max(1, bytes), ALIGNMENT);
        }
        return memory.asSlice(0, bytes);
    }

    @Override
    public void close() {
        if (arena != null) {
            arena.close();
            arena = null;
            memory = MemorySegment.NULL;
        }
    }

    /// Native memory as the buffer that ONNX Runtime's Java interface takes.
    ///
    /// @param what whose memory it is, for the message
    /// @throws NibbleException where it is more than one buffer holds
    static ByteBuffer bufferOver(MemorySegment memory, String what) {
        if (memory.byteSize() > Integer.MAX_VALUE) {
            throw new NibbleException(
                    "%s takes %d bytes, and one run takes tensors of at most 2 GiB".formatted(what, memory.byteSize()),
                    "run fewer samples at a time (--batch, --max-memory)");
        }
        return memory.asByteBuffer().order(ByteOrder.nativeOrder());
    }
}
