package dev.nibble.npu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.Calibrate;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.npu.fit.MeasurementFile;
import dev.nibble.npu.fit.ModelWork;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The shipped parameters against measurements that no fit has seen, and files that nobody can mean.
class LatencyGatesTest {
    private static Path shared(String name) {
        Path at = Path.of("").toAbsolutePath();
        while (at != null && !Files.exists(at.resolve("../shared/npu/latency.csv"))) {
            at = at.getParent();
        }
        Path found =
                at == null ? null : at.resolve("../shared/npu").resolve(name).normalize();
        String given = System.getenv("NIBBLE_SHARED");
        Path path = given != null ? Path.of(given, "npu", name) : found;
        Assumptions.assumeTrue(path != null && Files.exists(path), "the shared data are not here");
        return path == null ? Path.of(name) : path;
    }

    @Test
    void holdoutErrorsOn8Gen3StayWithinTheGates() {
        Calibrate.Loaded loaded =
                Calibrate.load(shared("holdout/latency.csv"), shared("holdout"), List.of(Targets.find("sm8650")));
        double[] errors = loaded.rows().stream()
                .filter(r -> r.device() == 0)
                .mapToDouble(r -> Math.abs(predicted(r) - r.measurement().micros())
                        / r.measurement().micros())
                .sorted()
                .toArray();
        // The gates: 20 % mean, 12 % median.
        assertTrue(Arrays.stream(errors).average().orElse(1) <= 0.20, Arrays.toString(errors));
        assertTrue(errors[errors.length / 2] <= 0.12, Arrays.toString(errors));
    }

    private static double predicted(Row row) {
        return row.work()
                .micros(
                        row.measurement().precision(),
                        Machines.of(Targets.find("sm8650")).machine());
    }

    @Test
    void workAddedUpGivesTheTimeOfTheLayersOneByOne() {
        Machines machines = Machines.of(Targets.find("sm8650"));
        for (String name : List.of("mobilenet_v2", "ffnet_40s", "vit", "densenet121")) {
            var model = ModelReader.read(shared("topologies/" + name + ".onnx"));
            Estimator estimator = new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1);
            for (Precision precision : List.of(Precision.W8A8, Precision.FP16)) {
                double layers = estimator
                        .estimate(name, model, LayerPrecisions.all(precision))
                        .totalMicros();
                double sum = ModelWork.of(model).micros(precision, machines.machine());
                assertEquals(layers, sum, layers * 1e-9, name); // the same sums in another order
            }
        }
    }

    @Test
    void measurementsThatNobodyCanMeanAreRefused(@TempDir Path folder) throws IOException {
        String head = "topology,precision,target,latency_ms\n";
        for (String rows : List.of(
                "a,w8a8,sm8650,NaN\n",
                "a,w8a8,sm8650,-1\n",
                "a,w8a8,sm8650,1\na,w8a8,sm8650,2\n",
                "a,w9a9,sm8650,1\n",
                "a,w8a8,sm8650,fast\n",
                "")) {
            Path file = Files.writeString(folder.resolve("m.csv"), head + rows);
            assertThrows(NibbleException.class, () -> MeasurementFile.read(file), rows);
        }
    }

    @Test
    void rowsThatRanOnTheCpuAreCountedNotUsed(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(
                folder.resolve("m.csv"),
                "topology,precision,target,latency_ms,compute_unit\na,w8a8,sm8650,1,CPU\nb,w8a8,sm8650,1,NPU\n");
        MeasurementFile read = MeasurementFile.read(file);
        assertEquals(1, read.measurements().size());
        assertEquals(1, read.skipped().get("ran on the CPU"));
    }

    @Test
    void everyTargetHasAMachine() {
        Targets.all()
                .forEach(t -> assertEquals(t.name(), Machines.of(t).machine().name()));
    }
}
