package dev.nibble.target;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetsTest {
    /// Read from the log of Qualcomm's library.
    @ParameterizedTest
    @CsvSource({
        "sm8350, V68, 30, 4",
        "sm8450, V69, 36, 8",
        "sm8475, V69, 42, 8",
        "sm8550, V73, 43, 8",
        "qcs8550, V73, 66, 8",
        "sc8380xp, V73, 60, 8",
        "sm8650, V75, 57, 8",
        "sm8750, V79, 69, 8",
        "sm8850, V81, 87, 8",
        "qcs6490, V68, 93, 2",
        "qcm6490, V68, 93, 2",
        "sa8295, V68, 39, 8",
        "qcs9075, V73, 77, 8",
        "Samsung Galaxy S24, V75, 57, 8"
    })
    void knowsChipsAndTheirDevices(String name, HtpArch arch, int socId, int vtcmMb) {
        Target target = Targets.find(name);
        assertEquals(arch, target.arch().value());
        assertEquals(socId, target.socId().value());
        assertEquals(vtcmMb, target.vtcmMb().value());
        assertTrue(target.placementRules().extensions().gridPreserving().contains("Transpose"));
    }

    @Test
    void suggestsTheNearestName() {
        NibbleException e = assertThrows(NibbleException.class, () -> Targets.find("sm8560"));
        assertEquals("there is no target 'sm8560'", e.getMessage());
        assertEquals("did you mean 'sm8550'?", e.hint());
    }

    @Test
    void everyMeasuredDeviceHasATarget() throws IOException {
        List<String> lines = Files.readAllLines(shared("npu/latency.csv"));
        List<String> devices =
                lines.stream().skip(1).map(l -> l.split(",")[4]).distinct().toList();
        assertTrue(devices.size() > 10, devices::toString);
        devices.forEach(Targets::find);
    }

    @Test
    void aTargetFileNeedsItsSources() {
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> Targets.read("name = \"mine\"\n[arch]\nvalue = \"v75\"\nstatus = \"assumed\"\n", "mine.toml"));
        assertEquals("mine.toml: 'arch': there is no 'source'", e.getMessage());
        NibbleException key = assertThrows(NibbleException.class, () -> Targets.read("nam = \"mine\"\n", "mine.toml"));
        assertEquals("did you mean 'name'?", key.hint());
    }

    static Path shared(String name) {
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (Files.exists(found)) {
                return found;
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
