package dev.nibble.report.html;

import gg.jte.output.StringOutput;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A measured run as one HTML file that needs nothing else: latencies, and after a soak its verdict with pictures over
/// the runs.
///
/// @param title what was run, and where
/// @param notes what the reader must know to take the figures for what they are
/// @param soak null where there was none
/// @param deviceLine the command that does the same on a device
public record RunPage(
        String title,
        List<String> notes,
        List<Latency> latencies,
        @Nullable Soak soak,
        String deviceLine) {
    public RunPage {
        notes = List.copyOf(notes);
        latencies = List.copyOf(latencies);
    }

    /// A figure of the distribution, such as `p99`.
    public record Latency(String name, String value) {}

    /// What many runs in a row showed.
    public record Soak(int runs, boolean passed, List<Check> checks, List<Series> series) {
        public Soak {
            checks = List.copyOf(checks);
            series = List.copyOf(series);
        }
    }

    /// @param passed null where it could not be checked
    public record Check(String name, @Nullable Boolean passed, String text) {
        String word() {
            return passed == null ? "not checked" : passed ? "passed" : "failed";
        }
    }

    /// A value over the runs.
    ///
    /// @param at how many runs were done; as many as values, at least one
    public record Series(String title, List<Integer> at, List<Double> values) {
        public Series {
            at = List.copyOf(at);
            values = List.copyOf(values);
            if (at.isEmpty() || at.size() != values.size()) {
                throw new IllegalArgumentException(at.size() + " moments, but " + values.size() + " values");
            }
        }

        TimeLine line() {
            return TimeLine.of(at, values);
        }
    }

    /// @throws IllegalStateException where the program lacks its own resources
    @SuppressWarnings("NullAway") // jte takes `null` for no interceptor
    public String html() {
        StringOutput out = new StringOutput(1 << 14);
        JterunGenerated.render(new HostileTextOutput(out), null, this, Assets.load(false));
        return out.toString();
    }
}
