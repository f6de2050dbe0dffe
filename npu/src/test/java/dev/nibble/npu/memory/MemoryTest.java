package dev.nibble.npu.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.npu.Nets;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.work.CountWork;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Work;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryTest {
    private static final double MIB = 1 << 20;

    private static Tile tile(Nets net, Precision precision, double budget) {
        Flow flow = net.flow();
        return Tile.of(flow, flow.layers().getFirst(), CountWork.of(flow).getFirst(), precision, budget, 1);
    }

    private static Nets convolution(long size) {
        return new Nets().input("x", 1, 64, size, size).conv3("y", "x", 64, 96).output("y");
    }

    @Test
    void aLayerThatFitsIsOneTile() {
        Tile tile = tile(convolution(16), Precision.W8A8, 8 * MIB);
        assertEquals(1, tile.tiles());
        assertEquals(16, tile.height());
        assertEquals(96, tile.channels());
        assertEquals(tile.workingSetBytes(), tile.tileBytes());
        assertTrue(tile.fits());
    }

    @ParameterizedTest
    @ValueSource(longs = {64, 200, 512, 1000})
    void tilesAreLegalAndWithinTheBudget(long size) {
        for (Precision precision : List.of(Precision.W8A8, Precision.FP16)) {
            Tile tile = tile(convolution(size), precision, 2 * MIB);
            assertTrue(tile.fits() && tile.tileBytes() <= 2 * MIB, tile::toString);
            assertEquals(0, tile.channels() % 32, tile::toString);
            assertTrue(tile.tiles() * tile.height() * tile.width() * tile.channels() >= size * size * 96);
        }
    }

    @Test
    void whatCannotBeCutFurtherIsSaidNotToFit() {
        assertFalse(tile(convolution(512), Precision.FP16, 1000).fits());
    }

    @Test
    void theTimelineFollowsWhatIsStillNeeded() {
        Flow flow = new Nets()
                .input("x", 1, 32, 8, 8)
                .node("a", "Sigmoid", "x")
                .node("b", "Tanh", "a")
                .node("c", "Exp", "b")
                .node("y", "Add", "c a")
                .output("y")
                .flow();
        List<Work> works = CountWork.of(flow);
        MemoryTimeline timeline = MemoryTimeline.of(flow, works, Collections.nCopies(works.size(), Precision.W8A8));
        double one = 32 * 8 * 8;
        // x a | a b | a b c | a c y: a lives on to the addition.
        assertEquals(List.of(2 * one, 2 * one, 3 * one, 3 * one), timeline.liveBytes());
        assertEquals(3 * one, timeline.peakBytes());
        assertEquals("c", timeline.peakLayer());
        assertEquals(List.of("a", "b", "c"), List.copyOf(timeline.peakTensors().keySet()));
    }

    @Test
    void compressionShrinksActivationsNotWeights() {
        Flow flow = convolution(64).flow();
        Work work = CountWork.of(flow).getFirst();
        Tile plain = Tile.of(flow, flow.layers().getFirst(), work, Precision.W8A8, 8 * MIB, 1);
        Tile half = Tile.of(flow, flow.layers().getFirst(), work, Precision.W8A8, 8 * MIB, 0.5);
        assertEquals((plain.workingSetBytes() + work.weights()) / 2, half.workingSetBytes(), 1);
    }
}
