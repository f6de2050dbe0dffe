package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerformanceEstimateTest {
    private static final Soc QCS9075 = new Soc("qcs9075", 77);
    private static final Soc SM8650 = new Soc("sm8650", 57);

    private static final String PROFILE = """
            Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier
            0,FINALIZE,75344,US,BACKEND,ROOT,QNN (finalize) time
            0,BACKEND,0,US,BACKEND,ROOT,Performance Estimates
            0,BACKEND,12,US,BACKEND,SUB-EVENT,Simulated (Accelerator exec time us)
            0,BACKEND,11,US,BACKEND,SUB-EVENT,Simulated (Accelerator exec time us (lower estimate))
            0,BACKEND,14,US,BACKEND,SUB-EVENT,Simulated (Accelerator exec time us (upper estimate))
            0,BACKEND,124928,BYTES,BACKEND,SUB-EVENT,Input Fill
            0,BACKEND,4096,BYTES,BACKEND,SUB-EVENT,Intermediate Fill
            0,BACKEND,8192,BYTES,BACKEND,SUB-EVENT,Intermediate Spill
            0,BACKEND,2048,BYTES,BACKEND,SUB-EVENT,Output Spill
            0,BACKEND,3,US,BACKEND,SUB-EVENT,Missing Ops (Number of Ops with no Costs associated)
            0,NODE,1640,CYCLES,BACKEND,ROOT,Accelerator (execute) time (cycles)
            0,NODE,1640,CYCLES,BACKEND,SUB-EVENT,Input Fill
            """;

    @TempDir
    private Path directory;

    private Path profile(String text) throws IOException {
        return Files.writeString(directory.resolve("profile.csv"), text);
    }

    @Test
    void theBlockIsReadAndNothingElse() throws IOException {
        assertEquals(
                Optional.of(new PerformanceEstimate(12, 11, 14, 124_928, 4096, 8192, 2048, 3)),
                PerformanceEstimate.read(profile(PROFILE)));
        assertEquals(
                12_288, PerformanceEstimate.read(profile(PROFILE)).orElseThrow().spilledBytes());
    }

    @Test
    void theBlocksOfSeveralPartsAreAdded() throws IOException {
        PerformanceEstimate twice =
                PerformanceEstimate.read(profile(PROFILE + PROFILE)).orElseThrow();
        assertEquals(24, twice.micros());
        assertEquals(6, twice.operatorsWithoutCost());
    }

    @Test
    void aProfileWithoutTheBlockHoldsNone() throws IOException {
        assertEquals(
                Optional.empty(),
                PerformanceEstimate.read(profile(PROFILE.lines().findFirst().orElseThrow() + "\n")));
    }

    @Test
    void aMissingFigureIsAnError() throws IOException {
        Path file = profile(PROFILE.replace("Intermediate Spill", "Spill"));
        NibbleException e = assertThrows(NibbleException.class, () -> PerformanceEstimate.read(file));
        assertTrue(e.getMessage().contains("'Intermediate Spill'"), e.getMessage());
    }

    @Test
    void onlyChipsWithACostTableAreAsked() {
        assertTrue(PerformanceEstimate.isOffered(QCS9075));
        assertFalse(PerformanceEstimate.isOffered(SM8650));
        try (HtpCompiler compiler = new HtpCompiler(TestLibraries.require())) {
            HtpCompiler.Options options = new HtpCompiler.Options(OptionalInt.empty(), OptionalInt.empty());
            assertTrue(compiler.estimate(TestModels.of("Relu"), SM8650, options).isEmpty());
            PerformanceEstimate estimate =
                    compiler.estimate(TestModels.of("Relu"), QCS9075, options).orElseThrow();
            assertTrue(estimate.lowMicros() <= estimate.micros() && estimate.micros() <= estimate.highMicros());
            assertEquals(0, estimate.spilledBytes(), "four numbers fit");
        }
    }
}
