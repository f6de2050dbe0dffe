package dev.nibble.pipeline;

import dev.nibble.run.soak.Latencies;
import dev.nibble.run.soak.SoakResult;
import dev.nibble.run.soak.SoakResult.Point;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// What `run` measured as one HTML file that needs nothing else, with a picture over time after a soak; and as JSON.
final class RunPage {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private static final String STYLE = """
            :root{color-scheme:light dark;--paper:#fff;--ink:#16191f;--quiet:#5b6371;--line:#dfe3e9;--blue:#3b6fd1}
            @media(prefers-color-scheme:dark){:root{--paper:#121419;--ink:#e8eaee;--quiet:#9aa3b1;--line:#2c323c}}
            body{margin:0 auto;padding:28px 24px;max-width:1000px;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
            h1{font-size:22px;overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 6px}p,li{color:var(--quiet)}
            table{border-collapse:collapse}td,th{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid var(--line)}
            .n{text-align:right}svg{width:100%;height:150px}polyline{fill:none;stroke:var(--blue);stroke-width:1.5;vector-effect:non-scaling-stroke}
            code{overflow-wrap:anywhere}
            """;

    private RunPage() {}

    static String json(RunResult result) {
        return MAPPER.writeValueAsString(result) + "\n";
    }

    static String html(RunResult r) {
        StringBuilder html = new StringBuilder(1 << 13);
        html.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
                .append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>")
                .append(text(r.model()))
                .append("</title><style>\n")
                .append(STYLE)
                .append("</style></head><body><h1>")
                .append(text(r.model()))
                .append(" on ")
                .append(text(r.on()))
                .append("</h1><ul>");
        r.said().forEach(s -> html.append("<li>").append(text(s)).append("</li>"));
        html.append("</ul><h2>Latency</h2>").append(latency(r.latency()));
        SoakResult soak = r.soak();
        if (soak != null) {
            html.append("<h2>Soak: ")
                    .append(soak.passed() ? "passed" : "failed")
                    .append("</h2><p>");
            html.append(soak.iterations()).append(" runs</p><table>");
            soak.checks()
                    .forEach(c -> html.append("<tr><td>")
                            .append(text(c.name()))
                            .append("<td>")
                            .append(c.passed() == null ? "not checked" : c.passed() ? "passed" : "failed")
                            .append("<td>")
                            .append(text(c.text())));
            html.append("</table>");
            picture(html, "Resident memory, MB", soak.points(), p -> p.residentBytes() / 1e6);
            picture(html, "Median latency, µs", soak.points(), Point::micros);
            picture(html, "Descriptors", soak.points(), Point::descriptors);
            picture(html, "Threads", soak.points(), Point::threads);
        }
        html.append("<h2>On a device</h2><p><code>").append(text(r.qnnNetRun())).append("</code></p></body></html>\n");
        return html.toString();
    }

    private static String latency(Latencies l) {
        return String.format(
                Locale.ROOT,
                "<table><tr><th>runs<th>first, µs<th>mean<th>min<th>p50<th>p90<th>p99<th>max<tr><td>%d<td>%.1f<td>%.1f"
                        + "<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f</table><p>The first run is warm-up and in none of"
                        + " the others.</p>",
                l.n(),
                l.firstMicros(),
                l.meanMicros(),
                l.minMicros(),
                l.p50Micros(),
                l.p90Micros(),
                l.p99Micros(),
                l.maxMicros());
    }

    private static void picture(StringBuilder html, String title, List<Point> points, ToDoubleFunction<Point> of) {
        List<Point> shown = points.stream().filter(p -> p.iteration() > 0).toList();
        double low = shown.stream().mapToDouble(of).min().orElse(0);
        double high = shown.stream().mapToDouble(of).max().orElse(1);
        double last = Math.max(1, shown.getLast().iteration());
        double span = high > low ? high - low : 1;
        html.append("<h2>")
                .append(title)
                .append("</h2><p>")
                .append(String.format(Locale.ROOT, "%.1f to %.1f over %.0f runs", low, high, last))
                .append("</p><svg viewBox=\"0 0 1000 150\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"")
                .append(title)
                .append(" over runs\"><polyline points=\"");
        shown.forEach(p -> html.append(String.format(
                Locale.ROOT,
                "%.1f,%.1f ",
                1000 * p.iteration() / last,
                145 - 140 * (of.applyAsDouble(p) - low) / span)));
        html.append("\"/></svg>");
    }

    private static String text(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
