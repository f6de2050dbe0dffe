package dev.nibble.cli;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.CostModel;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.cost.Roofline;
import dev.nibble.npu.cost.Simple;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What `estimate` and `roofline` ask alike: precision, runtime, cost model, and numbers of the user's own.
final class SpeedOptions {
    private static final Set<String> RUNTIMES = Set.of("qnn_dlc", "qnn_context_binary", "tflite", "onnx");

    /// `--model`.
    enum Reckoning {
        CALIBRATED,
        SIMPLE,
        ROOFLINE,
        COMPILER
    }

    @Option(
            order = 10,
            names = "--precision",
            paramLabel = "P",
            description = "w8a8, w8a16, w4a16 or fp16 (default: the model's quantizers, else w8a8).")
    private @Nullable String precision;

    @Option(
            order = 11,
            names = "--encodings",
            paramLabel = "FILE",
            description = "AIMET encodings: the precision of each layer.")
    private @Nullable Path encodings;

    @Option(
            order = 12,
            names = "--runtime",
            paramLabel = "R",
            defaultValue = "qnn_dlc",
            description = "qnn_dlc, qnn_context_binary, tflite or onnx (default: ${DEFAULT-VALUE}).")
    private String runtime;

    @Option(
            order = 13,
            names = "--model",
            paramLabel = "M",
            defaultValue = "calibrated",
            description = {
                "Cost model: calibrated, simple or roofline (default: ${DEFAULT-VALUE}); or compiler: Qualcomm's own,",
                "for the few chips that it has costs for (nibble htp install)."
            })
    private Reckoning model;

    @Option(
            order = 14,
            names = "--peak",
            paramLabel = "TYPE=TOPS",
            description = "Another peak: int8=36, int16=18, int4=72, fp16=12; repeatable.")
    private @Nullable Map<String, Double> peaks;

    @Option(order = 15, names = "--bandwidth", paramLabel = "GBS", description = "Another memory bandwidth, GB/s.")
    private @Nullable Double bandwidth;

    @Option(
            order = 16,
            names = "--dlbc",
            description = "Assume that bandwidth compression takes a third off what spills; not measured.")
    private boolean dlbc;

    /// What of spilled activations bandwidth compression leaves: assumed.
    private static final double DLBC_LEAVES = 2.0 / 3;

    Estimator estimator(String target) {
        if (!RUNTIMES.contains(runtime)) {
            throw new NibbleException(
                    "there is no runtime '" + runtime + "'",
                    dev.nibble.graph.Nearest.didYouMean(
                            runtime, RUNTIMES, "use qnn_dlc, qnn_context_binary, tflite or onnx"));
        }
        Machines machines = Machines.of(Targets.find(target));
        Machine machine = machines.machine();
        for (Map.Entry<String, Double> peak : (peaks == null ? Map.<String, Double>of() : peaks).entrySet()) {
            machine = machine.with(peak(peak.getKey()), positive("--peak", peak.getValue()));
        }
        if (bandwidth != null) {
            machine = machine.with(Parameter.MEMORY_GBS, positive("--bandwidth", bandwidth));
        }
        return new Estimator(machine, machines, costModel(), runtime, dlbc ? DLBC_LEAVES : 1);
    }

    /// Whether the compiler's own estimate is asked for.
    ///
    /// @throws NibbleException where an option beside it would change nothing
    boolean isCompiler() {
        if (model == Reckoning.COMPILER
                && (precision != null || encodings != null || peaks != null || bandwidth != null)) {
            throw new NibbleException(
                    "--model compiler estimates the file as it is, with the compiler's own idea of the chip",
                    "leave out --precision, --encodings, --peak and --bandwidth; quantize the model first: nibble quantize");
        }
        return model == Reckoning.COMPILER;
    }

    /// An estimator for what is known of a model beside its time.
    Estimator facts(Target target) {
        Machines machines = Machines.of(target);
        return new Estimator(machines.machine(), machines, new Calibrated(), "qnn_context_binary", 1);
    }

    private static double positive(String option, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new NibbleException(option + " must be a positive number, but was " + value, "see --help");
        }
        return value;
    }

    private Parameter peak(String type) {
        return switch (type.toLowerCase(Locale.ROOT)) {
            case "int8" -> Parameter.INT8_TOPS;
            case "int16" -> Parameter.INT16_TOPS;
            case "fp16", "float16" -> Parameter.FLOAT16_TFLOPS;
            case "int4" -> Parameter.INT4_TOPS;
            default ->
                throw new NibbleException(
                        "there is no peak of type '" + type + "'", "use int4, int8, int16 or fp16: --peak int8=36");
        };
    }

    private CostModel costModel() {
        return switch (model) {
            case CALIBRATED -> new Calibrated();
            case SIMPLE -> new Simple();
            case ROOFLINE -> new Roofline();
            case COMPILER ->
                throw new NibbleException(
                        "the compiler estimates the whole model and tells nothing of its layers",
                        "use --model calibrated here; nibble estimate --model compiler for the total");
        };
    }

    /// The precision of each layer of `model`.
    LayerPrecisions precisions(Model onnx, Path base) {
        Precision otherwise = precision == null ? null : Precision.named(precision);
        boolean quantized = onnx.graph().nodes().stream().anyMatch(n -> n.is("DequantizeLinear"));
        if (encodings == null) {
            return otherwise != null
                    ? LayerPrecisions.uniform(otherwise)
                    : LayerPrecisions.all(quantized ? Precision.FP16 : Precision.W8A8);
        }
        Map<String, Integer> bits = bits(base);
        Set<String> names = onnx.graph().names();
        List<String> strange =
                bits.keySet().stream().filter(n -> !names.contains(n)).toList();
        if (strange.size() > bits.size() / 2) {
            throw new NibbleException(
                    "'%s' is for another model: %d of its %d tensors are not in this one, such as '%s'"
                            .formatted(encodings, strange.size(), bits.size(), strange.getFirst()),
                    "give the encodings that were made for this file");
        }
        return new LayerPrecisions(otherwise == null ? Precision.FP16 : otherwise, bits);
    }

    private Map<String, Integer> bits(Path base) {
        Map<String, Integer> bits = new HashMap<>();
        if (encodings != null) {
            EncodingsWidths.read(base.resolve(encodings)).forEach(bits::put);
        }
        return bits;
    }

    Estimate estimate(Estimator estimator, StaticModel onnx, String name, Path base) {
        return estimator
                .estimate(name, onnx.model(), precisions(onnx.model(), base))
                .withSaid(onnx.said());
    }

    /// The estimate were all layers of `precision`.
    static Estimate estimateAt(Estimator estimator, StaticModel onnx, String precision) {
        return estimator.estimate("", onnx.model(), LayerPrecisions.uniform(Precision.named(precision)));
    }

    /// `--precision`, where it was given.
    java.util.Optional<Precision> given() {
        return java.util.Optional.ofNullable(precision).map(Precision::named);
    }

    /// `--precision`, else W8A8.
    Precision precision() {
        return precision == null ? Precision.W8A8 : Precision.named(precision);
    }
}
