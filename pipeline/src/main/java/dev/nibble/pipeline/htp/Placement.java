package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.htp.Advice;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.PreFlight;
import dev.nibble.htp.Soc;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.StagedFile;
import dev.nibble.report.Document;
import dev.nibble.report.Finding;
import dev.nibble.target.HtpArch;
import dev.nibble.target.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// `placement`: which operators of a model the HTP takes, which not, and why. With Qualcomm's libraries the compiler
/// itself is asked, with the whole model; without them the rules learned from it are.
public final class Placement {
    private static final String FLOAT = "htp in float";

    private Placement() {}

    /// @param file the model
    /// @param targets the chips
    /// @param libraries where Qualcomm's libraries may be; where they are not complete, the rules are asked
    /// @param shapes shapes of inputs, by name
    /// @param threads compilers at work at the same time; 0 is one a core
    /// @param apply where the model is written with what the HTP does not take rewritten; empty: nothing is rewritten
    /// @param force whether that file may be replaced
    /// @param version of Nibble, for the document
    public record Options(
            Path file,
            List<Target> targets,
            HtpLibraries libraries,
            Map<String, long[]> shapes,
            int threads,
            Optional<Path> apply,
            boolean force,
            String version) {
        public Options {
            targets = List.copyOf(targets);
        }
    }

    /// @throws dev.nibble.graph.NibbleException where the model is not sound, a shape stays open, the compiler crashes, or
    ///     the rewritten model cannot be written
    public static PlacementDocument run(Options options, Progress progress) {
        if (options.apply().isEmpty()) {
            return run(options, null, progress);
        }
        try (StagedFile staged = StagedFile.open(options.apply().get(), options.force())) {
            PlacementDocument document = run(options, staged, progress);
            staged.commit();
            return document;
        }
    }

    private static PlacementDocument run(Options options, @Nullable StagedFile rewritten, Progress progress) {
        List<Target> targets = options.targets();
        HtpLibraries libraries = options.libraries();
        StaticModel read = StaticModel.read(options.file(), options.shapes());
        Model model = read.model();
        boolean asked = libraries.found();
        List<Finding> findings = new ArrayList<>();
        read.said()
                .forEach(said -> findings.add(new Finding(
                        "G002",
                        Finding.Severity.NOTE,
                        said,
                        "bind other sizes with --shape NAME=1,3,224,224; fix them for ONNX Runtime too"
                                + " (setSymbolicDimensionValue, or --shape of quantize): of a model with open sizes its HTP"
                                + " plugin takes nothing, without a word")));
        if (!asked) {
            findings.add(byRulesAlone(libraries));
        }
        if (rewritten != null) {
            ApplyRewrites.Result result = ApplyRewrites.to(model, refused(targets, model));
            model = result.model();
            findings.addAll(result.findings());
            ModelWriter.write(model.withProducer("nibble", options.version()), rewritten.path());
        }
        List<PlacementDocument.OfTarget> results = new ArrayList<>();
        Map<String, Disagreement> disagreements = new LinkedHashMap<>();
        List<HtpCompiler.Answer> answers =
                asked ? AskCompiler.about(model, socs(targets), libraries, options.threads(), progress) : List.of();
        for (int i = 0; i < targets.size(); i++) {
            Target target = targets.get(i);
            List<PreFlight.Verdict> verdicts = PreFlight.of(target, model.graph());
            if (!asked) {
                results.add(byRules(target, verdicts));
            } else {
                results.add(byCompiler(target, verdicts, answers.get(i)));
                disagree(target, verdicts, answers.get(i), disagreements);
            }
        }
        disagreements.values().forEach(disagreement -> findings.add(disagreement.finding()));
        return new PlacementDocument(
                Document.SCHEMA_VERSION,
                options.version(),
                options.apply().orElse(options.file()).toString(),
                asked ? "compiler" : "rules",
                results,
                findings);
    }

    /// Labels of the nodes that a target does not take by the rules.
    private static Set<String> refused(List<Target> targets, Model model) {
        Set<String> labels = new HashSet<>();
        for (Target target : targets) {
            PreFlight.of(target, model.graph()).stream()
                    .filter(verdict -> !verdict.accepted())
                    .forEach(verdict -> labels.add(verdict.node().label()));
        }
        return labels;
    }

    private static List<Soc> socs(List<Target> targets) {
        return targets.stream().map(Soc::of).toList();
    }

    private static PlacementDocument.OfTarget byRules(Target target, List<PreFlight.Verdict> verdicts) {
        List<PlacementDocument.Row> rows = new ArrayList<>();
        int left = 0;
        for (PreFlight.Verdict verdict : verdicts) {
            Node node = verdict.node();
            if (!verdict.accepted()) {
                left++;
                rows.add(row(node.label(), node.opType(), "cpu", verdict.reason()));
            } else if (verdict.floatInside()) {
                rows.add(inFloat(node));
            }
        }
        return new PlacementDocument.OfTarget(target.name(), verdicts.size() - left, left, null, null, rows);
    }

    private static PlacementDocument.OfTarget byCompiler(
            Target target, List<PreFlight.Verdict> verdicts, HtpCompiler.Answer answer) {
        List<PlacementDocument.Row> rows = new ArrayList<>();
        Map<String, String> rules = new HashMap<>();
        verdicts.forEach(verdict -> rules.put(verdict.node().label(), verdict.reason()));
        Set<String> names = new HashSet<>();
        int left = 0;
        for (HtpCompiler.Left node : answer.left()) {
            names.add(node.name());
            boolean converts = node.op().equals("QuantizeLinear") || node.op().equals("DequantizeLinear");
            if (converts) {
                continue;
            }
            left++;
            String rule = rules.getOrDefault(node.name(), "");
            rows.add(row(
                    node.name(), node.op(), "cpu", rule.isEmpty() ? node.reason() : node.reason() + " (" + rule + ")"));
        }
        if (!answer.finalized()) {
            for (PreFlight.Verdict verdict : verdicts) {
                if (!verdict.accepted() && names.add(verdict.node().label())) {
                    rows.add(row(
                            verdict.node().label(),
                            verdict.node().opType(),
                            "cpu",
                            "by the rules: " + verdict.reason()));
                }
            }
            rows.addFirst(unfinished(target, verdicts, answer.failure()));
        }
        for (PreFlight.Verdict verdict : verdicts) {
            if (verdict.floatInside() && !names.contains(verdict.node().label())) {
                rows.add(inFloat(verdict.node()));
            }
        }
        int onHtp = answer.finalized() ? Math.max(0, verdicts.size() - left) : 0;
        return new PlacementDocument.OfTarget(
                target.name(), onHtp, verdicts.size() - onHtp, answer.partitions(), answer.finalized(), rows);
    }

    private static PlacementDocument.Row unfinished(Target target, List<PreFlight.Verdict> verdicts, String failure) {
        boolean inFloat =
                verdicts.stream().anyMatch(verdict -> verdict.query().startsWith("f32") && !verdict.floatInside());
        String advice = inFloat && !target.arch().value().atLeast(HtpArch.V73)
                ? "quantize it (nibble quantize MODEL --target %s): float models often do not finalize before v73"
                        .formatted(target.name())
                : Advice.of("", failure);
        return new PlacementDocument.Row("", "", "not finalizable", failure, advice);
    }

    private static Finding byRulesAlone(HtpLibraries libraries) {
        List<String> missing = libraries.missing();
        boolean damaged = Files.isDirectory(libraries.root());
        return new Finding(
                "H104",
                damaged ? Finding.Severity.WARNING : Finding.Severity.NOTE,
                "these are Nibble's rules; Qualcomm's own compiler was not asked"
                        + (damaged
                                ? ": its libraries in '%s' are not complete: %s"
                                        .formatted(libraries.root(), String.join(", ", missing))
                                : ""),
                "nibble htp install --accept-license" + (damaged ? " --force" : ""));
    }

    /// Where the rules and the compiler do not say the same: a defect of the rules. One node of each kind is named.
    private static void disagree(
            Target target,
            List<PreFlight.Verdict> verdicts,
            HtpCompiler.Answer answer,
            Map<String, Disagreement> disagreements) {
        if (!answer.finalized()) {
            return;
        }
        Set<String> left = new HashSet<>();
        answer.left().forEach(node -> left.add(node.name()));
        for (PreFlight.Verdict verdict : verdicts) {
            boolean taken = !left.contains(verdict.node().label());
            if (taken != verdict.accepted()) {
                disagreements
                        .computeIfAbsent(
                                verdict.node().opType() + verdict.query(),
                                kind -> new Disagreement(verdict, new TreeSet<>(), new TreeSet<>()))
                        .add(target, verdict);
            }
        }
    }

    /// @param first the first node of a kind
    private record Disagreement(PreFlight.Verdict first, Set<String> targets, Set<String> nodes) {
        void add(Target target, PreFlight.Verdict verdict) {
            targets.add(target.name());
            nodes.add(verdict.node().label());
        }

        Finding finding() {
            return new Finding(
                    "H105",
                    Finding.Severity.WARNING,
                    "Nibble's rules and the compiler (%s) disagree on %s%s at %s: the rules %s"
                            .formatted(
                                    String.join(", ", targets),
                                    first.node(),
                                    nodes.size() == 1 ? "" : " and %d more".formatted(nodes.size() - 1),
                                    first.query(),
                                    first.accepted() ? "take it" : "refuse it (" + first.reason() + ")"),
                    "the compiler is right, unless what ONNX Runtime put in beside it is what it refuses; please report it");
        }
    }

    private static PlacementDocument.Row row(String name, String op, String where, String reason) {
        return new PlacementDocument.Row(name, op, where, reason, Advice.of(op, reason));
    }

    private static PlacementDocument.Row inFloat(Node node) {
        return new PlacementDocument.Row(
                node.label(),
                node.opType(),
                FLOAT,
                "it reads and makes float inside a quantized model",
                "quantize it, where the rules of the target have it in integers");
    }
}
