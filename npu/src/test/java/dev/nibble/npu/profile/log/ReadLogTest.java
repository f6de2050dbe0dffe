package dev.nibble.npu.profile.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.log.LogEvidence.Placement;
import dev.nibble.npu.profile.log.LogEvidence.Refused;
import dev.nibble.npu.profile.read.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Real lines of ONNX Runtime and QNN, and single lines of the errors that people post.
class ReadLogTest {
    @TempDir
    private Path folder;

    private LogEvidence of(String text) throws IOException {
        return ReadLog.of(Files.writeString(folder.resolve("a.log"), text), "a.log");
    }

    @Test
    void placementNamesTheNodeThatFellBack() {
        LogEvidence log = ReadLog.of(Fixtures.shared("npu/profiles/ort-verbose-placement-fallback.log"), "p.log");
        assertEquals(1, log.nodes().size());
        Refused hardmax = log.nodes().getFirst();
        assertEquals("middle/Hardmax", hardmax.name());
        assertEquals("Hardmax", hardmax.op());
        assertEquals(2, hardmax.times());
        assertTrue(hardmax.advice().contains("ArgMax"));
        assertEquals(
                List.of(
                        new Placement(
                                1,
                                "QNN",
                                2,
                                List.of(
                                        "QNN_14565548744135702694_2 (QNN_QNN_14565548744135702694_2_0)",
                                        "QNN_14565548744135702694_3 (QNN_QNN_14565548744135702694_3_1)")),
                        new Placement(1, "CPUExecutionProvider", 1, List.of("Hardmax (middle/Hardmax)")),
                        new Placement(2, "CPUExecutionProvider", 11, List.of())),
                log.placements());
    }

    @Test
    void theValidatorsOwnWordsStandInForAVagueReason() {
        LogEvidence log = ReadLog.of(Fixtures.shared("npu/profiles/ort-qnn-log-rejected-datatype.log"), "r.log");
        assertEquals(1, log.nodes().size());
        Refused conv = log.nodes().getFirst();
        assertEquals("OP", conv.name());
        assertEquals("Conv", conv.op());
        assertTrue(conv.reason().startsWith("Unsupported input/output datatypes requested"), conv.reason());
        assertEquals("in[0] SFIXED_POINT_16", conv.requested().getFirst());
        assertTrue(
                conv.supported()
                        .contains(
                                "in[0] UFIXED_POINT_8, in[1] SFIXED_POINT_8, in[2] SFIXED_POINT_32, out[0] UFIXED_POINT_8"),
                conv.supported().toString());
        assertEquals(
                "in[0] SFIXED_POINT_16, in[1] SFIXED_POINT_8, in[2] SFIXED_POINT_32, out[0] SFIXED_POINT_16",
                conv.supported().getFirst(),
                "the nearest comes first");
        LogEvidence.Error error = log.errors().getFirst();
        assertEquals(3110, error.code());
        assertEquals("QNN_OP_PACKAGE_ERROR_VALIDATION_FAILURE", error.name());
        assertEquals(1, log.errors().size(), "0xc26 is 3110 too: " + log.errors());
    }

    @Test
    void errorNumbersAreFoundInTheFormsThatToolsWrite() throws IOException {
        LogEvidence log = of("""
                [ERROR] Failed to finalize graph. Error code: 1002
                could not create op: q::flat_from_vtcm
                QNN device create failed, error: 14001
                [E:onnxruntime] QNN_COMMON_ERROR_NOT_SUPPORTED
                err 1002, at 12:34:56.1002
                Failed to validate op x with error 0xc26
                This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has \
                been explicitly disabled by the user.
                Unsupported nodes in QNN EP: { name: a/b, type: Hardmax } { name: c, type: Loop }
                graph status 6003
                """);
        assertEquals(
                List.of(1002, 14001, 1000, 3110, 6003),
                log.errors().stream().map(LogEvidence.Error::code).toList());
        assertEquals(2, log.errors().getFirst().times());
        assertTrue(log.errors().getFirst().advice().contains("could not create op"));
        assertEquals("", log.errors().getLast().name());
        assertEquals(2, log.signs().size());
        assertEquals(
                List.of("a/b", "c"), log.nodes().stream().map(Refused::name).toList());
    }

    @Test
    void emptyAndMissingLogsAreErrors() {
        assertThrows(NibbleException.class, () -> of("\n"));
        NibbleException e = assertThrows(NibbleException.class, () -> ReadLog.of(folder.resolve("no.log"), "no.log"));
        assertEquals("there is no file 'no.log'", e.getMessage());
    }
}
