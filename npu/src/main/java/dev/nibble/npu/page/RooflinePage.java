package dev.nibble.npu.page;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.FusionGain;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import tools.jackson.databind.json.JsonMapper;

/// An estimate as one HTML file that needs nothing else: the roofline with a bubble a layer whose area is its share of
/// the time, memory over the schedule, before and after fusion, precisions side by side, and the layers as a table.
public final class RooflinePage {
    private static final String WEBJAR = "/META-INF/resources/webjars/echarts/";
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private RooflinePage() {}

    /// The same model at another precision.
    public record Compared(String precision, double totalMicros, double lowMicros, double highMicros) {}

    /// What the page's script draws.
    private record Data(
            List<Object[]> layers,
            double peakOpsPerMicro,
            double bytesPerMicro,
            double ridge,
            List<Double> memory,
            double vtcmMb,
            List<Compared> precisions,
            List<Object[]> fusions) {}

    public static String html(Estimate estimate, Estimator estimator, List<Compared> compared) {
        List<LayerEstimate> layers =
                estimate.layers().stream().filter(l -> l.fusedInto() == null).toList();
        Precision precision =
                estimate.precision().equals("mixed") ? Precision.W8A8 : Precision.named(estimate.precision());
        Data data = new Data(
                layers.stream()
                        .map(l -> new Object[] {
                            l.name(),
                            l.op(),
                            round(l.bytes() > 0 ? operations(l) / l.bytes() : 0),
                            round(l.micros() > 0 ? operations(l) / l.micros() / 1e3 : 0),
                            round(l.micros()),
                            round(100 * l.share()),
                            l.bottleneck().name().toLowerCase(Locale.ROOT)
                        })
                        .toList(),
                estimator.machine().get(precision.matrixRate()) * 1e3,
                estimator.machine().get(Parameter.MEMORY_GBS),
                estimate.ridgeOperationsPerByte(),
                estimate.memory().liveBytes().stream().map(b -> round(b / 1e6)).toList(),
                estimator.machine().vtcmMb(),
                compared,
                fusions(estimate));
        String page = resource("roofline.html");
        Map<String, String> holes = new LinkedHashMap<>();
        holes.put("{{title}}", text(estimate.path()) + " on " + text(estimate.target()));
        holes.put("{{headline}}", headline(estimate));
        holes.put("{{facts}}", facts(estimate));
        holes.put("{{findings}}", findings(estimate));
        holes.put("{{fusions}}", fusionTable(estimate));
        holes.put("{{rows}}", rows(layers, estimate.ridgeOperationsPerByte()));
        holes.put("{{data}}", MAPPER.writeValueAsString(data).replace("</", "<\\/"));
        holes.put("{{echarts}}", echarts());
        for (Map.Entry<String, String> hole : holes.entrySet()) {
            page = page.replace(hole.getKey(), hole.getValue());
        }
        return page;
    }

    /// Two for each product; without products, one for each element that the vector units touch.
    private static double operations(LayerEstimate l) {
        return l.macs() > 0 ? 2.0 * l.macs() : l.vectorElements();
    }

    private static String headline(Estimate e) {
        return String.format(
                Locale.ROOT,
                "<strong>%.3f ms</strong> <span class=badge>estimated</span> likely %.3f to %.3f ms",
                e.totalMicros() / 1e3,
                e.lowMicros() / 1e3,
                e.highMicros() / 1e3);
    }

    private static String facts(Estimate e) {
        List<String> waits = new ArrayList<>();
        e.bottlenecks().forEach((b, n) -> waits.add(n + " " + b.name().toLowerCase(Locale.ROOT)));
        return String.format(
                Locale.ROOT,
                "%s, runtime %s, model %s · %.2f GOP, %.1f MB touched · ridge at %.0f operations a byte · "
                        + "layers wait for: %s · interval: %s",
                text(e.precision()),
                text(e.runtime()),
                text(e.model()),
                e.gops(),
                e.megabytes(),
                e.ridgeOperationsPerByte(),
                String.join(", ", waits),
                text(e.basis()));
    }

    private static String findings(Estimate e) {
        StringBuilder html = new StringBuilder();
        e.findings()
                .forEach(f -> html.append("<li><b>")
                        .append(text(f.text()))
                        .append("</b><br>")
                        .append(text(f.fix()))
                        .append("</li>"));
        return html.isEmpty() ? "<li>Nothing stands out.</li>" : html.toString();
    }

    private static List<Object[]> fusions(Estimate e) {
        Map<String, double[]> byRule = new LinkedHashMap<>();
        for (FusionGain gain : e.fusions()) {
            double[] sums = byRule.computeIfAbsent(gain.rule(), k -> new double[2]);
            sums[0] += gain.beforeMicros();
            sums[1] += gain.afterMicros();
        }
        return byRule.entrySet().stream()
                .map(r -> new Object[] {r.getKey(), round(r.getValue()[0]), round(r.getValue()[1])})
                .toList();
    }

    private static String fusionTable(Estimate e) {
        StringBuilder html = new StringBuilder();
        Map<String, double[]> byRule = new LinkedHashMap<>();
        for (FusionGain gain : e.fusions()) {
            double[] sums = byRule.computeIfAbsent(gain.rule(), k -> new double[5]);
            sums[0]++;
            sums[1] += gain.beforeMicros();
            sums[2] += gain.afterMicros();
            sums[3] += gain.savedTrafficBytes() / 1e6;
            sums[4] = gain.folklorePercent();
        }
        byRule.forEach((rule, s) -> html.append(String.format(
                Locale.ROOT,
                "<tr><td>%s<td class=n>%.0f<td class=n>%.1f<td class=n>%.1f<td class=n>%.0f %%<td class=n>%s"
                        + "<td class=n>%.2f</tr>",
                text(rule),
                s[0],
                s[1],
                s[2],
                s[1] > 0 ? 100 * (s[1] - s[2]) / s[1] : 0,
                s[4] > 0 ? String.format(Locale.ROOT, "%.0f %%", s[4]) : "",
                s[3])));
        e.nearMisses()
                .forEach(m -> html.append("<tr class=miss><td>")
                        .append(text(m.rule()))
                        .append("<td colspan=6>not at ")
                        .append(text(m.node()))
                        .append(": ")
                        .append(text(m.reason()))
                        .append("</tr>"));
        return html.toString();
    }

    private static String rows(List<LayerEstimate> layers, double ridge) {
        StringBuilder html = new StringBuilder();
        for (LayerEstimate l : layers) {
            String tile = l.tile() == null
                    ? ""
                    : l.tile().height() + "×" + l.tile().width() + "×"
                            + l.tile().channels();
            html.append(String.format(
                    Locale.ROOT,
                    "<tr><td>%s<td>%s<td class=n>%.4f<td class=n>%.3f<td class=n>%.1f<td>%s<td class=n>%.2f"
                            + "<td class=n>%.1f %%<td>%s<td class=n>%.0f %%<td>%s<td class=n>%.2f</tr>",
                    text(l.name()),
                    text(l.op()),
                    2.0 * l.macs() / 1e9,
                    l.bytes() / 1e6,
                    l.intensity(),
                    l.macs() == 0 ? "" : l.intensity() >= ridge ? "compute" : "memory",
                    l.micros(),
                    100 * l.share(),
                    l.bottleneck().name().toLowerCase(Locale.ROOT),
                    100 * l.utilization(),
                    tile,
                    l.spilledBytes() / 1e6));
        }
        return html.toString();
    }

    private static double round(double value) {
        return Double.isFinite(value) && value != 0 ? Double.parseDouble(String.format(Locale.ROOT, "%.4g", value)) : 0;
    }

    private static String text(String raw) {
        return raw.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private static String echarts() {
        try (InputStream about =
                RooflinePage.class.getResourceAsStream("/META-INF/maven/org.webjars/echarts/pom.properties")) {
            Properties properties = new Properties();
            if (about != null) {
                properties.load(about);
            }
            String version = properties.getProperty("version", "5.5.0");
            return read(WEBJAR + version + "/echarts.min.js").replace("</script", "<\\/script");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String resource(String name) {
        return read("/dev/nibble/npu/page/" + name);
    }

    private static String read(String path) {
        try (InputStream in = RooflinePage.class.getResourceAsStream(path)) {
            if (in == null) {
                throw new IllegalStateException(path + " is not in the program");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
