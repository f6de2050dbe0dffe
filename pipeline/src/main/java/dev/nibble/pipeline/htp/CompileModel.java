package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.measure.FloatEdges;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.pipeline.output.WriteFailure;
import dev.nibble.report.Document;
import dev.nibble.report.Finding;
import dev.nibble.target.Target;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `compile`: a context binary with the ONNX file that loads it, or a DLC, for each chip; tried before it is called done.
public final class CompileModel {
    /// Beside what was compiled.
    public static final String MANIFEST = "manifest.json";

    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private CompileModel() {}

    /// What is written.
    public enum Format {
        /// A context binary, compiled to the end, with the ONNX file that loads it.
        CONTEXT,
        /// A DLC, which Qualcomm's tools compile on the device or for it.
        DLC;

        /// As options and the manifest spell it.
        public String spelling() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// What the compiled model takes and gives.
    public enum Io {
        /// As the file does.
        AS_IS,
        FLOAT,
        /// Codes, where a quantizer stands at an input or output.
        QUANTIZED
    }

    /// @param out the folder to write
    /// @param shapes shapes of inputs, by name
    /// @param force whether existing files may be replaced
    /// @param version of Nibble, for the document
    public record Options(
            Path model,
            List<Target> targets,
            HtpLibraries libraries,
            Path out,
            Map<String, long[]> shapes,
            OptionalInt vtcmMb,
            OptionalInt optimization,
            Format format,
            Io io,
            boolean force,
            String version) {
        public Options {
            targets = targets.stream().distinct().toList();
        }

        /// Context binaries, the compiler's choice, edges as they are.
        public Options(
                Path model,
                List<Target> targets,
                HtpLibraries libraries,
                Path out,
                Map<String, long[]> shapes,
                OptionalInt vtcmMb,
                OptionalInt optimization,
                boolean force,
                String version) {
            this(
                    model,
                    targets,
                    libraries,
                    out,
                    shapes,
                    vtcmMb,
                    optimization,
                    Format.CONTEXT,
                    Io.AS_IS,
                    force,
                    version);
        }

        HtpCompiler.Options compiler() {
            return new HtpCompiler.Options(vtcmMb, optimization);
        }

        /// The file name for `target`, without its ending.
        String stem(Target target) {
            return String.valueOf(model.getFileName()).replaceFirst("\\.onnx$", "") + "." + target.name();
        }
    }

    /// @throws NibbleException where an option does not fit a target, the HTP does not take the whole model, the compiler
    ///     crashes, or a binary that was loaded back computes something else
    public static CompileDocument run(Options options, Progress progress) {
        check(options);
        StaticModel read = StaticModel.read(options.model(), options.shapes());
        options.targets().forEach(target -> requireArithmetic(target, read.model(), options.model()));
        Model model = edged(read.model(), options.io());
        List<Finding> findings = new ArrayList<>();
        read.said()
                .forEach(said -> findings.add(new Finding(
                        "G002", Finding.Severity.NOTE, said, "bind other sizes with --shape NAME=1,3,224,224")));
        List<String> names = new ArrayList<>(List.of(MANIFEST));
        options.targets().forEach(target -> names.add(options.stem(target) + ending(options.format())));
        try (StagedDirectory staged = StagedDirectory.open(options.out(), names, options.force());
                HtpCompiler compiler = new HtpCompiler(options.libraries());
                Progress.Stage stage =
                        progress.begin("compiling", options.targets().size())) {
            List<CompileDocument.Artifact> artifacts = new ArrayList<>();
            for (Target target : options.targets()) {
                artifacts.add(new OneTarget(options, model, target, staged, compiler, findings).compile());
                stage.advance();
            }
            CompileDocument document = new CompileDocument(
                    Document.SCHEMA_VERSION,
                    options.version(),
                    new CompileDocument.Source(options.model().toString(), FileDigest.sha256(options.model())),
                    "onnxruntime-qnn " + options.libraries().version(),
                    options.format().spelling(),
                    artifacts,
                    ModelEdges.list(
                            model.graph(), read.model().graph(), model.graph().feeds()),
                    ModelEdges.list(
                            model.graph(), read.model().graph(), model.graph().outputs()),
                    findings);
            Files.writeString(staged.file(MANIFEST), JSON.writeValueAsString(document) + "\n");
            staged.commit();
            return document;
        } catch (IOException e) {
            throw WriteFailure.explain(options.out(), e);
        }
    }

    private static Model edged(Model model, Io io) {
        Model edged = switch (io) {
            case AS_IS -> model;
            case FLOAT -> FloatEdges.around(model);
            case QUANTIZED -> ModelEdges.codes(model);
        };
        return edged == model ? model : ShapeInference.inferOwn(edged).model();
    }

    private static String ending(Format format) {
        return switch (format) {
            case CONTEXT -> ".onnx";
            case DLC -> ".dlc";
        };
    }

    /// A float model needs a chip that computes in half precision.
    private static void requireArithmetic(Target target, Model model, Path file) {
        boolean quantized = model.graph().nodes().stream().anyMatch(node -> node.is("DequantizeLinear"));
        if (!quantized && !target.float16().value()) {
            throw new NibbleException(
                    "'%s' is a float model, and the HTP of %s computes in integers only".formatted(file, target.name()),
                    "quantize it: nibble quantize MODEL --target " + target.name());
        }
    }

    private static void check(Options options) {
        options.optimization().ifPresent(mode -> {
            if (mode < 0 || mode > 3) {
                throw new NibbleException(
                        "--optimization takes 0 to 3, but was " + mode, "leave it out for the compiler's choice");
            }
        });
        for (Target target : options.targets()) {
            int most = target.vtcmMb().value();
            options.vtcmMb().ifPresent(vtcm -> {
                if (vtcm < 1 || vtcm > most) {
                    throw new NibbleException(
                            "%s has %d MB of VTCM, but --vtcm-mb asks for %d".formatted(target.name(), most, vtcm),
                            "give 1 to %d, or leave it out for all of it".formatted(most));
                }
            });
        }
    }
}
