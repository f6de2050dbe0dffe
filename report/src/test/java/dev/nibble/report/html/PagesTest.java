package dev.nibble.report.html;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.ResultDocument;
import dev.nibble.report.SampleDocuments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// A page of each kind, left in `target/pages` to be looked at, and no larger than it needs to be.
class PagesTest {
    /// ECharts is 1.03 MB; the rest of a page with ten histograms and two hundred layers stays below this.
    private static final int OWN_BYTES = 500_000;

    private static final int ECHARTS_BYTES = 1_030_000;

    @Test
    void pagesAreSmallBesideTheChartLibrary() throws IOException {
        Path folder = Files.createDirectories(Path.of("target", "pages"));
        Map<String, ResultDocument> documents = Map.of(
                "healthy", SampleDocuments.healthy(),
                "degraded", SampleDocuments.degraded(),
                "collapsed", SampleDocuments.collapsed(),
                "unlabelled", SampleDocuments.unlabelled(),
                "hostile", SampleDocuments.hostile(),
                "bare", SampleDocuments.bare());
        for (Map.Entry<String, ResultDocument> document : documents.entrySet()) {
            String name = document.getKey();
            String plain = HtmlReport.withoutCharts(document.getValue());
            String page = HtmlReport.of(document.getValue());
            Files.writeString(folder.resolve(name + ".html"), page);
            Files.writeString(folder.resolve(name + "-nojs.html"), plain.replaceAll("(?s)<script.*?</script>", ""));
            assertTrue(plain.length() < OWN_BYTES, name + " has " + plain.length());
            assertTrue(page.length() - plain.length() < ECHARTS_BYTES, name + " has " + page.length());
        }
    }
}
