package dev.nibble.pipeline;

import dev.nibble.data.InputSpec;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.pass.Passes;
import dev.nibble.graph.pass.Simplify;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.graph.summary.ModelSummary;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.report.Finding;
import dev.nibble.report.ModelInfo;
import dev.nibble.report.PassRecord;
import dev.nibble.report.Skipped;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// A model as the user gave it, and as quantization wants it: opset raised, constants and batch norms folded,
/// decomposed operators whole, shapes inferred.
///
/// @param info what the file is
/// @param original the model as it was read; the reference of every comparison
/// @param model the model that is quantized
/// @param passes what each pass did, and why not
/// @param renamed values of the original that go by another name in `model`
/// @param findings what the checks found
public record PreparedModel(
        ModelInfo info,
        Model original,
        Model model,
        List<PassRecord> passes,
        Map<String, String> renamed,
        List<Finding> findings) {
    /// The newest operators that ONNX Runtime and the HTP's compiler have: RMSNormalization, whose decomposed form costs
    /// five more 8-bit roundings, comes with 23.
    static final long NEWEST_OPSET = 23;

    /// What token ids go through before they are looked up.
    private static final String[] KEEPING_VALUES = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten"};

    /// Reads, checks and prepares the model in `file`.
    ///
    /// @param shown the path as results name it
    /// @param shapes sizes of inputs, by name
    /// @throws NibbleException where the file is damaged, holds weights that are not finite, or lacks its weights
    public static PreparedModel read(
            Path file, String shown, Map<String, long[]> shapes, Executor executor, Progress progress) {
        try (Progress.Stage stage = progress.begin("preparing", -1)) {
            ModelFile read = ModelFile.toRun(file, shapes);
            stage.advance();
            Simplify.Result simplified = new Simplify(Passes.all(executor, NEWEST_OPSET)).apply(read.model());
            stage.advance();
            Model model = ShapeInference.infer(simplified.model()).model();
            return new PreparedModel(
                    info(file, read.model(), shown),
                    read.model(),
                    model,
                    simplified.passes().stream().map(PreparedModel::record).toList(),
                    simplified.renamed(),
                    Stream.concat(
                                    read.findings().stream(),
                                    TiedWeights.of(read.model().graph()).stream())
                            .toList());
        }
    }

    static PassRecord record(Simplify.Report report) {
        return new PassRecord(
                report.name(),
                report.changes(),
                report.skipped().stream()
                        .map(skipped -> new Skipped(skipped.node(), null, skipped.reason()))
                        .toList());
    }

    static ModelInfo info(Path file, Model model, String shown) {
        try {
            return new ModelInfo(
                    shown,
                    FileDigest.sha256(file),
                    Math.toIntExact(model.opset()),
                    Files.size(file),
                    ModelSummary.of(model).parameters(),
                    null);
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file's permissions", e);
        }
    }

    /// The inputs that samples are fitted to.
    ///
    /// @throws NibbleException where an input is no tensor of a known type and rank
    public static List<InputSpec> inputs(Model model) {
        return model.graph().feeds().stream()
                .map(input -> input(model.graph(), input))
                .toList();
    }

    private static InputSpec input(Graph graph, ValueInfo input) {
        ValueType.TensorType type = input.tensorType().orElse(null);
        DataType element = type == null ? null : type.elementType().orElse(null);
        if (type == null || element == null || type.dims() == null) {
            throw new NibbleException(
                    "input '%s' is of type %s, and samples fit tensors of known rank only"
                            .formatted(input.name(), input.type()),
                    "export the model with typed inputs");
        }
        long[] dims = type.dims().stream()
                .mapToLong(dim -> dim instanceof Dim.Known(long size) ? size : -1)
                .toArray();
        return new InputSpec(input.name(), element, dims, rows(graph, input.name()));
    }

    /// Rows of the shortest constant that is looked up with `input`, also where that was cast or reshaped before; 0 where
    /// there is none.
    private static long rows(Graph graph, String input) {
        List<String> forms = new ArrayList<>(List.of(input));
        for (int i = 0; i < forms.size(); i++) {
            String form = forms.get(i);
            graph.consumers(form).stream()
                    .filter(node -> node.isAny(KEEPING_VALUES) && node.input(0).equals(form))
                    .map(node -> node.output(0))
                    .filter(output -> !forms.contains(output))
                    .forEach(forms::add);
        }
        return forms.stream()
                .flatMap(form -> graph.consumers(form).stream()
                        .filter(node -> node.is("Gather") && node.intAttribute("axis", 0) == 0)
                        .filter(node ->
                                node.input(1).equals(form) && !node.input(0).equals(form)))
                .flatMap(node -> graph.initializer(TaskMetrics.table(graph, node)).stream())
                .map(Initializer::shape)
                .filter(shape -> shape.rank() > 0)
                .mapToLong(shape -> shape.dim(0))
                .min()
                .orElse(0);
    }
}
