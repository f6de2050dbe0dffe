package dev.nibble.npu.fit;

import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Parameter;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Fits the calibrated model to latencies of several devices at once: the parameters of a device are those of all
/// devices, times its speed, times its number of units, times small deviations of its own,
/// `ln p[k,d] = μ[k] + e[k]·v[d] + f[k]·w[d] + s[k]·δ[k,d]`, each drawn to its prior so that few rows cannot overfit.
///
/// Minimized is a robust (pseudo-Huber) loss of `ln(predicted / measured)` plus the squared distance from the priors,
/// by damped Gauss-Newton steps. Deterministic.
public final class FitParameters {
    /// Residuals beyond this count linearly: about the scatter of good rows.
    private static final double HUBER = 0.1;
    /// What a prior weighs beside a row.
    private static final double PRIOR = 0.2;
    /// How far the speeds of chips are apart, in natural logarithms.
    private static final double SPEED_SPREAD = 1.0;

    /// How far their numbers of units are apart, likewise.
    private static final double WIDTH_SPREAD = 0.5;

    /// So far moves what a fit is to leave alone.
    private static final double HELD = 1e-3;

    private static final double STEP = 1e-4;
    private static final Parameter[] PARAMETERS = Parameter.values();

    private final List<Device> devices;
    private final double[] centre;
    private final double[] spread;
    private final double[] between;
    private final double widthSpread;
    private final int size;

    /// A chip as far as it is not fitted.
    public record Device(String name, double vtcmMb, double memoryPeakGbs) {}

    /// A latency and what it was measured with.
    public record Row(Measurement measurement, ModelWork work, int device) {}

    private FitParameters(
            List<Device> devices, double[] centre, double[] spread, double[] between, double widthSpread) {
        this.devices = List.copyOf(devices);
        this.centre = centre;
        this.spread = spread;
        this.between = between;
        this.widthSpread = widthSpread;
        this.size = PARAMETERS.length * (1 + devices.size()) + 2 * devices.size();
    }

    /// What of the form is left to a fit.
    ///
    /// @param fixed parameters that stay what they are, but for the speed of a chip
    /// @param units whether chips differ in their number of units beside their speed
    /// @param own whether chips have deviations of their own
    public record Freedom(Map<Parameter, Double> fixed, boolean units, boolean own) {
        /// Everything.
        public static final Freedom ALL = new Freedom(Map.of(), true, true);

        public Freedom {
            fixed = Map.copyOf(fixed);
        }
    }

    /// Fits everything from the priors of [Parameter].
    public static FitParameters ofAll(List<Device> devices) {
        return ofAll(devices, Freedom.ALL);
    }

    /// The same with a part of the form held.
    public static FitParameters ofAll(List<Device> devices, Freedom freedom) {
        double[] centre = new double[PARAMETERS.length];
        double[] spread = new double[PARAMETERS.length];
        double[] between = new double[PARAMETERS.length];
        for (int k = 0; k < centre.length; k++) {
            Double fixed = freedom.fixed().get(PARAMETERS[k]);
            centre[k] = Math.log(fixed == null ? PARAMETERS[k].centre() : fixed);
            spread[k] = fixed == null ? PARAMETERS[k].spread() : HELD;
            between[k] = fixed == null && freedom.own() ? PARAMETERS[k].between() : 0;
        }
        return new FitParameters(devices, centre, spread, between, freedom.units() ? WIDTH_SPREAD : HELD);
    }

    /// Fits one device's speed and deviations from `shipped`, to which few rows leave it close.
    public static FitParameters from(Machine shipped) {
        double[] centre = new double[PARAMETERS.length];
        double[] spread = new double[PARAMETERS.length];
        for (int k = 0; k < centre.length; k++) {
            centre[k] = Math.log(shipped.get(PARAMETERS[k]));
        }
        Arrays.fill(spread, HELD);
        return new FitParameters(
                List.of(new Device(shipped.name(), shipped.vtcmMb(), shipped.memoryPeakGbs())),
                centre,
                spread,
                Arrays.stream(PARAMETERS).mapToDouble(Parameter::between).toArray(),
                WIDTH_SPREAD);
    }

    /// What a fit found: the unknowns as they are solved for, and the machines that they make.
    public record Solution(double[] unknowns, List<Machine> machines) {}

    /// The solution before any measurement.
    public Solution prior() {
        double[] unknowns = new double[size];
        System.arraycopy(centre, 0, unknowns, 0, centre.length);
        return solution(unknowns);
    }

    /// @param start where to begin
    /// @param steps at most so many
    public Solution fit(List<Row> rows, Solution start, int steps) {
        double[] at = start.unknowns().clone();
        double damping = 1e-3;
        double cost = cost(rows, at);
        for (int step = 0; step < steps; step++) {
            Normal normal = normal(rows, at);
            boolean better = false;
            double before = cost;
            while (damping < 1e6) {
                double[] move = normal.solve(damping);
                double[] tried = at.clone();
                for (int i = 0; i < size; i++) {
                    tried[i] -= Math.clamp(move[i], -2, 2);
                }
                double triedCost = cost(rows, tried);
                if (triedCost < cost) {
                    at = tried;
                    cost = triedCost;
                    damping = Math.max(damping / 5, 1e-7);
                    better = true;
                    break;
                }
                damping *= 4;
            }
            if (!better || before - cost < 1e-5 * before) {
                break;
            }
        }
        return solution(at);
    }

    private Solution solution(double[] unknowns) {
        return new Solution(
                unknowns,
                java.util.stream.IntStream.range(0, devices.size())
                        .mapToObj(d -> machine(unknowns, d, -1))
                        .toList());
    }

    /// The machine of device `d`, with parameter `moved` a small step larger.
    private Machine machine(double[] unknowns, int d, int moved) {
        int n = PARAMETERS.length;
        Map<Parameter, Double> values = new EnumMap<>(Parameter.class);
        for (int k = 0; k < n; k++) {
            double log = unknowns[k]
                    + PARAMETERS[k].kind().exponent() * unknowns[n + d]
                    + PARAMETERS[k].kind().widthExponent() * unknowns[n + devices.size() + d]
                    + between[k] * unknowns[n + 2 * devices.size() + d * n + k]
                    + (k == moved ? STEP : 0);
            values.put(PARAMETERS[k], Math.exp(log));
        }
        Device device = devices.get(d);
        return new Machine(device.name(), values, device.vtcmMb(), device.memoryPeakGbs());
    }

    private double weight(int i) {
        int n = PARAMETERS.length;
        int d = devices.size();
        double scale = i < n ? 1 / spread[i] : i < n + d ? 1 / SPEED_SPREAD : i < n + 2 * d ? 1 / widthSpread : 1;
        return PRIOR * PRIOR * scale * scale;
    }

    private double prior(int i) {
        return i < PARAMETERS.length ? centre[i] : 0;
    }

    private double cost(List<Row> rows, double[] unknowns) {
        List<Machine> machines = solution(unknowns).machines();
        double cost = 0;
        for (Row row : rows) {
            double r = residual(row, machines.get(row.device()));
            cost += 2 * HUBER * HUBER * (Math.sqrt(1 + r * r / (HUBER * HUBER)) - 1);
        }
        for (int i = 0; i < size; i++) {
            double away = unknowns[i] - prior(i);
            cost += weight(i) * away * away;
        }
        return cost;
    }

    private static double residual(Row row, Machine machine) {
        Measurement m = row.measurement();
        return Math.log(row.work().micros(m.precision(), machine) / m.micros());
    }

    private Normal normal(List<Row> rows, double[] unknowns) {
        int n = PARAMETERS.length;
        Machine[][] moved = new Machine[devices.size()][n + 1];
        for (int d = 0; d < devices.size(); d++) {
            for (int k = -1; k < n; k++) {
                moved[d][k + 1] = machine(unknowns, d, k);
            }
        }
        Normal normal = new Normal(size);
        int[] index = new int[2 * n + 2];
        double[] slope = new double[2 * n + 2];
        for (Row row : rows) {
            int d = row.device();
            double r = residual(row, moved[d][0]);
            double weight = 1 / Math.sqrt(1 + r * r / (HUBER * HUBER));
            slope[2 * n] = 0;
            index[2 * n] = n + d;
            slope[2 * n + 1] = 0;
            index[2 * n + 1] = n + devices.size() + d;
            for (int k = 0; k < n; k++) {
                double s = (residual(row, moved[d][k + 1]) - r) / STEP;
                index[k] = k;
                slope[k] = s;
                index[n + k] = n + 2 * devices.size() + d * n + k;
                slope[n + k] = s * between[k];
                slope[2 * n] += s * PARAMETERS[k].kind().exponent();
                slope[2 * n + 1] += s * PARAMETERS[k].kind().widthExponent();
            }
            normal.add(index, slope, weight, r);
        }
        for (int i = 0; i < size; i++) {
            normal.addDiagonal(i, weight(i), weight(i) * (unknowns[i] - prior(i)));
        }
        return normal;
    }

    /// The normal equations of a Gauss-Newton step.
    private static final class Normal {
        private final double[][] matrix;
        private final double[] right;

        Normal(int size) {
            matrix = new double[size][size];
            right = new double[size];
        }

        void add(int[] index, double[] slope, double weight, double residual) {
            for (int a = 0; a < index.length; a++) {
                double[] line = matrix[index[a]];
                double scaled = weight * slope[a];
                right[index[a]] += scaled * residual;
                for (int b = 0; b < index.length; b++) {
                    line[index[b]] += scaled * slope[b];
                }
            }
        }

        void addDiagonal(int i, double value, double gradient) {
            matrix[i][i] += value;
            right[i] += gradient;
        }

        /// By Cholesky's decomposition; the priors keep the matrix positive definite.
        double[] solve(double damping) {
            int n = right.length;
            double[][] lower = new double[n][];
            for (int i = 0; i < n; i++) {
                lower[i] = Arrays.copyOf(matrix[i], i + 1);
                lower[i][i] *= 1 + damping;
                for (int j = 0; j <= i; j++) {
                    double sum = lower[i][j];
                    double[] a = lower[i];
                    double[] b = lower[j];
                    for (int k = 0; k < j; k++) {
                        sum -= a[k] * b[k];
                    }
                    lower[i][j] = i == j ? Math.sqrt(sum) : sum / b[j];
                }
            }
            double[] x = right.clone();
            for (int i = 0; i < n; i++) {
                for (int k = 0; k < i; k++) {
                    x[i] -= lower[i][k] * x[k];
                }
                x[i] /= lower[i][i];
            }
            for (int i = n - 1; i >= 0; i--) {
                for (int k = i + 1; k < n; k++) {
                    x[i] -= lower[k][i] * x[k];
                }
                x[i] /= lower[i][i];
            }
            return x;
        }
    }

    /// The predictions of each row by a fit without the rows that share its key.
    ///
    /// @param start the fit to all rows
    public double[] leaveOut(List<Row> rows, java.util.function.Function<Row, String> key, Solution start) {
        Map<String, List<Integer>> groups = new LinkedHashMap<>();
        for (int i = 0; i < rows.size(); i++) {
            groups.computeIfAbsent(key.apply(rows.get(i)), k -> new java.util.ArrayList<>())
                    .add(i);
        }
        double[] predicted = new double[rows.size()];
        groups.entrySet().parallelStream().forEach(group -> {
            List<Row> rest = rows.stream()
                    .filter(r -> !key.apply(r).equals(group.getKey()))
                    .toList();
            Solution solution = fit(rest, start, 12);
            for (int i : group.getValue()) {
                Row row = rows.get(i);
                predicted[i] = row.work()
                        .micros(
                                row.measurement().precision(),
                                solution.machines().get(row.device()));
            }
        });
        return predicted;
    }
}
