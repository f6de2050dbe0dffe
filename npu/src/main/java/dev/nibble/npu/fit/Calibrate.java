package dev.nibble.npu.fit;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.npu.fit.FitParameters.Solution;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// From a file of latencies to target files: reads the models, fits, cross-validates, and says how wrong it is.
public final class Calibrate {
    private static final String REFERENCE_RUNTIME = "qnn_dlc";
    private static final List<String> RUNTIMES = List.of("qnn_context_binary", "tflite", "onnx");
    /// Four of five held-out measurements lie between these quantiles.
    private static final double LOW_QUANTILE = 0.1;

    private static final double HIGH_QUANTILE = 0.9;
    /// Beyond this factor a latency is in other units, not a slow model.
    private static final double UNIT_FACTOR = 200;
    /// The proxy that mirrors another device of the data set.
    private static final String MIRROR = "qcs8275";

    private Calibrate() {}

    /// What came of it.
    ///
    /// @param targets the text of a target file each, by name
    /// @param cross leaving one model out, one family out, and nothing out
    /// @param warnings what the user should look at
    /// @param skipped rows not used, by reason
    public record Result(
            SortedMap<String, String> targets,
            List<Machine> machines,
            List<Errors> cross,
            List<String> warnings,
            Map<String, Integer> skipped,
            int rows,
            String sha256) {}

    /// Rows with their models and devices.
    public record Loaded(List<Row> rows, List<Target> devices, MeasurementFile file, Map<String, Integer> skipped) {}

    /// Reads the rows of `runtime` and the graphs they name.
    ///
    /// @param models the folder of the `.onnx` files
    /// @param known devices that come first; where there is one, rows that name no device are of it
    public static Loaded load(Path measurements, Path models, List<Target> known) {
        MeasurementFile file = MeasurementFile.read(
                measurements, known.size() == 1 ? known.getFirst().name() : "");
        Map<String, Integer> skipped = new TreeMap<>(file.skipped());
        List<Target> devices = new ArrayList<>(known);
        Map<String, ModelWork> works = new LinkedHashMap<>();
        List<Row> rows = new ArrayList<>();
        for (Measurement m : file.of(REFERENCE_RUNTIME)) {
            if (m.device().contains(MIRROR)) {
                skipped.merge("mirrors another device", 1, Integer::sum);
                continue;
            }
            Target target =
                    known.stream().filter(t -> isOf(m, t)).findFirst().orElseGet(() -> Targets.find(m.device()));
            int device = devices.stream().map(Target::name).toList().indexOf(target.name());
            if (device < 0) {
                device = devices.size();
                devices.add(target);
            }
            ModelWork work = works.get(m.topology());
            if (work == null) {
                Path model = models.resolve(m.topology() + ".onnx");
                if (!Files.exists(model)) {
                    throw new NibbleException(
                            "measurements '%s', line %d: there is no model '%s'"
                                    .formatted(measurements, m.line(), model),
                            "name the folder of the models with --models");
                }
                work = ModelWork.of(StaticModel.read(model, Map.of()).model());
                works.put(m.topology(), work);
            }
            rows.add(new Row(m, work, device));
        }
        if (rows.isEmpty()) {
            throw new NibbleException(
                    "measurements '" + measurements + "' have no row of runtime qnn_dlc that ran on the NPU alone",
                    "measure with QNN on the NPU; left out were " + skipped);
        }
        return new Loaded(rows, devices, file, skipped);
    }

    /// Fits all devices at once, from general priors: how the shipped parameters are made.
    public static Result all(Path measurements, Path models) {
        Loaded loaded = load(measurements, models, List.of());
        FitParameters fit = fitOfAll(loaded);
        Solution solution = fit.fit(loaded.rows(), fit.prior(), 60);
        return result(loaded, fit, solution, measurements, true);
    }

    static FitParameters fitOfAll(Loaded loaded) {
        return FitParameters.ofAll(devices(loaded));
    }

    static List<FitParameters.Device> devices(Loaded loaded) {
        return loaded.devices().stream()
                .map(t -> new FitParameters.Device(t.name(), t.vtcmMb().value(), 0))
                .toList();
    }

    /// Fits one device, starting from what ships with it.
    ///
    /// @param targets the device, or nothing where the rows name it
    public static Result one(Path measurements, Path models, List<Target> targets) {
        Loaded loaded = load(measurements, models, targets);
        if (loaded.devices().size() > 1) {
            throw new NibbleException(
                    "measurements '%s' are of %d devices: %s"
                            .formatted(
                                    measurements,
                                    loaded.devices().size(),
                                    String.join(
                                            ", ",
                                            loaded.devices().stream()
                                                    .map(Target::name)
                                                    .toList())),
                    "fit one device at a time, or all of them anew with --all");
        }
        Machine shipped = Machines.of(loaded.devices().getFirst()).machine();
        FitParameters fit = FitParameters.from(shipped);
        List<String> warnings = units(loaded.rows(), shipped);
        Solution solution = fit.fit(loaded.rows(), fit.prior(), 60);
        Result result = result(loaded, fit, solution, measurements, false);
        List<String> all = new ArrayList<>(warnings);
        all.addAll(result.warnings());
        return new Result(
                result.targets(),
                result.machines(),
                result.cross(),
                all,
                result.skipped(),
                result.rows(),
                result.sha256());
    }

    private static List<String> units(List<Row> rows, Machine machine) {
        double[] ratios = rows.stream()
                .mapToDouble(r -> r.measurement().micros()
                        / r.work().micros(r.measurement().precision(), machine))
                .sorted()
                .toArray();
        double median = Errors.median(ratios);
        if (median > UNIT_FACTOR || median < 1 / UNIT_FACTOR) {
            return List.of(String.format(
                    Locale.ROOT,
                    "the latencies are %.0f times %s than estimated: are they in %s?",
                    median > 1 ? median : 1 / median,
                    median > 1 ? "longer" : "shorter",
                    median > 1
                            ? "microseconds (column latency_us)"
                            : "seconds or in milliseconds (column latency_ms)"));
        }
        return List.of();
    }

    private static Result result(
            Loaded loaded, FitParameters fit, Solution solution, Path measurements, boolean several) {
        List<Row> rows = loaded.rows();
        List<Errors> cross = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        cross.add(Errors.of("rows of the fit", rows, predict(rows, solution), i -> name(loaded, i)));
        double[] held = predict(rows, solution);
        if (rows.stream().map(r -> r.measurement().topology()).distinct().count() > 1) {
            double[] models = fit.leaveOut(rows, r -> r.measurement().topology(), solution);
            cross.add(Errors.of("leaving one model out", rows, models, i -> name(loaded, i)));
        } else {
            warnings.add("all rows are of one model: there is nothing to validate the fit with");
        }
        if (rows.stream().map(r -> r.measurement().family()).distinct().count() > 1) {
            held = fit.leaveOut(rows, r -> r.measurement().family(), solution);
            cross.add(Errors.of("leaving one family out", rows, held, i -> name(loaded, i)));
        }
        SortedMap<String, String> targets = new TreeMap<>();
        SortedMap<String, Double> intervals = several ? intervals(rows, held) : new TreeMap<>();
        for (int d = 0; d < loaded.devices().size(); d++) {
            Target target = loaded.devices().get(d);
            SortedMap<String, Double> extras = new TreeMap<>(intervals);
            if (several) {
                extras.putAll(runtimes(loaded, target));
            } else {
                extras.putAll(Machines.of(target).extras());
            }
            int device = d;
            long count = rows.stream().filter(r -> r.device() == device).count();
            String source = "nibble fit: %d of %d rows of %s, sha256 %s"
                    .formatted(
                            count,
                            rows.size(),
                            String.valueOf(measurements.getFileName()),
                            loaded.file().sha256().substring(0, 16));
            targets.put(
                    target.name(), TargetText.with(target, solution.machines().get(d), extras, source));
        }
        return new Result(
                targets,
                solution.machines(),
                cross,
                warnings,
                loaded.skipped(),
                rows.size(),
                loaded.file().sha256());
    }

    private static String name(Loaded loaded, int device) {
        return loaded.devices().get(device).name();
    }

    /// The predictions of a solution for rows of its devices.
    public static double[] predict(List<Row> rows, Solution solution) {
        return rows.stream()
                .mapToDouble(r -> r.work()
                        .micros(r.measurement().precision(), solution.machines().get(r.device())))
                .toArray();
    }

    /// How measured and held-out prediction relate, by kind of model and precision, over all devices.
    private static SortedMap<String, Double> intervals(List<Row> rows, double[] held) {
        SortedMap<String, List<Double>> ratios = new TreeMap<>();
        for (int i = 0; i < held.length; i++) {
            Row row = rows.get(i);
            String kind =
                    Machines.kind(row.work().attention(), row.measurement().precision());
            ratios.computeIfAbsent(kind, k -> new ArrayList<>())
                    .add(row.measurement().micros() / held[i]);
        }
        SortedMap<String, Double> intervals = new TreeMap<>();
        ratios.forEach((kind, all) -> {
            double[] sorted =
                    all.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            intervals.put("interval_" + kind + "_low", quantile(sorted, LOW_QUANTILE));
            intervals.put("interval_" + kind + "_high", quantile(sorted, HIGH_QUANTILE));
        });
        return intervals;
    }

    private static double quantile(double[] sorted, double q) {
        return sorted[(int) Math.round(q * (sorted.length - 1))];
    }

    /// The median of what each runtime adds to the same model, precision and device.
    private static SortedMap<String, Double> runtimes(Loaded loaded, Target target) {
        Map<String, Double> reference = new TreeMap<>();
        for (Measurement m : loaded.file().of(REFERENCE_RUNTIME)) {
            if (isOf(m, target)) {
                reference.put(m.topology() + "|" + m.precisionName(), m.micros());
            }
        }
        SortedMap<String, Double> added = new TreeMap<>();
        for (String runtime : RUNTIMES) {
            double[] differences = loaded.file().of(runtime).stream()
                    .filter(m -> isOf(m, target))
                    .mapToDouble(m ->
                            m.micros() - reference.getOrDefault(m.topology() + "|" + m.precisionName(), Double.NaN))
                    .filter(Double::isFinite)
                    .sorted()
                    .toArray();
            if (differences.length >= 5) {
                added.put("runtime_" + runtime + "_us", Math.max(0.1, Errors.median(differences)));
            }
        }
        return added;
    }

    private static boolean isOf(Measurement m, Target target) {
        return target.name().equalsIgnoreCase(m.device())
                || target.aliases().stream().anyMatch(a -> a.equalsIgnoreCase(m.device()));
    }
}
