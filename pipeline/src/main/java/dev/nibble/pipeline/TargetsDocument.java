package dev.nibble.pipeline;

import dev.nibble.target.HtpArch;
import dev.nibble.target.Sourced;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// `targets`: the devices that `--target` takes, each fact with where it comes from.
public record TargetsDocument(List<Row> targets) {
    public TargetsDocument {
        targets = List.copyOf(targets);
    }

    /// A fact. @param status `published`, `measured`, `calibrated` or `assumed`
    public record Fact<T>(T value, String status, String source) {
        static <T> Fact<T> of(Sourced<T> sourced) {
            return new Fact<>(sourced.value(), sourced.status().name().toLowerCase(Locale.ROOT), sourced.source());
        }
    }

    /// A device; components as in [Target]. @param arch `v75`
    public record Row(
            String name,
            List<String> aliases,
            String marketing,
            Fact<String> arch,
            Fact<Integer> socId,
            Fact<Integer> vtcmMb,
            Fact<Boolean> float16,
            Map<String, Fact<Double>> rates) {}

    /// The targets called so; all of them where no name is given.
    ///
    /// @throws dev.nibble.graph.NibbleException for a name that is not known, with the nearest
    public static TargetsDocument of(List<String> names) {
        List<Target> targets = new ArrayList<>();
        if (names.isEmpty()) {
            targets.addAll(Targets.all());
        } else {
            names.forEach(name -> targets.add(Targets.find(name)));
        }
        return new TargetsDocument(targets.stream().map(TargetsDocument::row).toList());
    }

    private static Row row(Target target) {
        Map<String, Fact<Double>> rates = new TreeMap<>();
        target.rates().forEach((name, rate) -> rates.put(name, Fact.of(rate)));
        target.calibration()
                .ifPresent(calibration -> calibrated(target)
                        .forEach((name, value) -> rates.put(
                                name, Fact.of(new Sourced<>(value, calibration.status(), calibration.source())))));
        Sourced<HtpArch> arch = target.arch();
        return new Row(
                target.name(),
                target.aliases(),
                target.marketing(),
                Fact.of(new Sourced<>(arch.value().name().toLowerCase(Locale.ROOT), arch.status(), arch.source())),
                Fact.of(target.socId()),
                Fact.of(target.vtcmMb()),
                Fact.of(target.float16()),
                rates);
    }

    /// The cost model's parameters, those of another target where they stand in.
    private static Map<String, Double> calibrated(Target target) {
        Map<String, Double> values = new TreeMap<>();
        target.calibration().ifPresent(own -> {
            own.from().flatMap(from -> Targets.find(from).calibration()).ifPresent(c -> values.putAll(c.values()));
            values.putAll(own.values());
        });
        return values;
    }
}
