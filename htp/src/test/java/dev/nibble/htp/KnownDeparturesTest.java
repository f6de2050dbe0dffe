package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KnownDeparturesTest {
    /// `y = op(x, x)`, both dequantized from codes of `type`.
    private static Graph graph(String op, DataType type) {
        return Graph.of(
                op,
                List.of(
                        Node.of("d", "DequantizeLinear", List.of("x", "s", "z"), List.of("xd")),
                        Node.of("n", op, List.of("xd", "xd"), List.of("y"))),
                List.of(
                        Initializer.of("s", Tensor.of(Shape.of(), 1f)),
                        Initializer.of(
                                "z", new Tensor(type, Shape.of(), MemorySegment.ofArray(new byte[type.bits() / 8])))),
                List.of(ValueInfo.of("x", type, Shape.of(4, 4))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(4, 4))));
    }

    @Test
    void theSecondValueOfAMatMulCountsOnlyInSixteenBitsWithoutSign() {
        assertTrue(
                KnownDepartures.of(graph("MatMul", DataType.UINT16)).toString().contains("cut to 8 bits"));
        assertEquals(Map.of(), KnownDepartures.of(graph("MatMul", DataType.INT16)));
        assertEquals(Map.of(), KnownDepartures.of(graph("MatMul", DataType.UINT8)));
    }

    @Test
    void widthDecidesWhereItWasSeenTo() {
        assertEquals(1, KnownDepartures.of(graph("Log", DataType.UINT16)).size());
        assertEquals(Map.of(), KnownDepartures.of(graph("Log", DataType.UINT8)));
        assertEquals(1, KnownDepartures.of(graph("Tan", DataType.UINT16)).size());
        assertEquals(Map.of(), KnownDepartures.of(graph("Relu", DataType.UINT8)));
    }

    private static Map<String, String> resize(String coordinates, String rounding, float scale) {
        return KnownDepartures.of(Graph.of(
                "resize",
                List.of(Node.of(
                        "n",
                        "Resize",
                        List.of("x", "", "scales"),
                        List.of("y"),
                        Attribute.of("coordinate_transformation_mode", coordinates),
                        Attribute.of("nearest_mode", rounding))),
                List.of(Initializer.of("scales", Tensor.of(Shape.of(4), 1f, 1f, scale, scale))),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 1, 4, 4))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 1, 6, 6)))));
    }

    @Test
    void nearestIsSoundWhereNoSampleIsHalfWay() {
        assertEquals(Map.of(), resize("half_pixel", "round_prefer_floor", 2));
        assertEquals(1, resize("half_pixel", "round_prefer_floor", 1.5f).size());
        assertEquals(1, resize("half_pixel", "floor", 2).size());
        assertEquals(Map.of(), resize("pytorch_half_pixel", "round_prefer_floor", 1.5f));
    }
}
