package dev.nibble.pipeline;

import dev.nibble.report.html.RunPage;
import dev.nibble.report.html.RunPage.Check;
import dev.nibble.report.html.RunPage.Latency;
import dev.nibble.report.html.RunPage.Series;
import dev.nibble.run.soak.Latencies;
import dev.nibble.run.soak.SoakResult;
import dev.nibble.run.soak.SoakResult.Point;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// What `run` measured, as JSON and as a page.
final class RunFiles {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private RunFiles() {}

    static String json(RunResult result) {
        return MAPPER.writeValueAsString(result) + "\n";
    }

    static String html(RunResult result) {
        return new RunPage(
                        result.model() + " on " + result.on(),
                        result.said(),
                        latencies(result.latency()),
                        soak(result.soak()),
                        result.qnnNetRun())
                .html();
    }

    private static List<Latency> latencies(Latencies l) {
        return List.of(
                new Latency("runs", Integer.toString(l.n())),
                micros("first", l.firstMicros()),
                micros("mean", l.meanMicros()),
                micros("min", l.minMicros()),
                micros("p50", l.p50Micros()),
                micros("p90", l.p90Micros()),
                micros("p99", l.p99Micros()),
                micros("max", l.maxMicros()));
    }

    private static Latency micros(String name, double value) {
        return new Latency(name, String.format(Locale.ROOT, "%,.1f", value));
    }

    private static RunPage.@Nullable Soak soak(@Nullable SoakResult soak) {
        if (soak == null) {
            return null;
        }
        List<Check> checks = soak.checks().stream()
                .map(c -> new Check(c.name(), c.passed(), c.text()))
                .toList();
        return new RunPage.Soak(
                soak.iterations(),
                soak.passed(),
                checks,
                List.of(
                        series("Resident memory, MB", soak, p -> p.residentBytes() / 1e6),
                        series("Median latency, µs", soak, Point::micros),
                        series("File descriptors", soak, Point::descriptors),
                        series("Threads", soak, Point::threads)));
    }

    private static Series series(String title, SoakResult soak, ToDoubleFunction<Point> value) {
        List<Point> points =
                soak.points().stream().filter(p -> p.iteration() > 0).toList();
        return new Series(
                title,
                points.stream().map(Point::iteration).toList(),
                points.stream().map(value::applyAsDouble).toList());
    }
}
