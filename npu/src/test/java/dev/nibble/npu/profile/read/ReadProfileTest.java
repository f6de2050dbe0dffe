package dev.nibble.npu.profile.read;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.npu.profile.Dialect;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.Profile.Offloaded;
import dev.nibble.npu.profile.Where;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every dialect, real files first: totals that were computed apart from the readers.
class ReadProfileTest {
    private static Profile documented(String name) throws IOException {
        return ReadProfile.of(new ByteArrayInputStream(Fixtures.documented(name)), name);
    }

    private static NodeTime node(Profile profile, String name) {
        return profile.nodes().stream()
                .filter(n -> n.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " is not among " + profile.nodes()));
    }

    /// The figures were taken from the files by another program: the mean of the executions of a partition, summed.
    @ParameterizedTest
    @CsvSource({
        "ort-qnn-basic-resnet8-sm8650.csv,              2, 1, 58723.0, ,         0,  58680.5,        ,  85099",
        "ort-qnn-detailed-resnet8-sm8650.csv,           2, 1, 89201.0, 7141176.5, 21, 89024.0,  5187.5, 79184",
        "ort-qnn-detailed-estimate-resnet8-qcs9100.csv, 2, 1, 62669.5, 5002197.5, 19, 62489.0,  5443.0, 75344",
        "ort-qnn-detailed-fallback.csv,                 2, 2, 41285.0, 5019373.5, 14, 39584.0, 32338.0, 85165",
    })
    void totalsOfOrtCsv(
            String file,
            long runs,
            int partitions,
            double micros,
            Double cycles,
            int nodes,
            double accelerator,
            Double vtcm,
            double finalize) {
        Profile profile = ReadProfile.of(Fixtures.profile(file), file);
        assertEquals(Dialect.ORT_QNN_CSV, profile.dialect());
        assertEquals(runs, profile.runs());
        assertEquals(partitions, profile.partitions());
        assertEquals(micros, profile.totalMicros());
        assertEquals(cycles, profile.totalCycles());
        assertEquals(nodes, profile.nodes().size());
        assertEquals(accelerator, profile.phases().get("acceleratorMicros"));
        assertEquals(vtcm, profile.phases().get("vtcmWaitMicros"));
        assertEquals(finalize, profile.phases().get("finalizeMicros"));
        if (nodes > 0) {
            assertEquals(
                    cycles,
                    profile.nodes().stream().mapToDouble(NodeTime::value).sum());
            assertEquals(
                    1, profile.nodes().stream().mapToDouble(NodeTime::share).sum(), 1e-12);
        }
    }

    @Test
    void cyclesAreSharesAndNeverTime() {
        Profile profile = ReadProfile.of(Fixtures.profile("ort-qnn-detailed-resnet8-sm8650.csv"), "d");
        NodeTime first = node(profile, "conv2d_1_token_7");
        assertEquals(2110098.5, first.cycles());
        assertNull(first.micros());
        assertEquals(0.29548331426901436, first.share(), 1e-12);
        assertEquals(1130180, first.low());
        assertEquals(3090017, first.high());
        assertTrue(
                profile.said().stream().anyMatch(s -> s.contains("emulator")),
                profile.said().toString());
    }

    @Test
    void partitionsKeepTheirNodesApart() {
        Profile profile = ReadProfile.of(Fixtures.profile("ort-qnn-detailed-fallback.csv"), "f");
        List<NodeTime> inputs = profile.nodes().stream()
                .filter(n -> n.name().equals("Input OpId_2"))
                .toList();
        assertEquals(List.of(0, 1), inputs.stream().map(NodeTime::partition).toList());
        assertEquals(1958, inputs.getFirst().cycles());
        assertEquals(0, inputs.getLast().cycles());
        NodeTime body = node(profile, "body/Conv_token_7");
        assertEquals(0.8967158949219459, body.share(), 1e-12);
        assertEquals(List.of("DequantizeLinear_token_5", "w2/DQ", "body/Conv_token_7", "c2/Q"), body.onnx());
        // The first FINALIZE block stands there twice, nine lines each.
        assertEquals(
                "events of FINALIZE that were written again",
                profile.skipped().getFirst().reason());
    }

    @Test
    void theCompilersEstimateIsKeptApart() {
        Profile profile = ReadProfile.of(Fixtures.profile("ort-qnn-detailed-estimate-resnet8-qcs9100.csv"), "e");
        assertEquals(
                12,
                profile.estimates().stream()
                        .filter(e -> e.name().equals("Simulated (Accelerator exec time us)"))
                        .findFirst()
                        .orElseThrow()
                        .value());
        assertFalse(profile.nodes().stream().anyMatch(n -> n.name().contains("Simulated")));
    }

    @Test
    void opTraceSaysWhatBecameOfEachNode() {
        Profile profile = ReadProfile.of(Fixtures.profile("qnn-op-trace-fallback.json"), "t");
        assertEquals(Dialect.QNN_OP_TRACE, profile.dialect());
        assertEquals(10, profile.nodes().size());
        assertEquals(2, profile.partitions());
        assertEquals("Conv2d", node(profile, "stem/Conv_token_1").op());
        Offloaded hardmax = profile.offloaded().getFirst();
        assertEquals("middle/Hardmax", hardmax.name());
        assertTrue(hardmax.reason().startsWith("Operators of type `Hardmax` are not supported"), hardmax.reason());
        assertTrue(hardmax.advice().contains("ArgMax"), hardmax.advice());
        assertNull(profile.totalMicros());
        assertEquals(List.of("of 26 ONNX nodes 25 are supported, in 2 partitions of 10 QNN operators"), profile.said());
    }

    @Test
    void ortsChromeTraceHasTimesAndPlaces() {
        Profile profile = ReadProfile.of(Fixtures.profile("ort-chrome-trace-fallback.json"), "c");
        assertEquals(Dialect.ORT_CHROME_TRACE, profile.dialect());
        assertEquals(2, profile.runs());
        assertEquals(1, profile.partitions());
        assertEquals((49608 + 42318) / 2.0, profile.totalMicros());
        assertEquals(3, profile.nodes().size());
        assertEquals((67 + 32) / 2.0, node(profile, "middle/Hardmax").micros());
        assertEquals(Where.CPU, node(profile, "middle/Hardmax").where());
        assertEquals(Where.HTP, profile.nodes().getFirst().where());
        assertEquals((19863 + 20012) / 2.0, profile.nodes().getFirst().micros());
        assertEquals("Hardmax", profile.offloaded().getFirst().op());
        assertEquals(499780, profile.phases().get("initMicros"));
    }

    @Test
    void aRunOnTheCpuIsNoFallback() throws IOException {
        String text = "Node a on CPU execute 1 us\nNode b on CPU execute 2 us\n";
        Profile profile = ReadProfile.of(
                new ByteArrayInputStream(text.getBytes(java.nio.charset.StandardCharsets.UTF_8)), "cpu.txt");
        assertEquals(List.of(), profile.offloaded());
        assertTrue(profile.said().stream().anyMatch(s -> s.startsWith("all nodes ran on the CPU")));
    }

    @Test
    void viewerTextHasSectionsWhateverItsIndentation() throws IOException {
        Profile profile = documented("qnn-detailed.txt");
        assertEquals(Dialect.QNN_TEXT, profile.dialect());
        assertEquals(2952, profile.totalMicros());
        assertEquals(600, profile.totalCycles());
        assertEquals(45435, profile.phases().get("initMicros"));
        assertEquals(22322, profile.phases().get("composeMicros"));
        assertEquals(35454, profile.phases().get("finalizeMicros"));
        assertEquals(1212, profile.phases().get("deinitMicros"));
        assertEquals(2920, profile.phases().get("rpcMicros"));
        assertEquals(120, profile.phases().get("vtcmWaitMicros"));
        assertEquals(4, profile.phases().get("hvxThreads"));
        assertEquals(4, profile.nodes().size());
        NodeTime conv = node(profile, "model_convStart_Conv2D");
        assertEquals(0.75, conv.share());
        assertEquals(32, conv.waitCycles());
        assertEquals("HVX, HMX, DMA", conv.resources());
        assertEquals(100, node(profile, "fc: with, commas and blanks").cycles());
        assertTrue(profile.said().contains("this reader was made from documentation, not from a device's file"));
        StringBuilder flat = new StringBuilder();
        new String(Fixtures.documented("qnn-detailed.txt"), java.nio.charset.StandardCharsets.UTF_8)
                .lines()
                .forEach(l -> flat.append(l.strip()).append('\n'));
        Profile unindented = ReadProfile.of(
                new ByteArrayInputStream(flat.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8)),
                "qnn-detailed.txt");
        assertEquals(profile, unindented);
    }

    @Test
    void viewerCsvHasBlanksAndAPreamble() throws IOException {
        Profile profile = documented("qnn-viewer.csv");
        assertEquals(Dialect.QNN_CSV, profile.dialect());
        assertEquals(2, profile.runs());
        assertEquals(3201, profile.totalMicros());
        assertEquals("the application's clock", profile.totalBasis());
        assertEquals(144241, profile.totalCycles());
        assertEquals(30, profile.phases().get("queueWaitMicros"));
        assertEquals(12807, node(profile, "_Transpose_3").cycles());
        assertEquals(List.of(), profile.skipped());
    }

    @Test
    void qnnJsonNestsItsEvents() throws IOException {
        Profile profile = documented("qnn-profile.json");
        assertEquals(Dialect.QNN_JSON, profile.dialect());
        assertEquals(2, profile.runs());
        assertEquals(1, profile.partitions());
        assertEquals(1000, profile.totalMicros());
        assertEquals(280, profile.totalCycles());
        assertEquals(600, profile.phases().get("acceleratorExcludingWaitMicros"));
        assertEquals(5000, profile.phases().get("finalizeMicros"));
        assertEquals(190, node(profile, "conv1").cycles());
    }

    @Test
    void diagviewNamesTheRuntimeOfEachLayer() throws IOException {
        Profile profile = documented("snpe-diagview.txt");
        assertEquals(Dialect.SNPE_DIAGVIEW, profile.dialect());
        assertEquals(3458, profile.totalMicros());
        assertEquals(13545, profile.totalCycles());
        assertEquals(3, profile.nodes().size());
        assertEquals(10000.0 / 13545, node(profile, "conv1").share());
        assertEquals("detection", profile.offloaded().getFirst().name());
    }

    @Test
    void looseTextRepeatsItsNodes() throws IOException {
        Profile profile = documented("loose.txt");
        assertEquals(Dialect.LOOSE_TEXT, profile.dialect());
        assertEquals(2, profile.runs());
        NodeTime conv = node(profile, "conv1");
        assertNotNull(conv.micros());
        assertEquals(13.3, conv.micros(), 1e-9);
        assertEquals("Conv2d", conv.op());
        assertEquals(233.3, profile.totalMicros(), 1e-9);
        assertEquals("softmax", profile.offloaded().getFirst().name());
        assertEquals(1, profile.skipped().size());
    }
}
