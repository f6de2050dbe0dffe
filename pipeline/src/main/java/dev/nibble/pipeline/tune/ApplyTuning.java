package dev.nibble.pipeline.tune;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.graph.pass.SimplifyCheck;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.Progress;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.FindingCatalog;
import dev.nibble.report.TuneDocument;
import dev.nibble.report.TuneDocument.Gain;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Proves what was tuned, and writes as much of it as holds.
final class ApplyTuning {
    private final TuneModel.Options options;
    private final List<Finding> findings;
    private final List<String> said;
    private final Progress progress;

    /// @param findings takes what is found
    /// @param said takes what is to be said beside
    ApplyTuning(TuneModel.Options options, List<Finding> findings, List<String> said, Progress progress) {
        this.options = options;
        this.findings = findings;
        this.said = said;
        this.progress = progress;
    }

    /// @param proof null where nothing was asked to be applied
    /// @param output null where `proof` is
    record Applied(
            List<Gain> gains,
            TuneDocument.@Nullable Proof proof,
            @Nullable FileRecord output,
            Model model) {}

    /// @param after what is to be written, with all of `steps`
    /// @param moved inputs and outputs that lie channels last in `after`
    /// @param file where to write
    /// @throws NibbleException where ONNX Runtime does not run `before`, or its outputs are no numbers
    Applied apply(
            Model before,
            List<Tuning.Step> steps,
            Model after,
            Set<String> moved,
            List<Gain> gains,
            Executor executor,
            Path file) {
        ProveRewrite proof;
        try (Progress.Stage stage = progress.begin("running the model as it was", -1)) {
            proof = ProveRewrite.of(before, executor, options.seed());
            stage.advance();
        } catch (NibbleException e) {
            throw new NibbleException(
                    "ONNX Runtime cannot run the model as it is, so no change can be proved: " + e.getMessage(),
                    "leave out --apply to see the findings; " + e.hint(),
                    e);
        }
        List<String> notFinite = proof.notFinite();
        if (!notFinite.isEmpty()) {
            throw new NibbleException(
                    "'%s': output '%s' holds NaN or infinity for the inputs of seed %d, so no change can be proved"
                            .formatted(options.model(), notFinite.getFirst(), options.seed()),
                    fix("N310") + "; nibble explain N310");
        }
        try (Progress.Stage stage = progress.begin("proving", -1)) {
            ProveRewrite.Verdict verdict = proof.compare(after, moved);
            stage.advance();
            if (verdict.within()) {
                return written(after, gains, Set.of(), verdict, file);
            }
            said.add("all changes together move an output by %s of its largest value".formatted(verdict.largest()));
        } catch (NibbleException e) {
            said.add("the model with all changes does not run: " + e.getMessage());
        }
        // Some change is wrong: the last model of the row that is right, without what comes after.
        Model good = before;
        ProveRewrite.Verdict kept = proof.compare(before, Set.of());
        Set<String> refused = new TreeSet<>();
        for (Tuning.Step step : steps) {
            try {
                ProveRewrite.Verdict verdict = refused.isEmpty() ? proof.compare(step.model(), Set.of()) : kept;
                if (refused.isEmpty() && verdict.within()) {
                    good = step.model();
                    kept = verdict;
                    continue;
                }
            } catch (NibbleException e) {
                said.add("%s: %s".formatted(step.code(), e.getMessage()));
            }
            refused.add(step.code());
        }
        if (options.channelsLast()) {
            refused.add("N302");
        }
        finding(
                "N314",
                Finding.Severity.WARNING,
                "%s could not be proved and were not applied, nor what builds on them"
                        .formatted(String.join(", ", refused)));
        return written(good, gains, refused, kept, file);
    }

    private Applied written(
            Model model, List<Gain> gains, Set<String> refused, ProveRewrite.Verdict verdict, Path file) {
        List<Gain> marked = new ArrayList<>();
        for (Gain gain : gains) {
            boolean done = gain.state().equals("applicable")
                    && !refused.contains(gain.code())
                    && (!gain.code().equals("N302") || options.channelsLast());
            String state = done ? "applied" : refused.contains(gain.code()) ? "refused" : gain.state();
            marked.add(new Gain(
                    gain.code(),
                    gain.title(),
                    gain.gainMicros(),
                    gain.share(),
                    gain.evidence(),
                    gain.fix(),
                    gain.nodes(),
                    state,
                    done ? Double.valueOf(verdict.largest()) : null,
                    null));
        }
        Model named = model.withProducer("nibble", options.version());
        ModelWriter.write(named, file);
        List<TuneDocument.Compared> compared = verdict.differences().stream()
                .map(d -> new TuneDocument.Compared(d.output(), d.maxAbsolute(), d.maxRelative()))
                .toList();
        return new Applied(
                marked,
                new TuneDocument.Proof(options.seed(), SimplifyCheck.Tolerance.DEFAULT.rtol(), compared),
                FileDigest.record(file, options.out().orElse(file).toString()),
                named);
    }

    private void finding(String code, Finding.Severity severity, String text) {
        findings.add(new Finding(code, severity, text, fix(code)));
    }

    private static String fix(String code) {
        return FindingCatalog.find(code).map(FindingCatalog.Entry::fix).orElse("");
    }
}
