package dev.nibble.pipeline.htp;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.report.Finding;
import dev.nibble.run.OrtExecutor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Rewrites what the HTP does not take, and keeps only what was proved: the model before and after are run on the CPU
/// on the same inputs, with graph optimization off.
final class ApplyRewrites {
    /// Less than this after exact rewrites is another computation, not another rounding.
    private static final double EXACT_DB = 100;

    /// Less than this after weights were quantized anew is damage.
    private static final double CLOSE_DB = 20;

    private static final Executor.Options OFF = new Executor.Options(1, Executor.Optimization.OFF);

    private final Set<String> refused;
    private final List<Finding> findings = new ArrayList<>();
    private final Map<String, Tensor> inputs;
    private final List<String> outputs;
    private final Map<String, Tensor> wanted;
    private Model model;

    private ApplyRewrites(Model model, Set<String> refused) {
        this.model = model;
        this.refused = refused;
        inputs = SeededInputs.of(model.graph());
        outputs = model.graph().outputs().stream()
                .map(ValueInfo::name)
                .filter(name -> model.graph().producer(name).isPresent())
                .toList();
        wanted = run(model, outputs);
    }

    /// @param findings what was rewritten, how near it came, and what was not
    record Result(Model model, List<Finding> findings) {}

    /// @param model all of whose shapes are fixed and known
    /// @param refused labels of the nodes that a target does not take by the rules
    static Result to(Model model, Set<String> refused) {
        ApplyRewrites run = new ApplyRewrites(model, refused);
        Rewrites.kinds(refused).forEach(run::apply);
        if (run.findings.isEmpty()) {
            run.findings.add(new Finding(
                    "H110",
                    Finding.Severity.NOTE,
                    "no operator needs a rewrite that is known here; shapes are fixed",
                    null));
        }
        return new Result(run.model, run.findings);
    }

    private void apply(Rewrites.Kind kind) {
        List<String> done = new ArrayList<>();
        double worst = Double.POSITIVE_INFINITY;
        for (Node candidate : model.graph().nodes()) {
            Optional<Node> node = model.graph().producer(candidate.output(0));
            List<Model> forms = node.map(n -> kind.rewriting().apply(model, n, this::values))
                    .orElse(List.of());
            double nearness = Double.NEGATIVE_INFINITY;
            boolean proved = false;
            for (int i = 0; i < forms.size() && !proved; i++) {
                Model form = ShapeInference.inferOwn(forms.get(i)).model();
                double near = Agreement.of(outputs, wanted, run(form, outputs)).worstDb();
                nearness = Math.max(nearness, near);
                proved = near >= (kind.exact() ? EXACT_DB : CLOSE_DB);
                if (proved) {
                    model = form;
                    worst = Math.min(worst, near);
                    done.add(candidate.toString());
                }
            }
            if (!proved && !forms.isEmpty()) {
                findings.add(new Finding(
                        "H111",
                        Finding.Severity.WARNING,
                        String.format(
                                Locale.ROOT,
                                "%s was not %s: the model's outputs would be at %.1f dB",
                                candidate,
                                kind.what(),
                                nearness),
                        "it stays as it was"));
            }
        }
        if (!done.isEmpty()) {
            findings.add(new Finding(
                    "H110",
                    Finding.Severity.NOTE,
                    "%s%s %s; %s"
                            .formatted(
                                    done.getFirst(),
                                    done.size() == 1 ? " was" : " and %d more were".formatted(done.size() - 1),
                                    kind.what(),
                                    Double.isInfinite(worst)
                                            ? "both models give the same numbers"
                                            : String.format(Locale.ROOT, "the outputs are at %.1f dB", worst)),
                    null));
        }
    }

    /// The floats behind a constant's DequantizeLinear.
    private Tensor values(String value) {
        return copy(run(model, List.of(value)), value);
    }

    private static Tensor copy(Map<String, Tensor> values, String name) {
        Tensor tensor = values.get(name);
        if (tensor == null) {
            throw new IllegalStateException("'" + name + "' was not computed");
        }
        return tensor;
    }

    private Map<String, Tensor> run(Model candidate, List<String> fetches) {
        try (Executor.Session session = new OrtExecutor().open(candidate, fetches, OFF)) {
            Map<String, Tensor> copies = new LinkedHashMap<>();
            session.run(inputs).forEach((name, tensor) -> copies.put(name, tensor.copy()));
            return copies;
        }
    }
}
