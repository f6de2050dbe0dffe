package dev.nibble.pipeline.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.observe.Observer;
import dev.nibble.quant.place.Finding;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JoinedRangesTest {
    /// The head of a detector: boxes in pixels beside scores.
    private static Model detector() {
        Shape shape = Shape.of(1, 4, 10);
        return Model.of(
                8,
                17,
                Graph.of(
                        "head",
                        List.of(
                                Node.of("b", "Relu", List.of("x"), List.of("boxes")),
                                Node.of("s", "Sigmoid", List.of("z"), List.of("scores")),
                                Node.of(
                                        "c",
                                        "Concat",
                                        List.of("boxes", "scores"),
                                        List.of("y"),
                                        dev.nibble.graph.Attribute.of("axis", 1L))),
                        List.of(),
                        List.of(ValueInfo.of("x", DataType.FLOAT, shape), ValueInfo.of("z", DataType.FLOAT, shape)),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 8, 10)))));
    }

    private static List<Finding> findings(float largestBox, int bits) {
        PlacementPlan plan = Placement.plan(
                detector(), QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, bits));
        Map<String, Observation> observed = new HashMap<>();
        for (String value : plan.observed()) {
            Observer observer = new Observer();
            observer.observe(Tensor.of(Shape.of(1, 2), 0f, value.equals("z") ? 3f : largestBox), 0, 1);
            observed.put(value, observer.observation());
        }
        Map<String, Encoding> encodings = new HashMap<>();
        plan.activations()
                .forEach(quantizer -> encodings.put(
                        quantizer.name(),
                        quantizer.fixed().orElseGet(() -> Encoding.ofRange(0, largestBox, bits, Symmetry.ASYMMETRIC))));
        return JoinedRanges.find(plan, observed, encodings);
    }

    @Test
    void scoresBesideBoxesInPixelsAreWarnedOf() {
        List<Finding> findings = findings(640, 8);
        assertEquals(List.of("Q106"), findings.stream().map(Finding::code).toList());
        assertTrue(
                findings.getFirst().text().contains("'scores'"),
                findings.getFirst().text());
        assertEquals(Finding.Severity.WARNING, findings.getFirst().severity());
    }

    @Test
    void valuesOfLikeSizeAndSixteenBitsAreNot() {
        assertEquals(List.of(), findings(4, 8));
        assertEquals(List.of(), findings(640, 16));
    }
}
