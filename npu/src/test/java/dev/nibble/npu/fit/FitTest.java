package dev.nibble.npu.fit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.npu.Nets;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FitTest {
    @TempDir
    private Path folder;

    private static final Machine SHIPPED = Machines.of(Targets.find("sm8650")).machine();

    /// Nets of three sizes.
    private static Nets net(int size) {
        return new Nets()
                .input("x", 1, 32, 32L * size, 32L * size)
                .conv3("a", "x", 32, 64L * size)
                .node("s", "Sigmoid", "a")
                .conv3("y", "s", 64L * size, 128)
                .output("y");
    }

    private static Row row(int size, Precision precision, double factor) {
        ModelWork work = ModelWork.of(net(size).model());
        double micros = factor * work.micros(precision, SHIPPED);
        return new Row(
                new Measurement(
                        "net" + size, precision.label(), precision, "sm8650", "qnn_dlc", "net" + size, micros, size),
                work,
                0);
    }

    private static double prediction(Machine machine, int size, Precision precision) {
        return ModelWork.of(net(size).model()).micros(precision, machine);
    }

    @Test
    void rowsThatAgreeWithTheShippedValuesChangeNothing() {
        FitParameters fit = FitParameters.from(SHIPPED);
        Machine fitted = fit.fit(List.of(row(1, Precision.W8A8, 1), row(2, Precision.FP16, 1)), fit.prior(), 60)
                .machines()
                .getFirst();
        for (Parameter parameter : Parameter.values()) {
            assertEquals(SHIPPED.get(parameter), fitted.get(parameter), SHIPPED.get(parameter) * 1e-6);
        }
    }

    @Test
    void oneRowMovesTheSpeedOfTheChipNotItsCharacter() {
        FitParameters fit = FitParameters.from(SHIPPED);
        Machine fitted = fit.fit(List.of(row(2, Precision.W8A8, 2)), fit.prior(), 60)
                .machines()
                .getFirst();
        double here = prediction(fitted, 2, Precision.W8A8) / prediction(SHIPPED, 2, Precision.W8A8);
        assertTrue(here > 1.5 && here <= 2.01, () -> "the row itself: " + here);
        double there = prediction(fitted, 3, Precision.FP16) / prediction(SHIPPED, 3, Precision.FP16);
        assertTrue(there > 1.3 && there < 2.2, () -> "another model and precision follow: " + there);
        assertEquals(SHIPPED.get(Parameter.SPILL_SKIPPED), fitted.get(Parameter.SPILL_SKIPPED), 0.1);
    }

    @Test
    void aSingleWildRowAmongMoreIsNotBelieved() {
        List<Row> rows = new ArrayList<>();
        for (int size = 1; size <= 3; size++) {
            rows.add(row(size, Precision.W8A8, 1));
            rows.add(row(size, Precision.W8A16, 1));
        }
        rows.add(row(2, Precision.FP16, 4));
        FitParameters fit = FitParameters.from(SHIPPED);
        Machine fitted = fit.fit(rows, fit.prior(), 60).machines().getFirst();
        double moved = prediction(fitted, 3, Precision.W8A8) / prediction(SHIPPED, 3, Precision.W8A8);
        assertEquals(1, moved, 0.05);
    }

    @Test
    void theFitIsDeterministicAndLeavesOutWhatItPredicts() {
        List<Row> rows = List.of(row(1, Precision.W8A8, 1.2), row(2, Precision.W8A8, 1.3), row(3, Precision.W8A8, 0.8));
        FitParameters fit = FitParameters.from(SHIPPED);
        var all = fit.fit(rows, fit.prior(), 60);
        double[] held = fit.leaveOut(rows, r -> r.measurement().topology(), all);
        assertArrayEquals(held, fit.leaveOut(rows, r -> r.measurement().topology(), all));
        double[] own = Calibrate.predict(rows, all);
        // Held out, the slow model is predicted slower than where it is in the fit itself, which it speeds up.
        assertTrue(held[2] > own[2], () -> held[2] + " " + own[2]);
    }

    private Path measurements(String unit, double... millis) throws IOException {
        StringBuilder text = new StringBuilder("topology,precision,target,latency_" + unit + "\n");
        for (int i = 0; i < millis.length; i++) {
            ModelWriter.write(net(i + 1).model(), folder.resolve("net" + (i + 1) + ".onnx"));
            text.append(String.format(Locale.ROOT, "net%d,w8a8,sm8650,%f%n", i + 1, millis[i]));
        }
        return Files.writeString(folder.resolve("mine.csv"), text);
    }

    @Test
    void oneRowGivesATargetFileAndAWarning() throws IOException {
        Calibrate.Result result = Calibrate.one(measurements("ms", 0.2), folder, List.of());
        assertTrue(result.warnings().getFirst().contains("one model"), () -> "" + result.warnings());
        Path file =
                Files.writeString(folder.resolve("mine.toml"), result.targets().get("sm8650"));
        Machines read = Machines.of(Targets.find(file.toString()));
        assertEquals("sm8650", read.machine().name());
        assertTrue(read.source().contains("1 of 1 rows") && read.source().contains("sha256"), read::source);
        for (Parameter parameter : Parameter.values()) {
            if (parameter == Parameter.INT4_TOPS) {
                continue; // assumed to be that of eight bits, not written
            }
            assertEquals(
                    result.machines().getFirst().get(parameter),
                    read.machine().get(parameter),
                    read.machine().get(parameter) * 1e-3);
        }
    }

    @Test
    void latenciesInOtherUnitsAreNoticed() throws IOException {
        // 0.2 ms written as if in milliseconds, but in microseconds; and the other way round.
        assertTrue(Calibrate.one(measurements("ms", 200, 400), folder, List.of())
                .warnings()
                .getFirst()
                .contains("microseconds"));
        assertTrue(Calibrate.one(measurements("us", 0.2, 0.4), folder, List.of())
                .warnings()
                .getFirst()
                .contains("milliseconds"));
    }

    @Test
    void aChipThatNibbleDoesNotKnowIsFittedFromTheOneThatStandsIn() throws IOException {
        Path own = Files.writeString(folder.resolve("own.toml"), """
                name = "own1000"
                [arch]
                value = "v75"
                status = "assumed"
                source = "a test"
                [soc_id]
                value = 1000
                status = "assumed"
                source = "a test"
                [vtcm_mb]
                value = 4
                status = "assumed"
                source = "a test"
                [float16]
                value = true
                status = "assumed"
                source = "a test"
                [calibration]
                from = "sm8650"
                status = "assumed"
                source = "a test"
                """);
        Path file = measurements("ms", 0.2);
        Files.writeString(file, Files.readString(file).replace(",sm8650", "").replace(",target", ""));
        Calibrate.Result result = Calibrate.one(file, folder, List.of(Targets.find(own.toString())));
        assertTrue(result.targets().get("own1000").contains("[calibration]"), () -> "" + result.targets());
        assertThrows(NibbleException.class, () -> Calibrate.one(file, folder, List.of()), "no row names a device");
    }

    @Test
    void aModelThatIsNotThereIsNamed() throws IOException {
        Path file = measurements("ms", 0.2);
        Files.delete(folder.resolve("net1.onnx"));
        NibbleException refused = assertThrows(NibbleException.class, () -> Calibrate.one(file, folder, List.of()));
        assertTrue(
                refused.getMessage().contains("line 2") && refused.getMessage().contains("net1.onnx"));
    }

    @Test
    void familiesAreToldFromNames() {
        assertEquals("resnet", Families.of("resnext101"));
        assertEquals("video", Families.of("resnet_3d"));
        assertEquals("mobilenet", Families.of("mnasnet05"));
        assertEquals("bert", Families.of("electra_bert_base"));
        assertEquals("something_new", Families.of("something_new"));
    }
}
