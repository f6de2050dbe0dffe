package dev.nibble.pipeline;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.pipeline.output.StagedFile;
import dev.nibble.quant.encodings.CompareEncodings;
import dev.nibble.quant.encodings.CompleteEncodings;
import dev.nibble.quant.encodings.Encodings;
import dev.nibble.quant.encodings.EncodingsText;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.ResolveOverrides;
import dev.nibble.quant.place.Forced;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.PlacementRules;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `encodings convert`, `diff` and `check`.
public final class EncodingsFiles {
    private EncodingsFiles() {}

    /// What `encodings convert` prints.
    ///
    /// @param from version of the given file; empty for overrides, which need not say one; `qdq` for a QDQ model
    /// @param omitted tensors of a QDQ model whose encodings no file can say
    public record Converted(
            String nibble, String file, String from, String to, String out, int tensors, List<Omitted> omitted) {}

    /// @param reason why the tensor has no entry
    public record Omitted(String tensor, String reason) {}

    /// What `encodings diff` prints.
    ///
    /// @param tensors how many both files name, or one of them
    public record Compared(
            String nibble, String first, String second, boolean equal, int tensors, List<Difference> differences) {}

    /// @param kind `only in first`, `only in second`, `width`, `layout`, `scale`, `offset` or `type`
    public record Difference(String tensor, String kind, String text) {}

    /// What `encodings check` prints.
    ///
    /// @param ok whether `quantize --quantization-overrides` takes the file
    /// @param whole whether it gives every range, so that no samples are needed
    /// @param ranges tensors whose encodings it gives
    /// @param widths tensors whose width it gives
    /// @param floats tensors that it keeps in float
    /// @param uncalibrated values whose ranges come from samples
    /// @param problems why it is not taken
    public record Checked(
            String nibble,
            String file,
            String version,
            String model,
            String rules,
            boolean ok,
            boolean whole,
            int ranges,
            int widths,
            int floats,
            List<String> uncalibrated,
            List<Problem> problems) {}

    /// @param hint the next thing to do
    public record Problem(String text, String hint) {}

    /// Writes `file` in another version.
    ///
    /// @param model whose tensors the file names; needed between versions that name axes and versions that do not
    /// @throws NibbleException where the file is damaged, or the version cannot say what it says
    public static Converted convert(
            Path file,
            String shown,
            EncodingsVersion to,
            Optional<Path> model,
            Path out,
            String shownOut,
            boolean force,
            String nibble) {
        EncodingsSource source = EncodingsSource.read(file);
        boolean oneList = to == EncodingsVersion.V2_0_0 || to == EncodingsVersion.V2_1_0;
        Encodings read = source.listed(to);
        if (source.qdq().isEmpty() && read.isOneList() != oneList && model.isEmpty()) {
            throw new NibbleException(
                    "from %s to %s the model has to be known: only one of them says which tensors are weights, and along which axis their scales lie"
                            .formatted(read.version().isEmpty() ? "overrides" : read.version(), to.text()),
                    "give it: --model model.float.onnx");
        }
        Encodings complete = model.map(path -> complete(ModelReader.read(path).graph(), read, oneList))
                .orElse(read);
        StagedFile.write(out, force, EncodingsText.of(complete, to));
        return new Converted(
                nibble,
                shown,
                read.version(),
                to.text(),
                shownOut,
                complete.all().size(),
                source.omitted().stream()
                        .map(omitted -> new Omitted(omitted.tensor(), omitted.reason()))
                        .toList());
    }

    private static Encodings complete(Graph graph, Encodings read, boolean oneList) {
        List<String> unknown = read.all().keySet().stream()
                .filter(name -> !graph.names().contains(name))
                .toList();
        if (!unknown.isEmpty()) {
            throw new NibbleException(
                    "%d of %d tensors are not in the model, '%s' first"
                            .formatted(unknown.size(), read.all().size(), unknown.getFirst()),
                    "give the model that the encodings were made for; patterns of overrides cannot be converted");
        }
        Encodings complete = CompleteEncodings.over(graph, read);
        if (!oneList) {
            CompleteEncodings.requireImpliedAxes(graph, complete);
        }
        return complete;
    }

    /// Compares two files, whatever their versions.
    ///
    /// @param tolerance how far scales may be apart, relative to the first's
    public static Compared diff(
            Path first, String shownFirst, Path second, String shownSecond, double tolerance, String nibble) {
        EncodingsSource one = EncodingsSource.read(first);
        EncodingsSource other = EncodingsSource.read(second);
        Encodings a = one.besides(other);
        Encodings b = other.besides(one);
        List<Difference> differences = CompareEncodings.between(a, b, tolerance).stream()
                .map(d -> new Difference(d.tensor(), d.kind(), d.text()))
                .toList();
        long onlySecond = differences.stream()
                .filter(d -> d.kind().equals("only in second"))
                .count();
        return new Compared(
                nibble,
                shownFirst,
                shownSecond,
                differences.isEmpty(),
                Math.toIntExact(a.all().size() + onlySecond),
                differences);
    }

    /// Holds a file of overrides or encodings against a model and a target.
    ///
    /// @throws NibbleException where the model cannot be read
    public static Checked check(
            Path file,
            String shown,
            Path model,
            String shownModel,
            PlacementRules rules,
            Precision precision,
            Map<String, long[]> shapes,
            String nibble,
            Progress progress) {
        PreparedModel prepared = PreparedModel.read(model, shownModel, shapes, new OrtExecutor(), progress);
        List<NibbleException> problems = new ArrayList<>();
        String version = "";
        PlacementPlan plan = null;
        try {
            Encodings read = EncodingsSource.read(file).encodings();
            version = read.version();
            PlacementPlan base = QuantizedModel.plan(prepared.model(), rules, precision);
            problems.addAll(ResolveOverrides.problems(
                    base, read, prepared.renamed(), prepared.original().graph().names()));
            if (problems.isEmpty()) {
                ReadOverrides resolved = ReadOverrides.of(read, rules, precision, prepared, false);
                plan = QuantizedModel.plan(prepared.model(), rules, resolved.precision());
            }
        } catch (NibbleException e) {
            problems.add(e);
        }
        int ranges = 0;
        int widths = 0;
        int floats = 0;
        List<String> uncalibrated = plan == null ? List.of() : plan.observed();
        for (Forced forced : plan == null
                ? List.<Forced>of()
                : plan.precision().overrides().tensors().values()) {
            switch (forced) {
                case Forced.Range _, Forced.Scales _ -> ranges++;
                case Forced.Width _ -> widths++;
                case Forced.InFloat _ -> floats++;
            }
        }
        return new Checked(
                nibble,
                shown,
                version,
                shownModel,
                rules.name(),
                problems.isEmpty(),
                problems.isEmpty() && uncalibrated.isEmpty(),
                ranges,
                widths,
                floats,
                uncalibrated,
                problems.stream()
                        .map(e -> new Problem(String.valueOf(e.getMessage()), e.hint()))
                        .toList());
    }
}
