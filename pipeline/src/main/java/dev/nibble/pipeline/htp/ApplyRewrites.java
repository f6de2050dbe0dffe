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
            Optional<Model> changed = node.flatMap(n -> kind.rewriting().apply(model, n, this::values));
            if (changed.isEmpty()) {
                continue;
            }
            Model inferred = ShapeInference.inferOwn(changed.get()).model();
            double nearness = nearness(run(inferred, outputs));
            if (nearness >= (kind.exact() ? EXACT_DB : CLOSE_DB)) {
                model = inferred;
                worst = Math.min(worst, nearness);
                done.add(candidate.toString());
            } else {
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
            Map<String, Tensor> copies = new java.util.LinkedHashMap<>();
            session.run(inputs).forEach((name, tensor) -> copies.put(name, tensor.copy()));
            return copies;
        }
    }

    /// The least signal-to-noise ratio of an output, dB; infinite where all are equal.
    private double nearness(Map<String, Tensor> got) {
        double worst = Double.POSITIVE_INFINITY;
        for (String output : outputs) {
            Tensor expected = copy(wanted, output);
            Tensor received = copy(got, output);
            if (!expected.shape().equals(received.shape())) {
                return Double.NEGATIVE_INFINITY;
            }
            double signal = 0;
            double noise = 0;
            for (long i = 0; i < expected.elements(); i++) {
                double value = expected.floatAt(i);
                double error = value - received.floatAt(i);
                signal += value * value;
                noise += error * error;
            }
            worst = Math.min(worst, noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise));
        }
        return worst;
    }
}
