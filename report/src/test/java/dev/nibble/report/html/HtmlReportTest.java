package dev.nibble.report.html;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.Figures;
import dev.nibble.report.FileRecord;
import dev.nibble.report.GeneratedText;
import dev.nibble.report.LayerError;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SampleDocuments;
import dev.nibble.report.TensorRow;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class HtmlReportTest {
    private static final Pattern SCRIPT = Pattern.compile("(?s)<script([^>]*)>(.*?)</script>");

    /// The page as somebody without JavaScript reads it: tags gone, entities resolved, spaces made one.
    private static String visible(String page) {
        return page.replaceAll("(?s)<(script|style)\\b.*?</\\1>", "")
                .replaceAll("<[^>]*>", " ")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&")
                .replace('\u00a0', ' ')
                .replaceAll("\\s+", " ");
    }

    private static void assertShows(String text, String... expected) {
        for (String e : expected) {
            assertTrue(text.contains(e), () -> "the page should show: " + e);
        }
    }

    @Test
    void everyFigureIsOnThePageWithoutScripts() {
        ResultDocument document = SampleDocuments.degraded();
        String text = visible(HtmlReport.of(document));
        assertShows(
                text, document.verdict().sentence(), document.verdict().notes().getFirst());
        assertShows(text, SampleDocuments.HASH, document.reproduce().command(), "onnxruntime 1.29.0", "seed 42");
        assertShows(text, "80.29 %", "74.29 %", "−6.00", "−7.90 … −4.10", "77.17 … 83.07 %", "70.92 … 77.39 %");
        assertShows(text, "guessing gives 0.10 %", "73.00 %", "−9.20 … −5.50", "top-5 accuracy", "92.86 %");
        assertShows(text, "14.2 dB", "0.9812", "0.081 nats", "84.00 %", "13.6 dB");
        assertShows(text, "853 k parameters", "125 M MACs", "sm8650", "opset 17");
        assertShows(text, "6.27 s", "1.84 s", "12.9 s", "21.6 s", "41 ms", "712 MB");
        assertShows(text, "Xeon Platinum 8375C (AVX-512 VNNI)", "2 of 2", "Temurin 25.0.3");
        for (FileRecord file : document.files()) {
            assertShows(text, file.path(), file.sha256(), Figures.bytes(file.bytes()));
        }
        assertShows(text, "0.27×", "1.00×");
        for (LayerError layer : document.layers()) {
            assertShows(text, layer.name(), Figures.decibels(layer.graphWiseDb()));
        }
        for (TensorRow tensor : document.tensors()) {
            assertShows(text, tensor.name(), Figures.number(tensor.scale()), Figures.decibels(tensor.sqnrDb()));
        }
        document.skipped().forEach(s -> assertShows(text, s.node(), s.reason()));
        document.findings().forEach(f -> assertShows(text, f.code(), f.text(), String.valueOf(f.fix())));
        document.masks().forEach(m -> assertShows(text, m.scores(), m.mask(), Figures.number(m.written())));
        assertShows(text, "−∞ … 9.25", "−17.75 … 9.5", "6.24 below its row’s largest");
        document.passes().forEach(p -> assertShows(text, p.name()));
        document.next().forEach(n -> assertShows(text, n.command(), n.why()));
        GeneratedText generated = document.generated();
        if (generated != null) {
            assertShows(text, generated.summary());
            generated.samples().forEach(s -> assertShows(text, s.prompt(), s.reference(), s.text()));
        }
        document.pictures()
                .forEach(p -> assertShows(text, p.name(), p.floatAnswer().text()));
    }

    @Test
    void whatMattersComesFirst() {
        String text = visible(HtmlReport.of(SampleDocuments.collapsed()));
        List<String> order = List.of(
                SampleDocuments.HASH,
                "W4A8 is at chance level",
                "The quantized model is at chance level.",
                "Float against quantized",
                "Where the noise comes from",
                "Ranges of the worst tensors",
                "What was skipped, and why",
                "Samples side by side",
                "zero point",
                "of the float file sha256",
                "peak memory");
        int at = 0;
        for (String part : order) {
            int next = text.indexOf(part, at);
            assertTrue(next >= at, () -> part + " is missing or comes too early");
            at = next;
        }
    }

    @Test
    void findingsStandWorstFirstEachWithItsFix() {
        String text = visible(HtmlReport.of(SampleDocuments.degraded()));
        int error = text.indexOf("error Q305");
        int warning = text.indexOf("warning Q301");
        assertTrue(error >= 0 && error < warning);
        assertShows(text, "Fix Use a rule set that fuses them: --target sm8650");
    }

    @Test
    void theWorstLayerIsNamedWithWhatToTry() {
        String page = HtmlReport.of(SampleDocuments.healthy());
        Matcher table = Pattern.compile("(?s)The worst layers.*?</table>").matcher(page);
        assertTrue(table.find());
        assertShows(
                visible(table.group()),
                "57 model/stage3/block1/Conv_56:0 Conv 13.0 dB",
                "its channels differ in range: equalize (--algorithms cle), or give it 16 bits");
    }

    @Test
    void theStripHasACellForEachLayer() {
        String page = HtmlReport.of(SampleDocuments.healthy());
        Matcher cells = Pattern.compile("(?s)<svg class=\"cells\".*?</svg>").matcher(page);
        assertTrue(cells.find());
        assertEquals(170, cells.group().split("<rect ", -1).length - 1);
        assertTrue(cells.group().contains("<title>model/stage1/block0/Conv_0:0 (Conv): "));
    }

    @Test
    void namesCannotBreakOutOfThePage() {
        for (String page : List.of(
                HtmlReport.of(SampleDocuments.hostile()), HtmlReport.withoutCharts(SampleDocuments.hostile()))) {
            List<String> scripts = new ArrayList<>();
            Matcher matcher = SCRIPT.matcher(page);
            while (matcher.find()) {
                scripts.add(matcher.group(2));
            }
            assertTrue(scripts.stream().noneMatch(s -> s.equals("alert(1)")), "a name became a script");
            assertFalse(page.contains("<img src=x"), "a name became an element");
            assertFalse(page.contains("=\"</script>\"'"), "a name left its attribute");
            assertFalse(
                    page.replaceAll("(?s)<script.*?</script>", "").contains("\" onerror="), "a name became a handler");
        }
        String text = visible(HtmlReport.of(SampleDocuments.hostile()));
        assertShows(text, "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}");
    }

    @Test
    void namesCannotTurnTheFiguresAroundThemAround() {
        String page = HtmlReport.withoutCharts(SampleDocuments.hostile());
        assertTrue(page.codePoints()
                .noneMatch(c -> c == 0x202e || c == 0x2028 || (Character.isISOControl(c) && c != '\n' && c != '\t')));
        assertEquals("a\ufffdb\tc", HostileTextOutput.clean("a\u202eb\tc"));
    }

    @Test
    void theEmbeddedDataSurvivesAndCannotCloseItsElement() {
        String page = HtmlReport.of(SampleDocuments.hostile());
        Matcher data = Pattern.compile("(?s)id=\"chart-data\">(.*?)</script>").matcher(page);
        assertTrue(data.find());
        assertFalse(data.group(1).contains("<") || data.group(1).contains("\u2028"));
        JsonNode json = new JsonMapper().readTree(data.group(1));
        String name = SampleDocuments.hostile().layers().getFirst().name();
        assertEquals(HostileTextOutput.clean(name), json.get("names").get(0).asString());
        assertEquals(
                HostileTextOutput.clean(name),
                json.get("histograms").get(0).get("tensor").asString());
    }

    @Test
    void nothingIsLoadedAndNothingElseCanRun() throws NoSuchAlgorithmException {
        String page = HtmlReport.of(SampleDocuments.healthy());
        Matcher policy = Pattern.compile("Content-Security-Policy\" content=\"([^\"]*)\"")
                .matcher(page);
        assertTrue(policy.find());
        String content = policy.group(1).replace("&#39;", "'");
        assertTrue(content.startsWith("default-src 'none'; script-src 'sha256-"), content);
        Matcher scripts = SCRIPT.matcher(page);
        int allowed = 0;
        while (scripts.find()) {
            if (!scripts.group(1).contains("application/json")) {
                byte[] hash = MessageDigest.getInstance("SHA-256")
                        .digest(scripts.group(2).getBytes(StandardCharsets.UTF_8));
                String source = "'sha256-" + Base64.getEncoder().encodeToString(hash) + "'";
                assertTrue(content.contains(source), "the policy forbids one of the page's own scripts");
                allowed++;
            }
        }
        assertEquals(3, allowed);
        String markup = page.replaceAll("(?s)<(script|style)\\b.*?</\\1>", "");
        assertFalse(
                Pattern.compile("(src|href)=\"(?!data:image/png|#)")
                        .matcher(markup)
                        .find(),
                "an external reference");
        assertFalse(markup.contains("<link") || markup.contains("<iframe") || markup.contains(" on" + "click"));
    }

    @Test
    void everyDocumentGivesAPageWithoutLooseEnds() {
        for (ResultDocument document : List.of(
                SampleDocuments.tiny(),
                SampleDocuments.bare(),
                SampleDocuments.unlabelled(),
                SampleDocuments.hostile())) {
            String text = visible(HtmlReport.withoutCharts(document));
            assertFalse(text.contains(" null ") || text.contains("NaN") || text.contains("Infinity"), text);
            assertEquals(HtmlReport.withoutCharts(document), HtmlReport.withoutCharts(document));
        }
        assertShows(visible(HtmlReport.of(SampleDocuments.bare())), "Nothing was measured.", "Nothing stood out.");
    }

    @Test
    void elementsAreClosedAndIdsAreUnique() {
        String page = HtmlReport.withoutCharts(SampleDocuments.degraded());
        List<String> open = new ArrayList<>();
        Matcher tags = Pattern.compile("<(/?)([a-z][a-z0-9]*)\\b[^>]*?(/?)>")
                .matcher(page.replaceAll("(?s)(<(script|style)\\b[^>]*>).*?</\\2>", "$1</$2>"));
        List<String> empty = List.of("meta", "img", "input");
        while (tags.find()) {
            String name = tags.group(2);
            if (tags.group(1).isEmpty()) {
                if (!empty.contains(name) && tags.group(3).isEmpty()) {
                    open.add(name);
                }
            } else {
                assertEquals(open.removeLast(), name);
            }
        }
        assertEquals(List.of(), open);
        List<String> ids = new ArrayList<>();
        Matcher id = Pattern.compile(" id=\"([^\"]*)\"").matcher(page);
        while (id.find()) {
            assertFalse(ids.contains(id.group(1)), id.group(1));
            ids.add(id.group(1));
        }
    }
}
