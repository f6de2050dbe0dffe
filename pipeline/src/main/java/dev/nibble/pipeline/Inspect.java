package dev.nibble.pipeline;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.check.NonFiniteWeights;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.graph.summary.ModelSummary;
import dev.nibble.report.Document;
import dev.nibble.report.Finding;
import dev.nibble.report.InspectDocument;
import dev.nibble.report.InspectDocument.Port;
import dev.nibble.report.ModelInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `inspect`: what a model is made of, and what storing its weights as integers would cost. Runs nothing, and needs no
/// weights except to measure them.
public final class Inspect {
    /// More bytes of weights are looked through for NaN only with `--weights`.
    private static final long QUICKLY_READ = 256L << 20;

    private Inspect() {}

    /// Looks at the model in `file`.
    ///
    /// @param shapes shapes of inputs, by name, for counting multiply-accumulates; an open batch counts as 1
    /// @param weights whether to measure what each weight loses
    /// @param version of Nibble, for the document
    /// @throws dev.nibble.graph.NibbleException where the file is no sound model
    public static InspectDocument run(Path file, Map<String, long[]> shapes, boolean weights, String version) {
        ModelFile read = ModelFile.look(file, Map.of());
        Model model = read.model();
        List<Finding> findings = new ArrayList<>(read.findings());
        BindShapes.Bound bound = BindShapes.bind(model, shapes);
        ModelSummary summary = ModelSummary.of(inferred(bound.model()));
        macs(bound, summary, findings);
        quantized(model, findings);
        noFloats(model, findings);
        if (weights || model.graph().weightBytes() <= QUICKLY_READ) {
            NonFiniteWeights.find(model).forEach(found -> findings.add(Findings.of(found.problem())));
        } else {
            findings.add(Findings.note(
                    "I104", "the weights were not looked through for NaN, since there are many", "add --weights"));
        }
        WeightErrors.Measured measured =
                weights ? WeightErrors.of(model.graph()) : new WeightErrors.Measured(List.of(), List.of());
        if (!measured.missing().isEmpty()) {
            findings.add(Findings.warning(
                    "I105",
                    "%d weights are not in the file and were not measured, the first is '%s'"
                            .formatted(
                                    measured.missing().size(),
                                    measured.missing().getFirst()),
                    "inspect the model with its weights"));
        }
        Map<String, Long> operators = new LinkedHashMap<>();
        summary.operators().forEach((op, count) -> operators.put(op, count.longValue()));
        Map<String, Long> domains = new LinkedHashMap<>();
        summary.opsets().forEach((domain, v) -> domains.put(domain.isEmpty() ? "ai.onnx" : domain, v));
        ModelInfo info = read.info();
        boolean known =
                summary.withoutShape().isEmpty() && summary.withoutRule().isEmpty();
        Long macs = known || summary.macs() > 0 ? (Long) summary.macs() : null;
        return new InspectDocument(
                Document.SCHEMA_VERSION,
                version,
                new ModelInfo(info.path(), info.sha256(), info.opset(), info.bytes(), summary.parameters(), macs),
                operators,
                summary.parameters(),
                macs,
                info.opset(),
                Math.toIntExact(summary.irVersion()),
                summary.producer().isEmpty() ? null : summary.producer(),
                domains,
                model.graph().feeds().stream().map(Inspect::port).toList(),
                model.graph().outputs().stream().map(Inspect::port).toList(),
                measured.weights(),
                findings);
    }

    /// Nibble's own rules know nearly every shape, and faster than a native library loads.
    private static Model inferred(Model model) {
        ShapeInference.Result own = ShapeInference.inferOwn(model);
        return own.open() == 0 ? own.model() : ShapeInference.infer(model).model();
    }

    private static void macs(BindShapes.Bound bound, ModelSummary summary, List<Finding> findings) {
        if (!bound.said().isEmpty()) {
            findings.add(Findings.note(
                    "I106",
                    "MACs are of one sample: " + String.join("; ", bound.said()),
                    "bind other sizes with --shape NAME=1,3,224,224"));
        }
        bound.open()
                .forEach((name, type) -> findings.add(Findings.note(
                        "I107",
                        "input '%s' is open: %s".formatted(name, type),
                        "bind it with --shape %s=… to count the MACs behind it".formatted(name))));
        if (!summary.withoutShape().isEmpty()) {
            findings.add(Findings.note(
                    "I108",
                    "MACs leave out %d nodes whose shapes are not known, the first is '%s'"
                            .formatted(
                                    summary.withoutShape().size(),
                                    summary.withoutShape().getFirst()),
                    "bind open inputs with --shape"));
        }
        if (!summary.withoutRule().isEmpty()) {
            findings.add(Findings.note(
                    "I109",
                    "MACs leave out operators without a rule: " + summary.withoutRule(),
                    "report the operator, if it matters"));
        }
    }

    private static void quantized(Model model, List<Finding> findings) {
        long nodes = model.graph().nodes().stream().filter(Inspect::isQuantized).count();
        if (nodes > 0) {
            findings.add(Findings.warning(
                    "I101",
                    "the model is quantized already: %d of its nodes quantize, dequantize or compute with integer codes"
                            .formatted(nodes),
                    "quantize the float model that it was made from"));
        }
    }

    private static boolean isQuantized(Node node) {
        return node.isAny("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
                || node.opType().startsWith("QLinear")
                || node.isAny("MatMulInteger", "ConvInteger", "MatMulNBits", "QGemm", "DynamicQuantizeMatMul");
    }

    private static void noFloats(Model model, List<Finding> findings) {
        boolean floats = model.graph().nodes().stream()
                .anyMatch(node -> node.isAny(
                        "Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Einsum", "Attention"));
        boolean quantized = model.graph().nodes().stream().anyMatch(Inspect::isQuantized);
        if (!floats && !quantized) {
            findings.add(Findings.note(
                    "I102",
                    "the model holds no convolution or matrix product of floats",
                    "there is little to gain from quantizing it"));
        }
    }

    private static Port port(ValueInfo value) {
        if (!(value.type() instanceof ValueType.TensorType type)) {
            return new Port(value.name(), value.type().toString(), List.of());
        }
        String element = type.elementType().map(DataType::onnxName).orElse("?");
        List<String> dims = type.dims() == null
                ? List.of("…")
                : type.dims().stream().map(Object::toString).toList();
        return new Port(value.name(), element, dims);
    }
}
