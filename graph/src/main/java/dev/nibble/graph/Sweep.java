package dev.nibble.graph;

import java.lang.foreign.MemorySegment;

/// One pass over a tensor from its first byte to its last that gives back the physical memory behind it.
///
/// The pages of a mapped file count as memory of the process for as long as nothing else wants them. A model larger than
/// memory is worked on within a few megabytes if every pass over its weights leaves none of them behind. What is given
/// back stays in the system's cache and in the file; reading it again costs a page fault. Memory that is not mapped from
/// a file is left alone.
public final class Sweep implements AutoCloseable {
    /// Bytes after which pages are given back.
    public static final long PIECE = 16L << 20;

    private final MemorySegment data;
    private final boolean mapped;
    private long released;

    /// @param data what is passed over
    public Sweep(MemorySegment data) {
        this.data = data;
        this.mapped = data.isMapped() && data.byteSize() >= 1 << 20;
    }

    /// Everything before byte `at` has been passed.
    public void passed(long at) {
        if (mapped && at - released >= PIECE) {
            data.asSlice(released, at - released).unload();
            released = at;
        }
    }

    /// All of it has been passed.
    @Override
    public void close() {
        if (mapped && released < data.byteSize()) {
            data.asSlice(released).unload();
            released = data.byteSize();
        }
    }

    /// Gives back the pages of `data`, which was read in whatever order.
    public static void release(MemorySegment data) {
        new Sweep(data).close();
    }
}
