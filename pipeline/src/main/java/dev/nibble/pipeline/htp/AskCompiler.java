package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.Soc;
import dev.nibble.pipeline.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

/// Puts one model to Qualcomm's compiler for several chips, several of them at the same time, each in a process of its
/// own.
final class AskCompiler {
    private AskCompiler() {}

    /// The answers in the order of `socs`.
    ///
    /// @param threads processes at the same time; 0 is one a core
    /// @throws NibbleException where a compiler does not start, crashes or hangs
    static List<HtpCompiler.Answer> about(
            Model model, List<Soc> socs, HtpLibraries libraries, int threads, Progress progress) {
        int cores = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
        HtpCompiler.Answer[] answers = new HtpCompiler.Answer[socs.size()];
        AtomicInteger next = new AtomicInteger();
        List<FutureTask<Void>> workers = new ArrayList<>();
        try (Progress.Stage stage = progress.begin("placing", socs.size())) {
            for (int i = 0; i < Math.min(cores, socs.size()); i++) {
                FutureTask<Void> worker = new FutureTask<>(() -> {
                    try (HtpCompiler compiler = new HtpCompiler(libraries)) {
                        for (int at = next.getAndIncrement(); at < socs.size(); at = next.getAndIncrement()) {
                            answers[at] = compiler.place(model, socs.get(at));
                            synchronized (stage) {
                                stage.advance();
                            }
                        }
                    }
                    return null;
                });
                workers.add(worker);
                Thread.ofPlatform().daemon().name("htp placing").start(worker);
            }
            await(workers, next, socs.size());
        }
        return List.of(answers);
    }

    private static void await(List<FutureTask<Void>> workers, AtomicInteger next, int end) {
        RuntimeException failure = null;
        for (FutureTask<Void> worker : workers) {
            try {
                worker.get();
            } catch (ExecutionException e) {
                // The others finish what they have begun.
                next.set(end);
                failure = e.getCause() instanceof RuntimeException known ? known : new IllegalStateException(e);
            } catch (InterruptedException e) {
                next.set(end);
                Thread.currentThread().interrupt();
                throw new NibbleException("interrupted while the compiler was asked", "start again", e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
