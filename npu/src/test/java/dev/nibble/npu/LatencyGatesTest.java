package dev.nibble.npu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.io.ModelReader;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.Calibrate;
import dev.nibble.npu.fit.Errors;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.npu.fit.ModelWork;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The shipped parameters against measurements that no fit has seen.
class LatencyGatesTest {
    /// The gates.
    private static final double HOLDOUT_MEAN = 20;
    private static final double HOLDOUT_MEDIAN = 12;

    @Test
    void holdoutErrorsStayWithinTheGates() {
        Calibrate.Loaded loaded = Calibrate.load(
                Shared.npu("holdout/latency.csv"), Shared.npu("holdout"), List.of(Targets.find("sm8650")));
        Errors all = errors(loaded.rows(), loaded);
        Errors gen3 = errors(loaded.rows().stream().filter(r -> r.device() == 0).toList(), loaded);
        for (Errors errors : List.of(all, gen3)) {
            assertTrue(errors.meanPercent() <= HOLDOUT_MEAN, errors::toString);
            assertTrue(errors.medianPercent() <= HOLDOUT_MEDIAN, errors::toString);
        }
        assertTrue(all.rows() > 150 && all.byDevice().size() == 13, all::toString);
    }

    private static Errors errors(List<Row> rows, Calibrate.Loaded loaded) {
        List<Machine> machines =
                loaded.devices().stream().map(t -> Machines.of(t).machine()).toList();
        double[] predicted = rows.stream()
                .mapToDouble(r -> r.work().micros(r.measurement().precision(), machines.get(r.device())))
                .toArray();
        return Errors.of("", rows, predicted, d -> machines.get(d).name());
    }

    /// The fit makes the shipped files, to the letter, and its held-out errors are within the gates.
    @Test
    @Tag("slow")
    void theShippedParametersAreWhatTheFitMakes() throws IOException {
        Calibrate.Result result = Calibrate.all(Shared.npu("latency.csv"), Shared.npu("topologies"));
        for (Map.Entry<String, String> target : result.targets().entrySet()) {
            try (InputStream shipped = Targets.class.getResourceAsStream("socs/" + target.getKey() + ".toml")) {
                assertTrue(shipped != null, target.getKey());
                assertEquals(
                        new String(shipped == null ? new byte[0] : shipped.readAllBytes(), StandardCharsets.UTF_8),
                        target.getValue());
            }
        }
        Errors oneFamily = result.cross().getLast();
        assertEquals("leaving one family out", oneFamily.label());
        assertTrue(oneFamily.meanPercent() <= 20, oneFamily::toString);
        assertTrue(oneFamily.spearman() >= 0.98, oneFamily::toString);
        Errors oneModel = result.cross().get(1);
        assertTrue(oneFamily.byDevice().get("sm8650").percent() <= 14.6, oneFamily::toString);
        assertTrue(oneModel.byDevice().get("sm8650").percent() <= 13.6, oneModel::toString);
    }

    @Test
    void workAddedUpGivesTheTimeOfTheLayersOneByOne() {
        Machines machines = Machines.of(Targets.find("sm8650"));
        for (String name : List.of("mobilenet_v2", "ffnet_40s", "vit", "densenet121")) {
            var model = ModelReader.read(Shared.npu("topologies/" + name + ".onnx"));
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
    void everyTargetHasAMachine() {
        Targets.all()
                .forEach(t -> assertEquals(t.name(), Machines.of(t).machine().name()));
    }
}
