package dev.nibble.pipeline.tune;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.pass.CancelMovement;
import dev.nibble.graph.pass.ChannelsLast;
import dev.nibble.graph.pass.FlattenConcat;
import dev.nibble.graph.pass.FoldConstants;
import dev.nibble.graph.pass.FoldInputNormalization;
import dev.nibble.graph.pass.FoldInputNormalization.Border;
import dev.nibble.graph.pass.FoldScaleIntoProduct;
import dev.nibble.graph.pass.InferShapes;
import dev.nibble.graph.pass.MergeParallel;
import dev.nibble.graph.pass.Pass;
import dev.nibble.graph.pass.Passes;
import dev.nibble.graph.pass.RemoveDeadNodes;
import dev.nibble.graph.pass.RemoveIdentity;
import dev.nibble.graph.pass.Rewrite;
import dev.nibble.graph.pass.WidenChannels;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.pipeline.ModelFile;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.report.Document;
import dev.nibble.report.Finding;
import dev.nibble.report.FindingCatalog;
import dev.nibble.report.TuneDocument;
import dev.nibble.report.TuneDocument.Gain;
import dev.nibble.report.TuneDocument.Rejected;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// `tune`: what would make a model faster on a target, and with `--apply` the model that is.
///
/// Each change is weighed by the latency model, before against after. What is written was run beside the model as it was
/// read, on the same seeded inputs, and gave the same within a tolerance.
public final class TuneModel {
    /// Passes that join operators; the others prepare.
    private static final Set<String> JOINING = Set.of(
            "fuse-clip",
            "fuse-hard-swish",
            "fuse-hard-sigmoid",
            "fuse-gelu",
            "fuse-mish",
            "fuse-swish",
            "fuse-layer-norm",
            "fuse-rms-norm",
            "fuse-conv-bias",
            "fold-batch-norm",
            "fold-scale");

    private static final long NEWEST_OPSET = 21;

    private final Options options;
    private final List<Finding> findings = new ArrayList<>();
    private final List<String> said = new ArrayList<>();
    private final List<Rejected> rejected = new ArrayList<>();

    /// Everything `tune` is told.
    ///
    /// @param precision of every layer; empty for the model's own, else W8A8
    /// @param without codes that are not to be applied
    /// @param channelsLast whether inputs and outputs may change their layout
    /// @param out the file to write; empty where nothing is to be applied
    /// @param alone whether [Result#byCode] is wanted
    public record Options(
            Path model,
            Estimator estimator,
            Optional<Precision> precision,
            Map<String, long[]> shapes,
            Set<String> without,
            boolean channelsLast,
            Optional<Path> out,
            boolean alone,
            long seed,
            boolean force,
            String version) {
        public Options {
            without = Set.copyOf(without);
        }
    }

    /// The document, and the models that a second opinion can be asked about.
    ///
    /// @param before as it was read, with its shapes fixed
    /// @param prepared `before` without what need not run
    /// @param after with all that pays
    /// @param byCode `prepared` with the changes of one code alone, as far as they can be made alone
    public record Result(TuneDocument document, Model before, Model prepared, Model after, Map<String, Model> byCode) {}

    private TuneModel(Options options) {
        this.options = options;
    }

    /// @throws NibbleException for whatever the user can mend
    public static Result run(Options options, Progress progress) {
        TuneModel tune = new TuneModel(options);
        if (options.out().isEmpty()) {
            return tune.work(Optional.empty(), progress);
        }
        Path place = options.out().get().toAbsolutePath().normalize();
        Path folder = place.getParent();
        Path name = place.getFileName();
        if (folder == null || name == null || Files.isDirectory(place)) {
            throw new NibbleException("'" + options.out().get() + "' is a folder", "name the file to write");
        }
        try (StagedDirectory staged = StagedDirectory.open(folder, List.of(name.toString()), options.force())) {
            Result result = tune.work(Optional.of(staged.file(name.toString())), progress);
            staged.commit();
            return result;
        }
    }

    private Result work(Optional<Path> file, Progress progress) {
        ModelFile read = ModelFile.look(options.model(), options.shapes());
        findings.addAll(read.findings());
        SeedWeights seeded = SeedWeights.of(read.model(), options.seed());
        if (seeded.made() > 0) {
            finding(
                    "N311",
                    Finding.Severity.WARNING,
                    "the file lacks %d of its weights; seeded ones stand in for them".formatted(seeded.made()));
        }
        BindShapes.Bound bound = BindShapes.bind(seeded.model(), options.shapes());
        said.addAll(bound.said());
        Model before = ShapeInference.infer(bound.requireStatic()).model();
        LayerPrecisions precisions = precisions(before);
        opaque(before);
        OrtExecutor executor = new OrtExecutor();
        Tuning tuning;
        Model prepared;
        try (Progress.Stage stage = progress.begin("estimating", -1)) {
            tuning = tuning(before, executor, precisions);
            prepared = tuning.model();
            stage.advance();
            tune(tuning, precisions, executor);
            stage.advance();
        }
        double beforeMicros = options.estimator().totalMicros(before, precisions);
        List<Gain> gains = new ArrayList<>();
        for (Tuning.Step step : tuning.steps()) {
            gains.add(gain(step, beforeMicros, "applicable", null));
        }
        Model first = tuning.model();
        Turned turned = channelsLast(first, precisions, beforeMicros);
        turned.gain().ifPresent(gains::add);
        advice(before, precisions, beforeMicros).forEach(gains::add);
        Model after = options.channelsLast() ? turned.model() : first;
        Set<String> moved = options.channelsLast() ? turned.moved() : Set.of();
        rejected.addAll(0, tuning.rejected());
        ApplyTuning.Applied applied = file.isEmpty()
                ? new ApplyTuning.Applied(gains, null, null, after)
                : new ApplyTuning(options, findings, said, progress)
                        .apply(before, tuning.steps(), after, moved, gains, executor, file.get());
        List<Gain> sorted = new ArrayList<>(applied.gains());
        sorted.sort(Comparator.comparingDouble(Gain::gainMicros).reversed());
        TuneDocument document = new TuneDocument(
                Document.SCHEMA_VERSION,
                options.version(),
                read.info(),
                options.estimator().machine().name(),
                precisions.otherwise().label(),
                beforeMicros,
                applied.output() == null ? tuning.now() : options.estimator().totalMicros(applied.model(), precisions),
                sorted,
                rejected,
                applied.proof(),
                null,
                applied.output(),
                findings,
                said);
        return new Result(
                document,
                before,
                prepared,
                after,
                options.alone() ? alone(before, prepared, executor, precisions, turned) : Map.of());
    }

    private LayerPrecisions precisions(Model model) {
        boolean quantized = model.graph().nodes().stream().anyMatch(n -> n.is("DequantizeLinear"));
        if (quantized) {
            said.add(
                    "the model is quantized already, and its scales hold changes up: tune the float model, then quantize it");
        }
        return options.precision()
                .map(LayerPrecisions::uniform)
                .orElseGet(() -> LayerPrecisions.all(quantized ? Precision.FP16 : Precision.W8A8));
    }

    private void opaque(Model model) {
        Set<String> types = new TreeSet<>();
        long count = 0;
        for (Node node : model.graph().nodes()) {
            if (!node.isStandard()) {
                types.add(node.domain() + "." + node.opType());
                count++;
            }
        }
        if (count > 0) {
            finding(
                    "N309",
                    Finding.Severity.WARNING,
                    "%d operators are not ONNX's own and are left as they are: %s"
                            .formatted(count, String.join(", ", types)));
        }
    }

    private static List<Pass> preparing(Executor executor) {
        return List.of(new InferShapes(), new FoldConstants(executor), new RemoveIdentity(), new RemoveDeadNodes());
    }

    private List<Pass> joining(Executor executor) {
        return Passes.all(executor, NEWEST_OPSET).stream()
                .filter(p -> JOINING.contains(p.name()))
                .toList();
    }

    /// At the model without what need not run.
    private Tuning tuning(Model before, Executor executor, LayerPrecisions precisions) {
        Tuning tuning = new Tuning(before, m -> options.estimator().totalMicros(m, precisions));
        if (wanted("N315")) {
            tuning.prepare("N315", preparing(executor));
        }
        return tuning;
    }

    private boolean wanted(String code) {
        return !options.without().contains(code);
    }

    private void tune(Tuning tuning, LayerPrecisions precisions, Executor executor) {
        if (wanted("N303")) {
            tuning.passes("N303", joining(executor));
        }
        for (Map.Entry<String, Rewrite> entry : rewrites(precisions)) {
            if (wanted(entry.getKey())) {
                tuning.rewrite(entry.getKey(), entry.getValue(), removes(entry.getValue()));
            }
        }
    }

    private static boolean removes(Rewrite rewrite) {
        return rewrite instanceof CancelMovement || rewrite instanceof FlattenConcat;
    }

    /// In the order in which they are tried. In float the compiler is slow with pictures of four channels, so a constant
    /// picture comes first there while half of the fast memory holds it; a larger one comes from DRAM in every run, and
    /// then, as where activations are quantized, a channel of ones is better.
    private List<Map.Entry<String, Rewrite>> rewrites(LayerPrecisions precisions) {
        Precision precision = precisions.otherwise();
        long fits = precision.floating()
                ? (long) (options.estimator().machine().vtcmMb() * (1 << 20) / 2 / precision.activationBytes())
                : 0;
        return List.of(
                Map.entry("N301", new FoldInputNormalization(Border.CONSTANT_PICTURE, fits)),
                Map.entry("N301", new FoldInputNormalization(Border.CHANNEL_OF_ONES)),
                Map.entry("N301", new FoldInputNormalization(Border.CONSTANT_PICTURE)),
                Map.entry("N308", new FoldScaleIntoProduct()),
                Map.entry("N305", new CancelMovement()),
                Map.entry("N307", new FlattenConcat()),
                Map.entry("N304", new MergeParallel()),
                Map.entry("N306", new WidenChannels()));
    }

    /// A model whose inputs and outputs lie channels last.
    private record Turned(Model model, Set<String> moved, Optional<Gain> gain) {}

    private Turned channelsLast(Model model, LayerPrecisions precisions, double total) {
        ChannelsLast rewrite = new ChannelsLast();
        Rewrite.Found found = rewrite.find(model);
        found.skipped()
                .forEach(s -> findings.add(new Finding(
                        "N313", Finding.Severity.NOTE, "'%s': %s".formatted(s.node(), s.reason()), fix("N313"))));
        Model current = model;
        Set<String> moved = new LinkedHashSet<>();
        double bytes = 0;
        List<String> evidence = new ArrayList<>();
        for (Rewrite.Place place : wanted("N302") ? found.places() : List.<Rewrite.Place>of()) {
            Optional<Model> next = rewrite.apply(current, place.anchor()).map(Tuning::clean);
            if (next.isPresent()) {
                current = next.get();
                moved.add(place.anchor());
                evidence.add(place.evidence());
                bytes += model.graph()
                                .shape(place.anchor())
                                .map(s -> s.elements())
                                .orElse(0L)
                        * precisions.otherwise().activationBytes();
            }
        }
        if (moved.isEmpty()) {
            return new Turned(model, Set.of(), Optional.empty());
        }
        double micros = bytes / (options.estimator().machine().get(Parameter.MOVEMENT_GBS) * 1e3)
                + moved.size() * options.estimator().machine().get(Parameter.LAYER_US);
        return new Turned(
                current,
                moved,
                Optional.of(gain(
                        new Tuning.Step("N302", micros, List.copyOf(moved), evidence, current),
                        total,
                        "applicable",
                        null)));
    }

    /// What nobody can change safely here, but the user.
    private List<Gain> advice(Model model, LayerPrecisions precisions, double total) {
        double rescaling = options.estimator().rescalingMicros(model, precisions);
        if (rescaling < Tuning.LEAST_GAIN || !wanted("N307")) {
            return List.of();
        }
        List<String> nodes = model.graph().nodes().stream()
                .filter(n -> n.is("Concat")
                        && n.inputs().stream()
                                .anyMatch(i -> model.graph().consumers(i).size() > 1))
                .map(Node::label)
                .toList();
        return List.of(gain(
                new Tuning.Step(
                        "N307",
                        rescaling,
                        nodes,
                        List.of("%d concatenations rescale parts that others read too".formatted(nodes.size())),
                        model),
                total,
                "advice",
                null));
    }

    private static String fix(String code) {
        return FindingCatalog.find(code).map(FindingCatalog.Entry::fix).orElse("");
    }

    private void finding(String code, Finding.Severity severity, String text) {
        findings.add(new Finding(code, severity, text, fix(code)));
    }

    private static Gain gain(Tuning.Step step, double total, String state, @Nullable Double difference) {
        String title = FindingCatalog.find(step.code())
                .map(FindingCatalog.Entry::title)
                .orElse("");
        String first = step.evidence().getFirst();
        String evidence = step.evidence().size() == 1
                ? first
                : "%s; and so in %d more places"
                        .formatted(first, step.evidence().size() - 1);
        return new Gain(
                step.code(),
                title,
                step.gainMicros(),
                total > 0 ? step.gainMicros() / total : 0,
                evidence,
                fix(step.code()),
                step.nodes(),
                state,
                difference,
                null);
    }

    /// `prepared` with the changes of each code alone, for a second opinion on each.
    private Map<String, Model> alone(
            Model before, Model prepared, Executor executor, LayerPrecisions precisions, Turned turned) {
        Map<String, Model> models = new TreeMap<>();
        if (!tuning(before, executor, precisions).steps().isEmpty()) {
            models.put("N315", prepared);
        }
        for (String code : List.of("N303", "N301", "N308", "N305", "N307", "N304", "N306")) {
            Tuning one = new Tuning(prepared, m -> options.estimator().totalMicros(m, precisions));
            if (code.equals("N303")) {
                one.passes(code, joining(executor));
            }
            rewrites(precisions).stream()
                    .filter(e -> e.getKey().equals(code))
                    .forEach(e -> one.rewrite(code, e.getValue(), removes(e.getValue())));
            if (!one.steps().isEmpty() && wanted(code)) {
                models.put(code, one.model());
            }
        }
        if (!turned.moved().isEmpty()) {
            models.put("N302", turned.model());
        }
        return models;
    }

    /// Codes that `--without` may name.
    public static Set<String> codes() {
        return Set.of("N301", "N302", "N303", "N304", "N305", "N306", "N307", "N308", "N315");
    }

    /// `codes` as they are spelled here.
    ///
    /// @throws NibbleException where one of them is none of [#codes]
    public static Set<String> known(List<String> codes) {
        Set<String> known = codes.stream()
                .map(c -> c.strip().toUpperCase(Locale.ROOT))
                .collect(Collectors.toCollection(TreeSet::new));
        for (String code : known) {
            if (!codes().contains(code)) {
                throw new NibbleException(
                        "there is no change '" + code + "'",
                        "changes are " + String.join(", ", new TreeSet<>(codes())));
            }
        }
        return known;
    }
}
