package dev.nibble.pipeline;

/// Told by long work how far it is; shown by whoever started the work, or by nobody.
///
/// An implementation may be called from several threads.
public interface Progress {
    /// Starts a stage of the work. Close it when done, or when the work failed.
    ///
    /// @param what what is being done, for a person: `calibrating`
    /// @param total the number of steps, or -1 where it is not known
    Stage begin(String what, long total);

    /// A progress that shows nothing.
    static Progress none() {
        return (what, total) -> steps -> {};
    }

    /// A stage under way.
    @FunctionalInterface
    interface Stage extends AutoCloseable {
        /// `steps` more are done.
        void advance(long steps);

        /// One more step is done.
        default void advance() {
            advance(1);
        }

        @Override
        default void close() {}
    }
}
