package dev.nibble.pipeline;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.check.ModelChecker;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.graph.pass.Pass;
import dev.nibble.graph.pass.Passes;
import dev.nibble.graph.pass.Simplify;
import dev.nibble.graph.pass.SimplifyCheck;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.report.Document;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.PassRecord;
import dev.nibble.report.SimplifyDocument;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// `simplify`: from a model file to one that computes the same with fewer and larger operators.
///
/// Both models are run on the same made-up inputs before anything is written; where the results differ, nothing is.
public final class SimplifyFile {
    private final Options options;
    private final List<Finding> findings = new ArrayList<>();

    /// Everything `simplify` is told.
    ///
    /// @param passes names of passes separated by commas; `none` for a pure round trip; empty for all passes
    /// @param shapes shapes of inputs that the written model is bound to, by name
    /// @param seed of the made-up inputs
    /// @param force whether an existing file may be replaced
    /// @param version of Nibble, for the document and the written model's producer
    public record Options(
            Path model,
            Path out,
            Optional<String> passes,
            Map<String, long[]> shapes,
            long seed,
            boolean force,
            String version) {}

    private SimplifyFile(Options options) {
        this.options = options;
    }

    /// Simplifies. The result appears whole, or not at all.
    /// @throws NibbleException for whatever the user can mend, and where the simplified model computes something else
    public static SimplifyDocument run(Options options, Progress progress) {
        Path place = options.out().toAbsolutePath().normalize();
        Path folder = place.getParent();
        Path name = place.getFileName();
        if (folder == null || name == null || Files.isDirectory(place)) {
            throw new NibbleException("'" + options.out() + "' is a folder", "name the file to write");
        }
        try (StagedDirectory staged = StagedDirectory.open(folder, List.of(name.toString()), options.force())) {
            SimplifyDocument document = new SimplifyFile(options).into(staged.file(name.toString()), progress);
            staged.commit();
            return document;
        }
    }

    private SimplifyDocument into(Path file, Progress progress) {
        ModelFile before = ModelFile.look(options.model(), options.shapes());
        findings.addAll(before.findings());
        boolean complete = ModelChecker.stripped(before.model()).isEmpty();
        boolean none = options.passes().filter("none"::equals).isPresent();
        Executor executor = complete && !none ? new OrtExecutor() : null;
        String names = options.passes().orElse(null);
        List<Pass> passes = names == null
                ? Passes.all(executor, PreparedModel.NEWEST_OPSET)
                : Passes.named(names, executor, PreparedModel.NEWEST_OPSET);
        Simplify.Result result;
        try (Progress.Stage stage = progress.begin("simplifying", -1)) {
            result = new Simplify(passes).apply(before.model());
            stage.advance();
        }
        Double difference = executor == null || !result.changed()
                ? unchecked(complete, result.changed())
                : check(before.model(), result.model(), executor, progress);
        Model after = none ? result.model() : result.model().withProducer("nibble", options.version());
        try (Progress.Stage stage = progress.begin("writing", -1)) {
            ModelWriter.write(after, file);
            stage.advance();
        }
        FileRecord written = FileDigest.record(file, options.out().toString());
        return new SimplifyDocument(
                Document.SCHEMA_VERSION,
                options.version(),
                before.info(),
                written,
                Math.toIntExact(after.opset()),
                before.model().graph().nodes().size(),
                after.graph().nodes().size(),
                records(result),
                difference,
                result.renamed(),
                findings);
    }

    private static List<PassRecord> records(Simplify.Result result) {
        return result.passes().stream().map(PreparedModel::record).toList();
    }

    private @Nullable Double unchecked(boolean complete, boolean changed) {
        if (!complete && changed) {
            findings.add(Findings.warning(
                    "S101",
                    "the weights are missing, so both models could not be run and compared",
                    "simplify the model with its weights to have the result checked"));
        }
        return null;
    }

    /// The largest difference between the outputs of both models; null where they cannot be run.
    private @Nullable Double check(Model before, Model after, Executor executor, Progress progress) {
        SimplifyCheck.Verdict verdict;
        try (Progress.Stage stage = progress.begin("comparing", -1)) {
            verdict = SimplifyCheck.compare(before, after, executor, options.seed());
            stage.advance();
        } catch (NibbleException e) {
            if (runs(before, executor)) {
                throw new NibbleException(
                        "the simplified model does not run, so it was not written: " + e.getMessage(),
                        "this is a defect: report it; --passes none or fewer passes get around it",
                        e);
            }
            findings.add(Findings.warning(
                    "S102",
                    "both models could not be run and compared: " + e.getMessage(),
                    "compare them on inputs of your own"));
            return null;
        }
        double largest = 0;
        for (SimplifyCheck.Difference difference : verdict.differences()) {
            if (!difference.within()) {
                throw new NibbleException(
                        "output '%s' of the simplified model is off by %s (%s of its largest value); nothing was written"
                                .formatted(difference.output(), difference.maxAbsolute(), difference.maxRelative()),
                        "this is a defect: report it; --passes with fewer passes finds the culprit");
            }
            largest = Math.max(largest, difference.maxAbsolute());
        }
        return largest;
    }

    private boolean runs(Model before, Executor executor) {
        try {
            SimplifyCheck.compare(before, before, executor, options.seed());
            return true;
        } catch (NibbleException e) {
            // The reason is the same as of the comparison, which is reported.
            return false;
        }
    }
}
