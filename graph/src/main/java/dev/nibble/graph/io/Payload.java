package dev.nibble.graph.io;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Sweep;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// Bytes on their way into a file, which are not held in memory twice, nor longer than needed.
sealed interface Payload {
    long size();

    /// Writes all of it, in pieces: a buffer over a segment reaches 2 GiB at most.
    void writeTo(WritableByteChannel channel) throws IOException;

    /// Copies all of it into `target`, which has its size.
    void copyTo(MemorySegment target);

    /// Where the elements of a stored tensor come from.
    static Payload of(Initializer tensor) {
        return tensor.storage() instanceof Initializer.Storage.Computed computed
                ? new Computed(computed)
                : new Bytes(tensor.tensor().data());
    }

    /// Bytes that lie somewhere: in memory, or in a mapped file.
    record Bytes(MemorySegment data) implements Payload {
        @Override
        public long size() {
            return data.byteSize();
        }

        @Override
        public void writeTo(WritableByteChannel channel) throws IOException {
            try (Sweep sweep = new Sweep(data)) {
                for (long at = 0; at < data.byteSize(); at += Sweep.PIECE) {
                    put(data.asSlice(at, Math.min(Sweep.PIECE, data.byteSize() - at)), channel);
                    sweep.passed(at);
                }
            }
        }

        @Override
        public void copyTo(MemorySegment target) {
            target.copyFrom(data);
        }
    }

    /// Elements that are computed.
    record Computed(Initializer.Storage.Computed elements) implements Payload {
        @Override
        public long size() {
            return elements.length();
        }

        @Override
        public void writeTo(WritableByteChannel channel) throws IOException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment piece = arena.allocate(Math.max(1, Math.min(Sweep.PIECE, size())), 64);
                for (long at = 0; at < size(); at += Sweep.PIECE) {
                    MemorySegment filled = piece.asSlice(0, Math.min(Sweep.PIECE, size() - at));
                    elements.source().fill(at, filled);
                    put(filled, channel);
                }
            }
        }

        @Override
        public void copyTo(MemorySegment target) {
            for (long at = 0; at < size(); at += Sweep.PIECE) {
                elements.source().fill(at, target.asSlice(at, Math.min(Sweep.PIECE, size() - at)));
            }
        }
    }

    private static void put(MemorySegment data, WritableByteChannel channel) throws IOException {
        ByteBuffer buffer = data.asByteBuffer();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
