package dev.nibble.npu.fit;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.npu.fit.FitParameters.Solution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/// How wrong the calibrated model is on a data set: a folder with `latency.csv` and `topologies/`, `holdout/` of the same
/// form without subfolder, and `htp_estimates.csv` of another estimator.
///
/// @param oneModel predictions of each row by a fit without its model
/// @param oneFamily by a fit without its family
/// @param holdout rows that no fit has seen, and predictions of the fit to all others
public record Validation(
        Calibrate.Loaded loaded, Solution fitted, double[] oneModel, double[] oneFamily, Calibrate.Loaded holdout) {

    /// @param ours errors of the same rows, each graph left out of the fit
    /// @param theirs the other estimator's
    public record Compared(int rows, double ours, double theirs, double oursOneFamily) {}

    public static Validation of(Path data) {
        Calibrate.Loaded loaded = Calibrate.load(data.resolve("latency.csv"), data.resolve("topologies"), List.of());
        FitParameters fit = Calibrate.fitOfAll(loaded);
        Solution fitted = fit.fit(loaded.rows(), fit.prior(), 60);
        return new Validation(
                loaded,
                fitted,
                fit.leaveOut(loaded.rows(), r -> r.measurement().topology(), fitted),
                fit.leaveOut(loaded.rows(), r -> r.measurement().family(), fitted),
                Calibrate.load(data.resolve("holdout/latency.csv"), data.resolve("holdout"), loaded.devices()));
    }

    /// Errors of `predicted` on the rows of one device, or of all where it is empty.
    public Errors errors(double[] predicted, String device) {
        return errors(loaded, predicted, device);
    }

    /// Likewise for the rows that no fit has seen.
    public Errors holdoutErrors(String device) {
        return errors(holdout, Calibrate.predict(holdout.rows(), fitted), device);
    }

    private Errors errors(Calibrate.Loaded from, double[] predicted, String device) {
        Predicate<Row> wanted = r -> device.isEmpty() || name(r.device()).equals(device);
        List<Row> rows = new ArrayList<>();
        List<Double> kept = new ArrayList<>();
        for (int i = 0; i < predicted.length; i++) {
            if (wanted.test(from.rows().get(i))) {
                rows.add(from.rows().get(i));
                kept.add(predicted[i]);
            }
        }
        return Errors.of(
                device, rows, kept.stream().mapToDouble(Double::doubleValue).toArray(), this::name);
    }

    private String name(int device) {
        return loaded.devices().get(device).name();
    }

    /// Beside the other estimator, by precision, on the rows of `device` that it has an estimate and a measurement of.
    public SortedMap<String, Compared> compared(Path estimates, String device) {
        List<String> lines;
        try {
            lines = Files.readAllLines(estimates);
        } catch (IOException e) {
            throw new NibbleException("'" + estimates + "' cannot be read", "check the path", e);
        }
        List<String> head = Arrays.asList(lines.getFirst().split(",", -1));
        SortedMap<String, List<double[]>> errors = new TreeMap<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] cells = line.split(",", -1);
            String measured = cells[head.indexOf("measured_iq9075_ms")];
            String estimate = cells[head.indexOf("estimate_ms")];
            int row = row(cells[0], cells[1], device);
            if (measured.isEmpty() || estimate.isEmpty() || row < 0) {
                continue;
            }
            double micros = loaded.rows().get(row).measurement().micros();
            double theirs = Math.abs(Double.parseDouble(estimate) * 1e3 - micros) / micros;
            errors.computeIfAbsent(cells[1], p -> new ArrayList<>()).add(new double[] {
                Math.abs(oneModel[row] - micros) / micros, theirs, Math.abs(oneFamily[row] - micros) / micros
            });
        }
        SortedMap<String, Compared> compared = new TreeMap<>();
        errors.forEach((precision, all) ->
                compared.put(precision, new Compared(all.size(), mean(all, 0), mean(all, 1), mean(all, 2))));
        return compared;
    }

    private static double mean(List<double[]> errors, int column) {
        return 100 * errors.stream().mapToDouble(e -> e[column]).average().orElse(0);
    }

    private int row(String topology, String precision, String device) {
        for (int i = 0; i < loaded.rows().size(); i++) {
            Measurement m = loaded.rows().get(i).measurement();
            if (m.topology().equals(topology)
                    && m.precisionName().equals(precision)
                    && name(loaded.rows().get(i).device()).equals(device)) {
                return i;
            }
        }
        return -1;
    }

    /// The fitted machines by device.
    public Map<String, Machine> machines() {
        Map<String, Machine> machines = new TreeMap<>();
        fitted.machines().forEach(m -> machines.put(m.name(), m));
        return machines;
    }
}
