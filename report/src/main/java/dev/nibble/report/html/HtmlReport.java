package dev.nibble.report.html;

import dev.nibble.report.ResultDocument;
import gg.jte.output.StringOutput;

/// The result document as one HTML file that needs no network: styles, scripts and pictures stand in it. It reads
/// without JavaScript; with it, tables sort and filter and the charts can be explored.
public final class HtmlReport {
    private HtmlReport() {}

    /// The page; about 1.1 MB, of which ECharts is 1.0.
    public static String of(ResultDocument document) {
        return render(document, true);
    }

    /// The page without the interactive charts, for where size matters: everything else is the same.
    public static String withoutCharts(ResultDocument document) {
        return render(document, false);
    }

    /// The templates hold no forms that anything could want to rewrite, so there is no interceptor; jte takes `null`.
    @SuppressWarnings("NullAway")
    private static String render(ResultDocument document, boolean interactive) {
        Page page = Page.of(document, Assets.load(interactive));
        StringOutput out = new StringOutput(1 << 16);
        JtereportGenerated.render(new HostileTextOutput(out), null, page);
        return out.toString();
    }
}
