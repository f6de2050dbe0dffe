package dev.nibble.graph.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OnnxCheckerTest {
    @Test
    void passesTheBackendTestsUpToItsOpset() {
        Map<OnnxChecker.Outcome, Integer> outcomes = new TreeMap<>();
        List<String> failed = new ArrayList<>();
        SharedData.backendModels().forEach((name, bytes) -> {
            OnnxChecker.Verdict verdict = OnnxChecker.check(ModelReader.read(MemorySegment.ofArray(bytes), name, null));
            outcomes.merge(verdict.outcome(), 1, Integer::sum);
            if (verdict.outcome() == OnnxChecker.Outcome.FAILED) {
                failed.add(name + ": " + verdict.text().lines().findFirst().orElse(""));
            }
        });
        assertEquals(List.of(), failed);
        assertTrue(outcomes.get(OnnxChecker.Outcome.PASSED) > 500, outcomes.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/models", "npu/topologies"})
    void passesRealModels(String folder) {
        SharedData.models(folder).forEach((name, file) -> {
            OnnxChecker.Verdict verdict = OnnxChecker.check(ModelReader.read(file));
            assertEquals(OnnxChecker.Outcome.PASSED, verdict.outcome(), name + ": " + verdict.text());
        });
    }

    @Test
    void saysWhatIsWrongWithAnOperator() {
        Model model = conv(17, Attribute.of("no_such", 1));
        OnnxChecker.Verdict verdict = OnnxChecker.check(model);
        assertEquals(OnnxChecker.Outcome.FAILED, verdict.outcome());
        assertTrue(verdict.text().contains("no_such"), verdict.text());
    }

    @Test
    void isNotAskedAboveItsOpsetNorAboutDamagedModels() {
        OnnxChecker.Verdict newer = OnnxChecker.check(conv(23));
        assertEquals(OnnxChecker.Outcome.NOT_CHECKED, newer.outcome());
        assertTrue(newer.text().contains("opset 23"), newer.text());
        Node reader = Node.of("a", "Abs", List.of("nothing"), List.of("y"));
        OnnxChecker.Verdict damaged =
                OnnxChecker.check(Model.of(8, 17, Graph.of("g", List.of(reader), List.of(), List.of(), List.of())));
        assertEquals(OnnxChecker.Outcome.NOT_CHECKED, damaged.outcome());
        assertTrue(damaged.text().contains("nobody makes"), damaged.text());
    }

    private static Model conv(long opset, Attribute... attributes) {
        Initializer weight = new Initializer(
                "w", 1, Shape.of(64, 64, 3, 3), new Initializer.Storage.Absent(), dev.nibble.graph.Carried.NONE);
        return Model.of(
                8,
                opset,
                Graph.of(
                        "g",
                        List.of(Node.of("c", "Conv", List.of("x", "w"), List.of("y"), attributes)),
                        List.of(weight),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 64, 8, 8))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 64, 6, 6)))));
    }
}
