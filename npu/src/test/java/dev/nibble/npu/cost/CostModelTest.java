package dev.nibble.npu.cost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.work.VectorKind;
import dev.nibble.npu.work.Work;
import dev.nibble.target.Status;
import dev.nibble.target.Targets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CostModelTest {
    /// Sums of a handful of doubles.
    private static final double EXACT = 1e-9;

    /// A machine of round numbers.
    private static Machine machine() {
        return new Machine("round", Map.of(), 8, 0)
                .with(Parameter.INT8_TOPS, 40)
                .with(Parameter.INT16_TOPS, 20)
                .with(Parameter.FLOAT16_TFLOPS, 10)
                .with(Parameter.MEMORY_GBS, 50)
                .with(Parameter.ELEMENTWISE_GBS, 100)
                .with(Parameter.LAYER_US, 0.5)
                .with(Parameter.LAYER_WIDE, 2)
                .with(Parameter.BARRIER_US, 3)
                .with(Parameter.RUN_US, 30)
                .with(Parameter.IO_GBS, 5)
                .with(Parameter.VECTOR_FLOAT, 1.5)
                .with(Parameter.RESIDENT_MB, 2)
                .with(Parameter.SPILL_ADJACENT, 0.25)
                .with(Parameter.SPILL_SKIPPED, 0.75)
                .with(Parameter.NORMALIZATION_GBS, 20)
                .with(Parameter.PIXEL_NS, 2);
    }

    private static Work work(double padded, double elementwise, double weights, double adjacent, double skipped) {
        return new Work(
                (long) padded,
                padded,
                Map.of(VectorKind.ELEMENTWISE, elementwise),
                weights,
                adjacent,
                skipped,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                false,
                List.of());
    }

    @Test
    void calibratedAddsComputeMemoryAndOverhead() {
        LayerTime time = new Calibrated().layer(work(1e9, 1e6, 1e6, 0, 0), Precision.W8A8, machine());
        assertEquals(50, time.matrix(), EXACT); // 2e9 operations at 40 TOPS
        assertEquals(10, time.vector(), EXACT); // 1 MB at 100 GB/s
        assertEquals(20, time.memory(), EXACT); // 1 MB at 50 GB/s
        assertEquals(0.5, time.overhead(), EXACT);
        assertEquals(80.5, time.total(), EXACT);
        assertEquals(LayerTime.Bottleneck.COMPUTE, time.bottleneck());
    }

    @Test
    void widerActivationsMoveMoreAndMultiplySlower() {
        LayerTime wide = new Calibrated().layer(work(1e9, 1e6, 1e6, 0, 0), Precision.W8A16, machine());
        assertEquals(100, wide.matrix(), EXACT);
        assertEquals(20, wide.vector(), EXACT);
        assertEquals(20, wide.memory(), EXACT);
        assertEquals(1, wide.overhead(), EXACT);
        LayerTime floating = new Calibrated().layer(work(1e9, 1e6, 1e6, 0, 0), Precision.FP16, machine());
        assertEquals(200, floating.matrix(), EXACT);
        assertEquals(30, floating.vector(), EXACT);
        assertEquals(40, floating.memory(), EXACT);
    }

    @Test
    void fourBitWeightsHalveTheirTraffic() {
        LayerTime four = new Calibrated().layer(work(0, 0, 1e6, 0, 0), Precision.W4A16, machine());
        assertEquals(10, four.memory(), EXACT);
        assertEquals(LayerTime.Bottleneck.MEMORY, four.bottleneck());
    }

    @Test
    void onlyWhatExceedsItsShareOfTheFastMemorySpills() {
        Work inside = work(0, 0, 0, 2e6, 2e6);
        assertEquals(0, Calibrated.spilledBytes(inside, Precision.W8A8, machine()), EXACT);
        Work outside = work(0, 0, 0, 6e6, 4e6);
        // Out and back: 2·¼·(6 − 2) MB and 2·¾·(4 − 2) MB.
        assertEquals(5e6, Calibrated.spilledBytes(outside, Precision.W8A8, machine()), EXACT);
        Machine small = new Machine("small", machine().values(), 4, 0);
        assertEquals(2 * 0.25 * 5e6 + 2 * 0.75 * 3e6, Calibrated.spilledBytes(outside, Precision.W8A8, small), EXACT);
    }

    @Test
    void normalizingPixelsAndRescalingCostOnlyWhereTheyHappen() {
        Work pixels = new Work(0, 0, Map.of(), 0, 0, 0, 0, 0, 0, 1000, 0, 1e6, 1, false, List.of());
        LayerTime quantized = new Calibrated().layer(pixels, Precision.W8A8, machine());
        assertEquals(2 + 50, quantized.vector(), EXACT); // 1,000 pixels of 2 ns; 1 MB rescaled at 20 GB/s
        assertEquals(3.5, quantized.overhead(), EXACT); // a layer and a barrier
        LayerTime floating = new Calibrated().layer(pixels, Precision.FP16, machine());
        assertEquals(2 * 1.5, floating.vector(), EXACT); // nothing is rescaled in float
    }

    @Test
    void aRunAddsDispatchAndItsInputsAndOutputs() {
        assertEquals(30 + 20, new Calibrated().run(machine(), 1e5), EXACT);
        assertEquals(0, new Roofline().run(machine(), 1e5), EXACT);
    }

    @Test
    void theRooflineTakesTheLongerOfComputeAndBytes() {
        Work work = new Work(1_000_000_000L, 2e9, Map.of(), 1e6, 1e6, 0, 1e6, 0, 0, 0, 0, 0, 0, false, List.of());
        LayerTime time = new Roofline().layer(work, Precision.W8A8, machine());
        assertEquals(50, time.matrix(), EXACT); // without padding
        assertEquals(60, time.memory(), EXACT); // weights, input and output
        assertEquals(60, time.total(), EXACT);
    }

    @Test
    void simpleTakesTheLongerOfAllComputeAndAllMemory() {
        Simple simple = new Simple();
        LayerTime compute = simple.layer(work(1e9, 0, 0, 6e6, 0), Precision.W8A8, machine());
        LayerTime memory = simple.layer(work(0, 0, 4e6, 0, 0), Precision.W8A8, machine());
        assertEquals(0, compute.memory(), EXACT); // activations stay on the chip
        LayerTime sum = new LayerTime(compute.matrix(), 0, memory.memory(), 1, 0, 0, 0);
        assertEquals(80 + 1 + 30, simple.total(sum, 2, machine(), 0), EXACT);
    }

    @Test
    void machinesRefuseWhatIsNoNumber() {
        assertThrows(NibbleException.class, () -> machine().with(Parameter.INT8_TOPS, 0));
        assertThrows(NibbleException.class, () -> machine().with(Parameter.INT8_TOPS, Double.NaN));
        assertThrows(NibbleException.class, () -> machine().with(Parameter.INT8_TOPS, Double.POSITIVE_INFINITY));
    }

    @Test
    void aTargetWithoutMeasurementsSaysWhoseNumbersItHas() {
        Machines assumed = Machines.of(Targets.find("sm8475"));
        assertEquals(Status.ASSUMED, assumed.status());
        assertTrue(assumed.source().contains("nothing was measured"), assumed::source);
    }

    @Test
    void intervalsHoldThePredictionItself() {
        Machines machines = Machines.of(Targets.find("sm8650"));
        for (Precision precision : Precision.values()) {
            for (boolean attention : new boolean[] {true, false}) {
                Machines.Interval interval = machines.interval(Machines.kind(attention, precision));
                assertTrue(interval.low() <= 1 && interval.high() >= 1, () -> "" + interval);
            }
        }
        assertEquals(new Machines.Interval(0.5, 2), machines.interval("nothing alike"));
    }

    @Test
    void precisionsAreCalledAsUsersCallThem() {
        assertEquals(Precision.FP16, Precision.named("float"));
        assertEquals(Precision.W8A8, Precision.named("w8a8_mixed_int16"));
        assertEquals(Precision.W4A16, Precision.of(4, 16));
        assertEquals(Precision.FP16, Precision.of(8, 0));
        NibbleException wrong = assertThrows(NibbleException.class, () -> Precision.named("w8a9"));
        assertTrue(wrong.hint().contains("w8a8"), wrong::hint);
    }
}
