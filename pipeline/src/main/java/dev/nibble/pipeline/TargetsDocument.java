package dev.nibble.pipeline;

import dev.nibble.target.HtpArch;
import dev.nibble.target.Legality;
import dev.nibble.target.Sourced;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
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

    /// A device; components as in [Target].
    ///
    /// @param arch `v75`
    /// @param takes precisions by operator
    public record Row(
            String name,
            List<String> aliases,
            String marketing,
            Fact<String> arch,
            Fact<Integer> socId,
            Fact<Integer> vtcmMb,
            Fact<Boolean> float16,
            Map<String, Fact<Double>> rates,
            Map<String, List<String>> takes) {}

    /// Types of activation and weight by the names of precisions, as `Legality` asks for them.
    private static final Map<String, String> PRECISIONS = new java.util.LinkedHashMap<>();

    static {
        PRECISIONS.put("w8a8", "u8/s8/");
        PRECISIONS.put("w8a16", "u16/s8/");
        PRECISIONS.put("w4a8", "u8/s4/");
        PRECISIONS.put("w4a16", "u16/s4/");
        PRECISIONS.put("w16a16", "u16/s16/");
        PRECISIONS.put("fp16", "f32/f32/");
    }

    /// Operators with stored weights, and the granularity that is asked about: a scale a channel, or one.
    private static final Map<String, String> WEIGHTED = new TreeMap<>(Map.of(
            "Conv", "pc",
            "ConvTranspose", "pc",
            "Gemm", "pc",
            "MatMul", "pc",
            "LSTM", "pt",
            "GRU", "pt"));

    /// Which precisions each operator with stored weights takes, by the rules learned from Qualcomm's compiler.
    private static Map<String, List<String>> takes(Target target) {
        Legality legality = Legality.htp();
        Map<String, List<String>> takes = new TreeMap<>();
        WEIGHTED.forEach((op, granularity) -> takes.put(
                op,
                PRECISIONS.entrySet().stream()
                        .filter(p ->
                                !p.getKey().equals("fp16") || target.float16().value())
                        .filter(p -> legality.check(
                                        target.arch().value(),
                                        new Legality.Query(op, p.getValue() + granularity, Set.of()))
                                .accepted())
                        .map(Map.Entry::getKey)
                        .toList()));
        return takes;
    }

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
                rates,
                takes(target));
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
