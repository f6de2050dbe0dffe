package dev.nibble.npu.fit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.npu.Nets;
import dev.nibble.npu.cost.Precision;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ErrorsTest {
    private static final ModelWork WORK = ModelWork.of(new Nets()
            .input("x", 1, 32, 8, 8)
            .node("y", "Relu", "x")
            .output("y")
            .model());

    private static List<FitParameters.Row> rows(double... micros) {
        List<FitParameters.Row> rows = new ArrayList<>();
        for (int i = 0; i < micros.length; i++) {
            rows.add(new FitParameters.Row(
                    new Measurement(
                            "m" + i, "w8a8", Precision.W8A8, "d", "qnn_dlc", i < 2 ? "a" : "b", micros[i], i + 2),
                    WORK,
                    0));
        }
        return rows;
    }

    @Test
    void errorsAreRelativeToTheMeasurement() {
        Errors errors = Errors.of("x", rows(100, 100, 200, 400), new double[] {110, 80, 200, 200}, i -> "d");
        assertEquals((10 + 20 + 0 + 50) / 4.0, errors.meanPercent(), 1e-9);
        assertEquals(15, errors.medianPercent(), 1e-9);
        assertEquals(15, errors.byFamily().get("a").percent(), 1e-9);
        assertEquals(25, errors.byFamily().get("b").percent(), 1e-9);
        assertEquals("m3", errors.worst().getFirst().topology());
    }

    @Test
    void spearmanIsOfRanks() {
        assertEquals(
                1,
                Errors.of("x", rows(1, 2, 3, 4), new double[] {10, 20, 21, 90}, i -> "d")
                        .spearman(),
                1e-9);
        // Two neighbours swapped among four: 1 − 6·2 / (4·15).
        assertEquals(
                0.8,
                Errors.of("x", rows(1, 2, 3, 4), new double[] {2, 1, 3, 4}, i -> "d")
                        .spearman(),
                1e-9);
        assertArrayEquals(new double[] {0.5, 0.5, 2}, Errors.ranks(new double[] {5, 5, 7}));
    }
}
