package dev.nibble.data;

import java.util.Iterator;

/// The batches of a data set in order. The next ones are read by a thread of their own while the consumer works; at
/// most two wait. Close it, also when it is left early.
public final class Batches implements Iterator<Batch>, AutoCloseable {
    Batches() {}

    /// @throws dev.nibble.graph.NibbleException where the next sample cannot be read
    @Override
    public boolean hasNext() {
        return false;
    }

    /// @throws dev.nibble.graph.NibbleException where the next sample cannot be read
    @Override
    public Batch next() {
        throw new java.util.NoSuchElementException();
    }

    @Override
    public void close() {}
}
