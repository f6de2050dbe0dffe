package dev.nibble.cli;

import dev.nibble.pipeline.Progress;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// Shows progress on stderr: for a person a bar with the time that is left, once the work has taken a second; in a log
/// a line every ten seconds; with `--quiet` nothing.
final class ConsoleProgress implements Progress {
    static final Duration BAR_AFTER = Duration.ofSeconds(1);
    static final Duration LINE_EVERY = Duration.ofSeconds(10);
    private static final int BAR_WIDTH = 100;

    private final Terminal terminal;
    private final boolean quiet;
    private final LongSupplier nanoTime;
    private final AtomicReference<@Nullable String> activity = new AtomicReference<>();

    ConsoleProgress(Terminal terminal, boolean quiet) {
        this(terminal, quiet, System::nanoTime);
    }

    ConsoleProgress(Terminal terminal, boolean quiet, LongSupplier nanoTime) {
        this.terminal = terminal;
        this.quiet = quiet;
        this.nanoTime = nanoTime;
    }

    /// What is being done, or was done last.
    @Nullable
    String activity() {
        return activity.get();
    }

    @Override
    public Stage begin(String what, long total) {
        activity.set(what);
        if (quiet) {
            return steps -> {};
        }
        return terminal.errIsTerminal() ? new Bar(what, total) : new Lines(what, total);
    }

    /// A bar that appears when the stage has lasted a second.
    private final class Bar implements Stage {
        private final String what;
        private final long total;
        private final long began = nanoTime.getAsLong();
        private final AtomicLong done = new AtomicLong();
        private @Nullable ProgressBar bar;

        Bar(String what, long total) {
            this.what = what;
            this.total = total;
        }

        @Override
        public synchronized void advance(long steps) {
            long now = done.addAndGet(steps);
            if (bar == null && nanoTime.getAsLong() - began >= BAR_AFTER.toNanos()) {
                Duration elapsed = Duration.ofNanos(nanoTime.getAsLong() - began);
                bar = new ProgressBarBuilder()
                        .setTaskName(what)
                        .setInitialMax(total)
                        .startsFrom(now, elapsed)
                        .setStyle(
                                terminal.colorErr()
                                        ? ProgressBarStyle.COLORFUL_UNICODE_BLOCK
                                        : ProgressBarStyle.UNICODE_BLOCK)
                        .setConsumer(new ConsoleProgressBarConsumer(terminal.err(), BAR_WIDTH))
                        .setUpdateIntervalMillis(200)
                        .clearDisplayOnFinish()
                        .build();
            } else if (bar != null) {
                bar.stepTo(now);
            }
        }

        @Override
        public synchronized void close() {
            if (bar != null) {
                bar.close();
            }
        }
    }

    /// A plain line now and then, and none for short work.
    private final class Lines implements Stage {
        private final String what;
        private final long total;
        private final long began = nanoTime.getAsLong();
        private long done;
        private long lastSaid = began;

        Lines(String what, long total) {
            this.what = what;
            this.total = total;
        }

        @Override
        public synchronized void advance(long steps) {
            done += steps;
            long now = nanoTime.getAsLong();
            if (now - lastSaid < LINE_EVERY.toNanos()) {
                return;
            }
            lastSaid = now;
            String line = what + ": " + done;
            if (total > 0 && done > 0) {
                long secondsLeft = Math.round((now - began) / 1e9 / done * (total - done));
                line += " of " + total + " (" + 100 * done / total + " %), " + secondsLeft + " s left";
            }
            terminal.err().println(line);
        }
    }
}
