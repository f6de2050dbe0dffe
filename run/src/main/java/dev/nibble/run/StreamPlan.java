package dev.nibble.run;

/// How samples are spread over threads and runs.
///
/// Each worker runs batches of its own and hands over their tensors itself, while they are still in its cache. No
/// thread waits for another, and what one run leaves serial is hidden by the others.
///
/// @param workers how many batches are under way at once
/// @param threadsEach threads within one run
/// @param batch samples a run
/// @param bytesPerSample bytes of inputs and fetched values that one sample takes
public record StreamPlan(int workers, int threadsEach, int batch, long bytesPerSample) {
    /// Larger batches save nothing more per run.
    private static final int LARGEST_BATCH = 16;

    /// Buffers larger than this leave the caches without saving anything.
    private static final long BATCH_BYTES = 32L << 20;

    /// ONNX Runtime needs about as much again as what it hands out, and as much for a first run.
    public static final int COPIES = 3;

    public StreamPlan {
        if (workers < 1 || threadsEach < 1 || batch < 1) {
            throw new IllegalArgumentException("workers, threads and batch must be at least 1, but were %d, %d, %d"
                    .formatted(workers, threadsEach, batch));
        }
    }

    /// A plan that keeps the buffers of all workers within `maxMemory`, or one sample at a time where even that is
    /// more.
    ///
    /// @param bytesPerSample as [StreamedRun#bytesPerSample] tells
    /// @param threads threads in all; 0 for as many as there are processors
    /// @param maxMemory bytes
    /// @param batch samples a run; 0 leaves the choice to the plan
    public static StreamPlan of(long bytesPerSample, int threads, long maxMemory, int batch) {
        int all = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
        long room = Math.max(1, maxMemory / (COPIES * Math.max(1, bytesPerSample)));
        int workers = (int) Math.min(all, batch > 0 ? Math.max(1, room / batch) : room);
        long best = Math.clamp(BATCH_BYTES / Math.max(1, bytesPerSample), 1, LARGEST_BATCH);
        int chosen = batch > 0 ? batch : (int) Math.clamp(room / workers, 1, best);
        return new StreamPlan(workers, Math.max(1, all / workers), chosen, bytesPerSample);
    }
}
