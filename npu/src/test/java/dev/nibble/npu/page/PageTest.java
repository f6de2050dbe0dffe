package dev.nibble.npu.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.Nets;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PageTest {
    @TempDir
    private Path folder;

    private static Estimator estimator() {
        Machines machines = Machines.of(Targets.find("sm8650"));
        Machine machine = machines.machine().with(Parameter.INT8_TOPS, 50).with(Parameter.MEMORY_GBS, 50);
        return new Estimator(machine, machines, new Calibrated(), "qnn_dlc", 1);
    }

    private static Estimate estimate() {
        return estimator()
                .estimate(
                        "a<b>&c",
                        new Nets()
                                .input("x", 1, 64, 56, 56)
                                .conv3("first</script>", "x", 64, 128)
                                .node("relu", "Relu", "first</script>")
                                .conv3("kept", "relu", 128, 128)
                                .node("y", "Sigmoid", "kept")
                                .node("z", "Relu", "kept")
                                .output("y", "z")
                                .model(),
                        LayerPrecisions.all(Precision.W8A8));
    }

    @Test
    void thePageHoldsItsFiguresAndNeedsNothingElse() {
        Estimate e = estimate();
        String html =
                RooflinePage.html(e, estimator(), List.of(new RooflinePage.Compared("w8a8", e.totalMicros(), 1, 2)));
        assertFalse(html.contains("{{"), "every hole is filled");
        assertFalse(html.contains("src=\"http") || html.contains("href=\"http"), "nothing is loaded");
        assertTrue(html.contains(String.format(java.util.Locale.ROOT, "%.3f ms", e.totalMicros() / 1e3)));
        assertTrue(html.contains("a&lt;b&gt;&amp;c") && !html.contains("a<b>"));
        assertTrue(html.contains("also read by"), "near misses and their reasons");
        assertTrue(html.contains("prefers-color-scheme:dark"));
        for (String id : List.of("roof", "memory", "precisions", "fusion")) {
            assertTrue(html.contains("id=\"" + id + "\""), id);
        }
    }

    @Test
    void theScriptsDataAreTheLayers() {
        Estimate e = estimate();
        String html = RooflinePage.html(e, estimator(), List.of());
        int from = html.indexOf("<script id=\"data\" type=\"application/json\">");
        int start = html.indexOf('>', from) + 1;
        String json = html.substring(start, html.indexOf("</script", start));
        JsonNode data = new JsonMapper().readTree(json);
        assertEquals(
                e.layers().stream().filter(l -> l.fusedInto() == null).count(),
                data.get("layers").size());
        assertEquals("first</script>", data.get("layers").get(0).get(0).asString());
        assertEquals(50e3, data.get("peakOpsPerMicro").asDouble());
        assertEquals(1000, data.get("ridge").asDouble(), 1e-9);
        assertEquals(e.memory().liveBytes().size(), data.get("memory").size());
    }

    @Test
    void aPlainListOfLayersHasARoofline() throws IOException {
        Path file = Files.writeString(
                folder.resolve("layers.csv"), "name,operations,bytes\nbig,1e9,1e6\nsmall,1e6,1e6\n\n");
        Estimate e = LayerList.estimate("layers.csv", file, estimator(), Precision.W8A8);
        assertEquals(2, e.layers().size());
        assertEquals(20, e.layers().getFirst().micros(), 1e-9); // 1e9 operations at 50 TOPS, 1 MB at 50 GB/s
        assertEquals(20 + 20, e.totalMicros(), 1e-9);
        assertEquals(Bottleneck.COMPUTE, e.layers().getFirst().bottleneck());
        assertEquals(Bottleneck.MEMORY, e.layers().getLast().bottleneck());
        assertEquals(1000, e.layers().getFirst().intensity(), 1e-9);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a,1", "a,1,x", "h,o,b\na,-1,2", "a,NaN,2", "", "h,o,b\n"})
    void aListThatIsNoneIsRefused(String text) throws IOException {
        Path file = Files.writeString(folder.resolve("layers.csv"), text);
        assertThrows(NibbleException.class, () -> LayerList.estimate("layers.csv", file, estimator(), Precision.W8A8));
    }
}
