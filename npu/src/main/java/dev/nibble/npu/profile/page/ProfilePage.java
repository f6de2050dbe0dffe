package dev.nibble.npu.profile.page;

import dev.nibble.npu.profile.CompareProfiles;
import dev.nibble.npu.profile.CompareProfiles.Change;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A profile as one HTML file that needs nothing else, scripts neither.
public final class ProfilePage {
    /// A page with more rows helps nobody; the JSON has all.
    private static final int ROWS = 2000;

    private static final String STYLE = """
            :root{color-scheme:light dark;--paper:#fff;--ink:#16191f;--quiet:#5b6371;--line:#dfe3e9;--sunk:#f5f6f8;--blue:#3b6fd1}
            @media(prefers-color-scheme:dark){:root{--paper:#121419;--ink:#e8eaee;--quiet:#9aa3b1;--line:#2c323c;--sunk:#191c22}}
            *{box-sizing:border-box}body{margin:0 auto;padding:28px 24px;max-width:1120px;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
            h1{font-size:22px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 6px}p{margin:4px 0;color:var(--quiet)}
            .scroll{overflow:auto;border:1px solid var(--line);border-radius:6px}
            table{border-collapse:collapse;font-size:13px;width:100%}th,td{padding:4px 9px;text-align:left;border-bottom:1px solid var(--line)}
            th{background:var(--sunk);font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
            .name{overflow-wrap:anywhere}.bar{background:var(--blue);height:10px;border-radius:2px;min-width:1px}.track{width:160px}
            .gone td{color:var(--quiet)}li{margin:4px 0}
            """;

    private ProfilePage() {}

    /// @param compared with another profile; null where there is none
    public static String html(Profile profile, @Nullable CompareProfiles compared) {
        StringBuilder html = new StringBuilder(1 << 14);
        html.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
                .append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>")
                .append(text(profile.file()))
                .append("</title>\n<style>\n")
                .append(STYLE)
                .append("</style></head><body>\n<h1>")
                .append(text(profile.file()))
                .append("</h1>\n<p>")
                .append(text(Headline.of(profile)))
                .append("</p>\n");
        list(html, profile.said());
        phases(html, profile);
        offloaded(html, profile);
        if (compared != null) {
            changes(html, compared);
        }
        nodes(html, profile);
        if (!profile.skipped().isEmpty()) {
            html.append("<h2>Left out</h2><ul>");
            profile.skipped()
                    .forEach(s -> html.append("<li>")
                            .append(s.count())
                            .append(" × ")
                            .append(text(s.reason()))
                            .append(s.first() > 0 ? ", first in line " + s.first() : "")
                            .append("</li>"));
            html.append("</ul>\n");
        }
        return html.append("</body></html>\n").toString();
    }

    private static void list(StringBuilder html, List<String> items) {
        if (!items.isEmpty()) {
            html.append("<ul>");
            items.forEach(i -> html.append("<li>").append(text(i)).append("</li>"));
            html.append("</ul>\n");
        }
    }

    private static void phases(StringBuilder html, Profile profile) {
        if (profile.phases().isEmpty()) {
            return;
        }
        html.append("<h2>Where a run's time goes</h2><p>Mean of all runs; what contains another is given too.</p>")
                .append("<div class=scroll><table><tr><th>phase<th class=n>mean</tr>");
        for (Map.Entry<String, Double> phase : profile.phases().entrySet()) {
            html.append("<tr><td>")
                    .append(phase.getKey())
                    .append("<td class=n>")
                    .append(number(phase.getValue()));
        }
        html.append("</table></div>\n");
    }

    private static void offloaded(StringBuilder html, Profile profile) {
        if (profile.offloaded().isEmpty()) {
            return;
        }
        html.append(
                        "<h2>Not on the accelerator</h2><div class=scroll><table><tr><th>node<th>op<th class=n>µs<th>reason")
                .append("<th>what to do</tr>");
        profile.offloaded()
                .forEach(o -> html.append("<tr><td class=name>")
                        .append(text(o.name()))
                        .append("<td>")
                        .append(text(o.op()))
                        .append("<td class=n>")
                        .append(o.micros() == null ? "" : number(o.micros()))
                        .append("<td>")
                        .append(text(o.reason()))
                        .append("<td>")
                        .append(text(o.advice())));
        html.append("</table></div>\n");
    }

    private static void changes(StringBuilder html, CompareProfiles compared) {
        html.append("<h2>Against ").append(text(compared.before())).append("</h2>");
        list(html, compared.said());
        html.append("<div class=scroll><table><tr><th>node<th>op<th class=n>before, ")
                .append(compared.unit())
                .append("<th class=n>after<th class=n>change<th></tr>");
        for (Change c : compared.notable().stream().limit(ROWS).toList()) {
            html.append("<tr><td class=name>")
                    .append(text(c.name()))
                    .append("<td>")
                    .append(text(c.op()))
                    .append("<td class=n>")
                    .append(c.before() == null ? "" : number(c.before()))
                    .append("<td class=n>")
                    .append(c.after() == null ? "" : number(c.after()))
                    .append("<td class=n>")
                    .append(number(c.change()))
                    .append("<td>")
                    .append(c.fate().name().toLowerCase(Locale.ROOT));
        }
        html.append("</table></div>\n");
    }

    private static void nodes(StringBuilder html, Profile profile) {
        if (profile.nodes().isEmpty()) {
            return;
        }
        boolean estimates = profile.nodes().stream().anyMatch(n -> n.estimatedMicros() != null);
        List<NodeTime> sorted = profile.nodes().stream()
                .sorted(Comparator.comparingDouble(NodeTime::share).reversed())
                .limit(ROWS)
                .toList();
        double most = Math.max(1e-12, sorted.getFirst().share());
        html.append("<h2>Nodes</h2>");
        if (profile.nodes().size() > ROWS) {
            html.append("<p>The ")
                    .append(ROWS)
                    .append(" largest of ")
                    .append(profile.nodes().size())
                    .append(".</p>");
        }
        html.append("<div class=scroll><table><tr><th>node<th>op<th>where<th class=n>cycles<th class=n>µs<th class=n>")
                .append("share<th>")
                .append(estimates ? "<th class=n>estimated, µs" : "")
                .append("<th>ONNX</tr>");
        for (NodeTime n : sorted) {
            html.append("<tr><td class=name>")
                    .append(text(n.name()))
                    .append("<td>")
                    .append(text(n.op()))
                    .append("<td>")
                    .append(n.where().id())
                    .append("<td class=n>")
                    .append(n.cycles() == null ? "" : number(n.cycles()))
                    .append("<td class=n>")
                    .append(n.micros() == null ? "" : number(n.micros()))
                    .append("<td class=n>")
                    .append(String.format(Locale.ROOT, "%.1f %%", 100 * n.share()))
                    .append("<td class=track><div class=bar style=\"width:")
                    .append(Math.round(100 * n.share() / most))
                    .append("%\"></div>")
                    .append(
                            !estimates
                                    ? ""
                                    : "<td class=n>" + (n.estimatedMicros() == null ? "" : number(n.estimatedMicros())))
                    .append("<td class=name>")
                    .append(text(String.join(", ", n.onnx())));
        }
        html.append("</table></div>\n");
    }

    private static String number(double value) {
        return String.format(
                Locale.ROOT, Math.abs(value) >= 100 || value == Math.rint(value) ? "%,.0f" : "%.3g", value);
    }

    private static String text(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
