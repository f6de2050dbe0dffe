package dev.nibble.npu.cost;

import dev.nibble.graph.NibbleException;
import dev.nibble.target.Calibration;
import dev.nibble.target.Status;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The [Machine] of a target, and what else a fit has left in its file.
///
/// @param source where the numbers come from, as the target file says
/// @param status `assumed` where they are those of another chip
/// @param extras what the file holds beside parameters: intervals and runtimes, see [#interval] and [#runtimeMicros]
public record Machines(Machine machine, Status status, String source, SortedMap<String, Double> extras) {
    /// What factor of the prediction four of five measured latencies lie within.
    public record Interval(double low, double high) {}

    /// @throws NibbleException where the target has no calibration
    public static Machines of(Target target) {
        Calibration own = target.calibration()
                .orElseThrow(() -> new NibbleException(
                        "target '" + target.name() + "' has no calibration",
                        "fit it with nibble fit, or give its file [calibration] from = \"sm8650\""));
        SortedMap<String, Double> values = new TreeMap<>();
        own.from()
                .ifPresent(from -> values.putAll(Targets.find(from)
                        .calibration()
                        .map(Calibration::values)
                        .orElseThrow(() -> new NibbleException(
                                "target '%s' takes its calibration from '%s', which has none"
                                        .formatted(target.name(), from),
                                "name a target that was measured"))));
        values.putAll(own.values());
        Map<Parameter, Double> parameters = new EnumMap<>(Parameter.class);
        SortedMap<String, Double> extras = new TreeMap<>();
        values.forEach((key, value) -> {
            Optional<Parameter> parameter = Parameter.of(key);
            if (parameter.isPresent()) {
                parameters.put(parameter.get(), value);
            } else if (key.startsWith("interval_") || key.startsWith("runtime_")) {
                extras.put(key, value);
            } else {
                throw new NibbleException(
                        "target '%s' has the unknown parameter '%s'".formatted(target.name(), key),
                        dev.nibble.graph.Nearest.didYouMean(
                                key,
                                java.util.Arrays.stream(Parameter.values())
                                        .map(Parameter::key)
                                        .toList(),
                                "docs/latency-model.md lists the parameters"));
            }
        });
        // No measurement has 4-bit weights: assumed to be no faster than 8-bit ones.
        Double int8 = parameters.get(Parameter.INT8_TOPS);
        if (int8 != null) {
            parameters.putIfAbsent(Parameter.INT4_TOPS, int8);
        }
        double peak = target.rates().containsKey("dram_peak_gbs")
                ? target.rates().get("dram_peak_gbs").value()
                : 0;
        Machine machine = new Machine(target.name(), parameters, target.vtcmMb().value(), peak);
        return new Machines(machine, own.status(), own.source(), extras);
    }

    /// The key of the models whose held-out errors say how wrong a prediction may be.
    public static String kind(boolean attention, Precision precision) {
        return (attention ? "attention" : "convolution")
                + (precision.floating() ? "_float" : precision.activationBits() > 8 ? "_int16" : "_int8");
    }

    /// The interval for models of `kind`, which holds the prediction itself; half to double where nothing alike was
    /// measured.
    public Interval interval(String kind) {
        return new Interval(
                Math.min(1, extras.getOrDefault("interval_" + kind + "_low", 0.5)),
                Math.max(1, extras.getOrDefault("interval_" + kind + "_high", 2.0)));
    }

    /// What `runtime` adds to a run, in microseconds; nothing where it is not known.
    public Optional<Double> runtimeMicros(String runtime) {
        return runtime.equals("qnn_dlc")
                ? Optional.of(0.0)
                : Optional.ofNullable(extras.get("runtime_" + runtime + "_us"));
    }
}
