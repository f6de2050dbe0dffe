package dev.nibble.pipeline.tune;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.pass.Pass;
import dev.nibble.graph.pass.PassResult;
import dev.nibble.graph.pass.RemoveDeadNodes;
import dev.nibble.graph.pass.Rewrite;
import dev.nibble.graph.pass.Simplify;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.report.TuneDocument.Rejected;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;

/// Tries rewrites on a model one place at a time, and keeps those that the estimate says pay.
final class Tuning {
    /// Less than this is no gain, µs.
    static final double LEAST_GAIN = 0.05;

    /// Rejections of one code and reason are listed up to this number.
    private static final int LISTED = 5;

    private final ToDoubleFunction<Model> micros;
    private Model model;
    private double now;
    private final List<Step> steps = new ArrayList<>();
    private final List<Rejected> rejected = new ArrayList<>();
    private final Map<String, Integer> counts = new LinkedHashMap<>();

    /// What was done of one kind, at all places where it pays.
    ///
    /// @param model after it
    record Step(String code, double gainMicros, List<String> nodes, List<String> evidence, Model model) {
        Step {
            nodes = List.copyOf(nodes);
            evidence = List.copyOf(evidence);
        }
    }

    Tuning(Model model, ToDoubleFunction<Model> micros) {
        this.model = model;
        this.micros = micros;
        this.now = micros.applyAsDouble(model);
    }

    Model model() {
        return model;
    }

    double now() {
        return now;
    }

    List<Step> steps() {
        return List.copyOf(steps);
    }

    /// Without what was done in another way after all.
    List<Rejected> rejected() {
        Set<String> done = new TreeSet<>();
        steps.forEach(s -> s.nodes().forEach(n -> done.add(s.code() + "\n" + n)));
        List<Rejected> all = new ArrayList<>(rejected);
        all.removeIf(r -> done.contains(r.code() + "\n" + r.node()));
        counts.forEach((key, count) -> {
            if (count > LISTED) {
                String[] parts = key.split("\n", 2);
                all.add(new Rejected(parts[0], "", null, "%d more places: %s".formatted(count - LISTED, parts[1])));
            }
        });
        return all;
    }

    /// Passes that only take away what need not run: made in any case, and a step where that gains.
    void prepare(String code, List<Pass> passes) {
        Simplify.Result result = new Simplify(passes).apply(model);
        Model candidate = clean(result.model());
        double after = micros.applyAsDouble(candidate);
        List<String> evidence = result.passes().stream()
                .filter(p -> !p.changes().isEmpty())
                .map(p -> "%s: %d places".formatted(p.name(), p.changes().size()))
                .toList();
        if (now - after >= LEAST_GAIN && !evidence.isEmpty()) {
            List<String> nodes =
                    result.passes().stream().flatMap(p -> p.changes().stream()).toList();
            steps.add(new Step(code, now - after, nodes, List.of(String.join(", ", evidence)), candidate));
        }
        model = candidate;
        now = after;
    }

    /// Each pass that changes something, as a whole.
    void passes(String code, List<Pass> passes) {
        List<String> nodes = new ArrayList<>();
        List<String> evidence = new ArrayList<>();
        double gain = 0;
        for (Pass pass : passes) {
            PassResult result = pass.apply(model);
            if (!result.changed()) {
                continue;
            }
            Model candidate = clean(result.model());
            double after = micros.applyAsDouble(candidate);
            if (now - after < LEAST_GAIN) {
                reject(
                        code,
                        pass.name(),
                        now - after,
                        "%s would change %d places, but the estimate gains nothing: the compiler joins them itself"
                                .formatted(pass.name(), result.changes().size()));
                continue;
            }
            gain += now - after;
            nodes.addAll(result.changes());
            evidence.add("%s: %d places".formatted(pass.name(), result.changes().size()));
            model = candidate;
            now = after;
        }
        if (!evidence.isEmpty()) {
            steps.add(new Step(code, gain, nodes, evidence, model));
        }
    }

    /// A rewrite, at each place where it pays.
    ///
    /// @param removing whether it only takes away, so that gaining nothing is no reason against it
    void rewrite(String code, Rewrite rewrite, boolean removing) {
        Set<String> nodes = new TreeSet<>();
        List<String> evidence = new ArrayList<>();
        Set<String> tried = new TreeSet<>();
        double before = now;
        boolean changed = true;
        while (changed) {
            changed = false;
            for (Rewrite.Place place : rewrite.find(model).places()) {
                if (!tried.add(place.anchor())) {
                    continue;
                }
                Optional<Model> candidate = rewrite.apply(model, place.anchor()).map(Tuning::clean);
                if (candidate.isEmpty()) {
                    continue;
                }
                double after = micros.applyAsDouble(candidate.get());
                double gain = now - after;
                if (removing ? gain < -LEAST_GAIN : gain < LEAST_GAIN) {
                    reject(
                            code,
                            place.nodes().getFirst(),
                            gain,
                            (gain < -LEAST_GAIN ? "the estimate says that it costs: " : "the estimate gains nothing: ")
                                    + place.evidence());
                    continue;
                }
                model = candidate.get();
                now = after;
                nodes.addAll(place.nodes());
                evidence.add(place.evidence());
                changed = true;
            }
        }
        for (PassResult.Skipped skipped : rewrite.find(model).skipped()) {
            reject(code, skipped.node(), null, skipped.reason());
        }
        if (!evidence.isEmpty()) {
            steps.add(new Step(code, before - now, List.copyOf(nodes), evidence, model));
        }
    }

    private void reject(String code, String node, @org.jspecify.annotations.Nullable Double gain, String reason) {
        int seen = counts.merge(code + "\n" + reason.split(":", 2)[0], 1, Integer::sum);
        if (seen <= LISTED) {
            rejected.add(new Rejected(code, node, gain, reason));
        }
    }

    /// `changed` without what nothing reads any more, and with its new shapes.
    static Model clean(Model changed) {
        Model alive = new RemoveDeadNodes().apply(changed).model();
        ShapeInference.Result inferred = ShapeInference.inferOwn(alive);
        if (inferred.open() == 0) {
            return inferred.model();
        }
        try {
            return ShapeInference.infer(alive).model();
        } catch (NibbleException e) {
            throw new NibbleException(
                    "a rewritten model has values of unknown shape: " + e.getMessage(), "report this as a defect", e);
        }
    }
}
