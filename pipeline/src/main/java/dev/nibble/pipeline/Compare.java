package dev.nibble.pipeline;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.htp.KnownDepartures;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.LayerComparison;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.report.CompareDocument;
import dev.nibble.report.Decibels;
import dev.nibble.report.Document;
import dev.nibble.report.Figures;
import dev.nibble.report.Finding;
import dev.nibble.report.Skipped;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// `compare`: where a QDQ model departs from its float twin, value by value, worst first.
public final class Compare {
    /// Samples, where no number was asked for, spread evenly over the data: the ranking of layers settles early.
    public static final long SAMPLES = 32;

    private static final int MOST_BATCH = 8;

    /// The float model, the quantized one, and the quantized one cut into layers each keep all values.
    private static final int COPIES = 3;

    private final Options options;
    private final Executor executor = new OrtExecutor();
    private final List<Finding> findings = new ArrayList<>();

    /// Everything `compare` is told.
    ///
    /// @param twin the float model that the quantized one was made from: `model.float.onnx`
    /// @param shapes shapes of inputs, by name
    /// @param maxMemory bytes that the values of a batch may take
    /// @param htp where to run the quantized model once more; empty: on the CPU only
    /// @param version of Nibble, for the document
    public record Options(
            Path twin,
            Path quantized,
            QuantizeOptions.Samples data,
            Map<String, long[]> shapes,
            int threads,
            OptionalLong maxMemory,
            Optional<HtpDevice> htp,
            String version) {}

    private Compare(Options options) {
        this.options = options;
    }

    /// Compares.
    ///
    /// @throws dev.nibble.graph.NibbleException for whatever the user can mend
    public static CompareDocument run(Options options, Progress progress) {
        try {
            return new Compare(options).document(progress);
        } catch (NibbleException e) {
            throw SequenceLength.explained(e, options.twin(), options.shapes(), List.of(options.data()));
        }
    }

    private CompareDocument document(Progress progress) {
        ModelFile twin = ModelFile.toRun(options.twin(), options.shapes());
        ModelFile quantized = ModelFile.toRun(options.quantized(), options.shapes());
        findings.addAll(twin.findings());
        findings.addAll(quantized.findings());
        List<InputSpec> inputs = PreparedModel.inputs(twin.model());
        try (DataSet data = DataSet.open(options.data().path(), chosen(inputs), inputs)) {
            // The warning of few samples is for calibration; a comparison takes few on purpose.
            data.findings().stream()
                    .filter(finding -> !finding.code().equals("D002"))
                    .forEach(finding -> findings.add(Findings.of(finding)));
            Evaluation.floatOutputs(twin.model());
            int batch = batch(twin.model(), data);
            Doctor doctor = new Doctor();
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    List.of(
                            new Variant("float", twin.model(), Executor.Optimization.OFF),
                            new Variant("quantized", quantized.model(), Executor.Optimization.OFF)),
                    data,
                    List::of,
                    executor,
                    options.threads(),
                    batch,
                    doctor,
                    progress);
            doctor.findings().forEach(finding -> findings.add(Findings.of(finding)));
            Evaluation.Outcome outcome = outcomes.get(1);
            double sqnrDb = Math.min(outcome.headline().sqnrDb().value(), Decibels.EXACT);
            if (sqnrDb < Decibels.COLLAPSE) {
                findings.addFirst(Findings.error(
                        "E103",
                        "the outputs have collapsed: their SQNR is " + Figures.decibels(sqnrDb),
                        "look at the first layers of the table whose layer-wise figure is low"));
            }
            if (outcome.outputs().size() > 1) {
                outcome.outputs()
                        .forEach((name, output) -> findings.add(Findings.note(
                                "M104",
                                "output '%s': SQNR %s, cosine %s"
                                        .formatted(
                                                name,
                                                Figures.decibels(
                                                        Math.min(output.sqnrDb().value(), Decibels.EXACT)),
                                                Figures.cosine(output.cosine().value())),
                                "the headline is of the first output")));
            }
            if (options.htp().isPresent()) {
                findings.add(Findings.note(
                        "H103",
                        "the tensors are in the order of 'HTP to CPU': how far %s's emulator departs from the file's arithmetic"
                                .formatted(options.htp().get().target().name()),
                        "a step at 8 bits is usual; see docs/designs/htp.md"));
                KnownDepartures.of(quantized.model().graph())
                        .forEach((node, cause) -> findings.add(
                                Findings.warning("H102", "node '%s': %s".formatted(node, cause), "look at its row")));
            }
            Layers layers = layers(twin.model(), quantized.model(), data, batch, progress);
            return new CompareDocument(
                    Document.SCHEMA_VERSION,
                    options.version(),
                    twin.info(),
                    quantized.info(),
                    data.size(),
                    sqnrDb,
                    outcome.headline().cosine().value(),
                    layers.rows(),
                    layers.skipped(),
                    findings);
        }
    }

    /// The samples that were asked for; where no choice was made, [#SAMPLES] spread over all.
    private DataOptions chosen(List<InputSpec> inputs) {
        DataOptions given = options.data().options();
        if (given.take() != null || given.every() != null) {
            return given;
        }
        try (DataSet all = DataSet.open(options.data().path(), given, inputs)) {
            DataOptions told = all.options();
            if (told.take() != null || told.every() != null) {
                return given;
            }
            return given.withChoice(told.skip(), Math.max(1, all.size() / SAMPLES), SAMPLES);
        }
    }

    private record Layers(List<CompareDocument.Row> rows, List<Skipped> skipped) {}

    private Layers layers(Model twin, Model quantized, DataSet data, int batch, Progress progress) {
        boolean qdq = quantized.graph().nodes().stream().anyMatch(node -> node.is("DequantizeLinear"));
        if (!qdq) {
            findings.add(Findings.warning(
                    "M103",
                    "the second model holds no DequantizeLinear, so only outputs were compared",
                    "give the QDQ model second: nibble compare model.float.onnx model.qdq.onnx"));
            return new Layers(List.of(), List.of());
        }
        LayerComparison comparison = new LayerComparison(
                twin,
                quantized,
                executor,
                new Executor.Options(options.threads(), Executor.Optimization.OFF),
                options.htp().map(device -> device.executor(options.threads())));
        ValueSizes sizes = ValueSizes.of(twin, comparison.values(), data.sample(data.largest()), executor);
        List<List<String>> groups = comparison.groups(memory(), sizes);
        int together = groups.size() > 1 ? 1 : batch;
        String what = MemoryBudget.announced("comparing layers", groups.size());
        try (Progress.Stage stage = progress.begin(what, data.size() * groups.size())) {
            for (List<String> group : groups) {
                try (LayerComparison.Pass pass = comparison.pass(group);
                        Batches batches = data.batches(together)) {
                    while (batches.hasNext()) {
                        Batch next = batches.next();
                        pass.add(next.inputs());
                        stage.advance(next.size());
                    }
                }
            }
            List<CompareDocument.Row> rows = comparison.rows().stream()
                    .map(row -> new CompareDocument.Row(
                            row.value(),
                            row.op(),
                            row.graphWise().decibels(),
                            row.layerWise().decibels(),
                            row.graphWise().cosine(),
                            row.elsewhere() == null
                                    ? null
                                    : row.elsewhere().toFloat().decibels(),
                            row.elsewhere() == null
                                    ? null
                                    : row.elsewhere().toHere().decibels(),
                            row.elsewhere() == null ? null : row.elsewhere().steps()))
                    .sorted(Comparator.comparingDouble(options.htp().isPresent() ? Compare::departure : Compare::blame))
                    .toList();
            List<Skipped> skipped = comparison.skipped().stream()
                    .map(value -> new Skipped(
                            value,
                            quantized.graph().producer(value).map(Node::opType).orElse(null),
                            "the float model has no such value to compare with"))
                    .toList();
            return new Layers(rows, skipped);
        }
    }

    /// The layer that adds most error itself comes first.
    private static double blame(CompareDocument.Row row) {
        Double own = row.layerWiseDb();
        Double gathered = row.graphWiseDb();
        return own != null ? own : gathered != null ? gathered : Double.MAX_VALUE;
    }

    /// The value at which the HTP departs most from the file's arithmetic comes first.
    private static double departure(CompareDocument.Row row) {
        return row.htpToCpuDb() == null ? Double.MAX_VALUE : row.htpToCpuDb();
    }

    /// How many samples go through at once, so that all values of all three models stay within the memory.
    private int batch(Model twin, DataSet data) {
        Integer asked = options.data().options().batch();
        if (asked != null) {
            return asked;
        }
        List<String> values = twin.graph().nodes().stream()
                .flatMap(node -> node.outputs().stream())
                .toList();
        ValueSizes sizes = ValueSizes.of(twin, List.of(), data.sample(data.largest()), executor);
        return memory().batch(Math.ceilDiv(COPIES * sizes.of(values), sizes.rows()), MOST_BATCH);
    }

    private MemoryBudget memory() {
        return MemoryBudget.of(options.maxMemory());
    }
}
