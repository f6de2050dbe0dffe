package dev.nibble.pipeline.htp;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.Soc;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.report.Document;
import dev.nibble.target.Target;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `compile`: a context binary for each chip, with the ONNX file that loads it, tried before it is called done.
public final class CompileModel {
    /// Beside what was compiled.
    public static final String MANIFEST = "manifest.json";

    /// Less than this between a binary and its source is no rounding any more.
    private static final double SAME_DB = 60;

    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private CompileModel() {}

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
            boolean force,
            String version) {
        public Options {
            targets = List.copyOf(targets);
        }
    }

    /// @throws NibbleException where an option does not fit a target, the HTP does not take the whole model, the compiler
    ///     crashes, or a binary that was loaded back computes something else
    public static CompileDocument run(Options options, Progress progress) {
        check(options);
        StaticModel read = StaticModel.read(options.model(), options.shapes());
        Model model = read.model();
        String stem = String.valueOf(options.model().getFileName()).replaceFirst("\\.onnx$", "");
        List<String> names = new ArrayList<>(List.of(MANIFEST));
        options.targets().forEach(target -> names.add(stem + "." + target.name() + ".onnx"));
        try (StagedDirectory staged = StagedDirectory.open(options.out(), names, options.force());
                HtpCompiler compiler = new HtpCompiler(options.libraries());
                Progress.Stage stage =
                        progress.begin("compiling", options.targets().size())) {
            List<CompileDocument.Artifact> artifacts = new ArrayList<>();
            for (Target target : options.targets()) {
                artifacts.add(artifact(options, model, target, stem, staged, compiler));
                stage.advance();
            }
            CompileDocument document = new CompileDocument(
                    Document.SCHEMA_VERSION,
                    options.version(),
                    new CompileDocument.Source(options.model().toString(), FileDigest.sha256(options.model())),
                    "onnxruntime-qnn " + options.libraries().version(),
                    artifacts,
                    edges(model.graph(), model.graph().feeds()),
                    edges(model.graph(), model.graph().outputs()));
            Files.writeString(staged.file(MANIFEST), JSON.writeValueAsString(document) + "\n");
            staged.commit();
            return document;
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be written: %s".formatted(options.out(), e.getMessage()),
                    "check that the folder may be written and has room",
                    e);
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

    private static CompileDocument.Artifact artifact(
            Options options, Model model, Target target, String stem, StagedDirectory staged, HtpCompiler compiler)
            throws IOException {
        Path wrapper = staged.file(stem + "." + target.name() + ".onnx");
        Set<Path> before = files(wrapper);
        long start = System.nanoTime();
        Soc soc = Soc.of(target);
        compiler.compile(model, soc, new HtpCompiler.Options(options.vtcmMb(), options.optimization()), wrapper);
        double seconds = (System.nanoTime() - start) / 1e9;
        Set<Path> made = files(wrapper);
        made.removeAll(before);
        made.remove(wrapper);
        if (made.size() != 1) {
            throw new NibbleException(
                    "the compiler wrote %d binaries for %s where one was expected: %s"
                            .formatted(made.size(), target.name(), made),
                    "please report it");
        }
        Path binary = made.iterator().next();
        HtpCompiler.Check check = compiler.check(model, soc, wrapper, SeededInputs.of(model.graph()));
        if (check.worstDb() < SAME_DB) {
            throw new NibbleException(
                    "the binary for %s, loaded back, computes something else than the model: %.1f dB"
                            .formatted(target.name(), check.worstDb()),
                    "please report it; nothing was kept");
        }
        Path place = options.out();
        return new CompileDocument.Artifact(
                target.name(),
                soc.id(),
                target.arch().value().name().toLowerCase(Locale.ROOT),
                place.resolve(binary.getFileName()).toString(),
                place.resolve(wrapper.getFileName()).toString(),
                Files.size(binary),
                FileDigest.sha256(binary),
                seconds,
                options.vtcmMb().isPresent() ? options.vtcmMb().getAsInt() : null,
                options.optimization().isPresent() ? options.optimization().getAsInt() : null,
                check.identical(),
                Double.isInfinite(check.worstDb()) ? null : check.worstDb());
    }

    private static Set<Path> files(Path wrapper) throws IOException {
        Set<Path> files = new HashSet<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(wrapper.resolveSibling(""))) {
            found.forEach(files::add);
        }
        return files;
    }

    private static List<CompileDocument.Edge> edges(Graph graph, List<ValueInfo> values) {
        List<CompileDocument.Edge> edges = new ArrayList<>();
        for (ValueInfo value : values) {
            Optional<Node> quantizer = Stream.concat(
                            graph.consumers(value.name()).stream().filter(node -> node.is("QuantizeLinear")),
                            graph.producer(value.name()).stream().filter(node -> node.is("DequantizeLinear")))
                    .findFirst();
            edges.add(new CompileDocument.Edge(
                    value.name(),
                    graph.type(value.name()).map(type -> type.onnxName()).orElse("unknown"),
                    graph.shape(value.name()).map(Object::toString).orElse("unknown"),
                    number(graph, quantizer, 1).map(Number::doubleValue).orElse(null),
                    number(graph, quantizer, 2).map(Number::longValue).orElse(null)));
        }
        return edges;
    }

    private static Optional<Number> number(Graph graph, Optional<Node> quantizer, int input) {
        return quantizer
                .filter(node -> node.hasInput(input))
                .flatMap(node -> graph.initializer(node.input(input)))
                .map(Initializer::tensor)
                .filter(tensor -> tensor.elements() == 1)
                .map(tensor -> tensor.floatAt(0));
    }
}
