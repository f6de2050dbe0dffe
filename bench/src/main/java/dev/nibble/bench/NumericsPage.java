package dev.nibble.bench;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.KnownDepartures;
import dev.nibble.htp.PreFlight;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.QuantizedModel;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/// Makes `docs/htp-numerics.md`: how far the emulator departs from what ONNX says, in the files that `quantize` writes.
final class NumericsPage {
    private static final String TARGET = "sm8650";
    private static final int CALIBRATION = 16;
    private static final int MEASURED = 8;

    /// Below this at 8 bits, a convolution's usual one step in a tenth of the outputs is no explanation any more.
    private static final double WRONG_8_DB = 20;

    /// The same at 16 bits.
    private static final double WRONG_16_DB = 45;

    private static final String FILE = "numerics.qdq.onnx";
    private static final List<Types> PLAIN = List.of(new Types(0, 8), new Types(0, 16));
    private static final List<Types> WEIGHTED =
            List.of(new Types(8, 8), new Types(8, 16), new Types(4, 8), new Types(4, 16), new Types(16, 16));

    private final HtpLibraries libraries;
    private final Path work;
    private final Facts facts;
    private final Consumer<String> say;
    private final OrtExecutor executor = new OrtExecutor();
    private final Target target = Targets.find(TARGET);

    /// @param work a folder outside version control
    /// @throws NibbleException where the libraries are not there
    NumericsPage(HtpLibraries libraries, Path work, Facts facts, Consumer<String> say) {
        this.libraries = libraries.require();
        this.work = work;
        this.facts = facts;
        this.say = say;
    }

    /// @param weights bits, where there are weights
    private record Types(int weights, int activations) {
        @Override
        public String toString() {
            return weights == 0 ? Integer.toString(activations) : "W%dA%d".formatted(weights, activations);
        }
    }

    /// @param steps the largest difference in steps of the output's grid; NaN where the output is not quantized
    /// @param differing share of outputs that differ by at least half a step
    /// @param htpDb HTP against CPU
    /// @param fileDb CPU against the float model: what quantization itself costs
    /// @param known what is said of it (`H102`); else empty
    private record Departure(double steps, double differing, double htpDb, double fileDb, String known) {
        boolean wrong(Types types) {
            return htpDb < (types.activations() == 8 ? WRONG_8_DB : WRONG_16_DB);
        }
    }

    void write(Path page) {
        Scratch.create(work);
        StringBuilder table = new StringBuilder("| | types | HTP to CPU dB | most, steps | differing % "
                + "| CPU to float dB | what Nibble says of it |\n|---|---|---|---|---|---|---|\n");
        Map<String, List<String>> found = new LinkedHashMap<>();
        for (NumericsCase one : NumericsCase.all()) {
            for (Types types : one.weighted() ? WEIGHTED : PLAIN) {
                String line = "| %s | %s | ".formatted(one.name(), types);
                try {
                    Departure departure = measure(one, types);
                    line += cells(departure, departure.wrong(types));
                    if (departure.wrong(types)) {
                        found.computeIfAbsent(
                                        departure.known().isEmpty() ? "Nothing is said of it yet" : departure.known(),
                                        said -> new ArrayList<>())
                                .add("%s, %s (%s dB)".formatted(one.name(), types, decibels(departure.htpDb())));
                    }
                } catch (NibbleException e) {
                    String why = refusal(e);
                    line += "– | – | – | – | not measured: %s |\n".formatted(why);
                    found.computeIfAbsent(why, said -> new ArrayList<>()).add("%s, %s".formatted(one.name(), types));
                }
                table.append(line);
                say.accept(line.strip());
            }
        }
        Scratch.write(
                page,
                Template.read("htp-numerics.md")
                        .replace("{machine}", facts.machine())
                        .replace("{versions}", facts.versions() + ", onnxruntime-qnn " + libraries.version())
                        .replace("{findings}", found.isEmpty() ? "None." : found(found))
                        .replace("{table}", table.toString().strip()));
    }

    private static String found(Map<String, List<String>> found) {
        StringBuilder text = new StringBuilder();
        found.forEach((said, rows) -> text.append("- *%s*: %s.\n".formatted(said, String.join("; ", rows))));
        return text.toString().strip();
    }

    /// The rule that refuses the file that was written last; what happened, where none does.
    private String refusal(NibbleException e) {
        Graph graph = ShapeInference.inferOwn(ModelReader.read(work.resolve(FILE)))
                .model()
                .graph();
        return PreFlight.of(target, graph).stream()
                .filter(verdict -> !verdict.accepted())
                .map(verdict -> "by the rules the HTP does not take it: " + verdict.reason())
                .findFirst()
                .orElse(String.valueOf(e.getMessage()).replace("|", "/"));
    }

    private static String cells(Departure departure, boolean wrong) {
        return "%s%s | %s | %s | %s | %s |\n"
                .formatted(
                        decibels(departure.htpDb()),
                        wrong ? " ⚠" : "",
                        Double.isNaN(departure.steps()) ? "–" : number("%,.0f", departure.steps()),
                        number("%.1f", 100 * departure.differing()),
                        decibels(departure.fileDb()),
                        departure.known());
    }

    private Departure measure(NumericsCase one, Types types) {
        Path source = work.resolve("numerics.onnx");
        Path file = work.resolve(FILE);
        ModelWriter.write(one.model(), source);
        PreparedModel prepared = PreparedModel.read(source, one.name(), Map.of(), executor, Progress.none());
        Shape shape = one.model().graph().shape("x").orElseThrow();
        RandomSamples samples = new RandomSamples(CALIBRATION + MEASURED, shape, one.low(), one.high());
        try (DataSet data = DataSet.of(
                samples,
                DataOptions.NONE.withChoice(0L, 1L, (long) CALIBRATION),
                PreparedModel.inputs(prepared.model()))) {
            QuantizedModel quantized = QuantizedModel.of(
                    prepared.model(),
                    target.placementRules(),
                    Precision.of(
                            types.weights() == 0 ? 8 : types.weights(), WeightGranularity.CHANNEL, types.activations()),
                    new Calibrator.Single(new RangeSearch.MinMax()),
                    new RangeSearch.MinMax(),
                    Recipe.PLAIN,
                    Boundary.FLOAT,
                    data,
                    executor,
                    1,
                    MeasureRow.MEMORY,
                    0,
                    new Doctor(),
                    RunDirectory.NONE,
                    Progress.none());
            ModelWriter.write(quantized.export().model(), file);
        }
        return compare(prepared.original(), ModelReader.read(file), samples);
    }

    private Departure compare(Model original, Model quantized, RandomSamples samples) {
        Executor.Options plain = new Executor.Options(1, Executor.Optimization.OFF);
        List<String> outputs = List.of("y");
        double step = step(quantized.graph());
        double signal = 0;
        double noise = 0;
        double exactSignal = 0;
        double exactNoise = 0;
        double most = 0;
        long differing = 0;
        long count = 0;
        try (Executor.Session exact = executor.open(original, outputs, plain);
                Executor.Session cpu = executor.open(quantized, outputs, plain);
                Executor.Session htp =
                        new HtpDevice(libraries, target).executor(1).open(quantized, outputs, plain)) {
            for (int i = CALIBRATION; i < CALIBRATION + MEASURED; i++) {
                Map<String, Tensor> fed = Map.of("x", samples.fed(i));
                float[] wanted = values(exact, fed);
                float[] here = values(cpu, fed);
                float[] there = values(htp, fed);
                for (int k = 0; k < here.length; k++) {
                    double apart = there[k] - here[k];
                    signal += (double) here[k] * here[k];
                    noise += apart * apart;
                    exactSignal += (double) wanted[k] * wanted[k];
                    exactNoise += Math.pow(here[k] - wanted[k], 2);
                    most = Math.max(most, Math.abs(apart));
                    differing += Math.abs(apart) > step / 2 ? 1 : 0;
                    count++;
                }
            }
        }
        return new Departure(
                step > 0 ? most / step : Double.NaN,
                (double) differing / count,
                ratio(signal, noise),
                ratio(exactSignal, exactNoise),
                String.join("; ", KnownDepartures.of(quantized.graph()).values()));
    }

    private static float[] values(Executor.Session session, Map<String, Tensor> fed) {
        Tensor output = session.run(fed).get("y");
        if (output == null) {
            throw new IllegalStateException("no output y");
        }
        return output.toFloats();
    }

    /// Of the grid of the output; 0 where it is float.
    private static double step(Graph graph) {
        return graph.producer("y")
                .filter(node -> node.is("DequantizeLinear"))
                .flatMap(node -> graph.initializer(node.input(1)))
                .map(scale -> scale.tensor().floatAt(0))
                .map(Number::doubleValue)
                .orElse(0.0);
    }

    private static double ratio(double signal, double noise) {
        return noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
    }

    private static String decibels(double value) {
        return Double.isInfinite(value) ? "the same bits" : number("%.1f", value);
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
