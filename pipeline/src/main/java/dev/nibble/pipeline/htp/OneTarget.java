package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ValueInfo;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.Soc;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.report.Finding;
import dev.nibble.target.Target;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Compiles a model for one chip, and tries what comes of it.
final class OneTarget {
    /// Less than this between a binary and its source is no rounding any more.
    private static final double SAME_DB = 60;

    private static final String NO_DLC =
            "a DLC is compiled on the device; only that the compiler takes the whole model" + " was checked here";

    private final CompileModel.Options options;
    private final Model model;
    private final Target target;
    private final StagedDirectory staged;
    private final HtpCompiler compiler;
    private final List<Finding> findings;
    private final Soc soc;
    private final String stem;

    /// @param findings takes what is found
    OneTarget(
            CompileModel.Options options,
            Model model,
            Target target,
            StagedDirectory staged,
            HtpCompiler compiler,
            List<Finding> findings) {
        this.options = options;
        this.model = model;
        this.target = target;
        this.staged = staged;
        this.compiler = compiler;
        this.findings = findings;
        soc = Soc.of(target);
        stem = options.stem(target);
    }

    /// @param wrapper null for a DLC
    private record Made(Path file, @Nullable Path wrapper, double seconds) {}

    CompileDocument.Artifact compile() throws IOException {
        return switch (options.format()) {
            case CONTEXT -> context();
            case DLC -> artifact(dlc(), null, NO_DLC);
        };
    }

    private Made dlc() {
        Path file = staged.file(stem + ".dlc");
        long start = System.nanoTime();
        compiler.dlc(model, soc, options.compiler(), file);
        return new Made(file, null, seconds(start));
    }

    private CompileDocument.Artifact context() throws IOException {
        Path wrapper = staged.file(stem + ".onnx");
        Set<Path> before = files(wrapper);
        long start = System.nanoTime();
        compiler.compile(model, soc, options.compiler(), wrapper);
        double seconds = seconds(start);
        Set<Path> made = files(wrapper);
        made.removeAll(before);
        made.remove(wrapper);
        if (made.size() != 1) {
            throw new NibbleException(
                    "the compiler wrote %d binaries for %s where one was expected: %s"
                            .formatted(made.size(), target.name(), made),
                    "please report it");
        }
        Made binary = new Made(made.iterator().next(), wrapper, seconds);
        String unfed = model.graph().feeds().stream()
                .filter(input -> !HtpExecutor.canFeed(input))
                .map(ValueInfo::name)
                .collect(Collectors.joining("', '"));
        if (!unfed.isEmpty()) {
            compiler.load(model, soc, wrapper);
            String why = "it was loaded back but not run: '%s' cannot be fed from here, being of 16 bits without sign"
                    .formatted(unfed);
            findings.add(new Finding(
                    "H108",
                    Finding.Severity.WARNING,
                    "%s: %s".formatted(target.name(), why),
                    "--io float gives a binary that is run and compared with the model"));
            return artifact(binary, null, why);
        }
        HtpCompiler.Pair both = compiler.runBoth(model, soc, wrapper, SeededInputs.of(model.graph()));
        Agreement check = Agreement.of(List.copyOf(both.wanted().keySet()), both.wanted(), both.got());
        if (check.worstDb() < SAME_DB) {
            throw new NibbleException(
                    "the binary for %s, loaded back, computes something else than the model: %.1f dB"
                            .formatted(target.name(), check.worstDb()),
                    "please report it; nothing was kept");
        }
        return artifact(binary, check, null);
    }

    private CompileDocument.Artifact artifact(Made made, @Nullable Agreement check, @Nullable String unchecked)
            throws IOException {
        Path wrapper = made.wrapper();
        String file = String.valueOf(made.file().getFileName());
        String wrapperName = wrapper == null ? null : String.valueOf(wrapper.getFileName());
        return new CompileDocument.Artifact(
                target.name(),
                soc.id(),
                target.arch().value().name().toLowerCase(Locale.ROOT),
                options.out().resolve(file).toString(),
                wrapperName == null ? null : options.out().resolve(wrapperName).toString(),
                Files.size(made.file()),
                FileDigest.sha256(made.file()),
                wrapper == null ? null : FileDigest.sha256(wrapper),
                made.seconds(),
                orNull(options.vtcmMb()),
                orNull(options.optimization()),
                check == null ? null : check.identical(),
                check == null || Double.isInfinite(check.worstDb()) ? null : check.worstDb(),
                unchecked,
                estimate(),
                DeviceLines.of(target, file, wrapperName, options.io() == CompileModel.Io.QUANTIZED));
    }

    private CompileDocument.@Nullable Estimate estimate() {
        String version = options.libraries().version();
        Optional<CompilerEstimate> estimate = CompilerEstimate.of(model, target, compiler, version, options.compiler());
        estimate.ifPresent(made ->
                findings.addAll(SpillAdvice.of(model, target, compiler, version, options.compiler(), made.estimate())));
        return estimate.map(CompileDocument.Estimate::of).orElse(null);
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static @Nullable Integer orNull(OptionalInt value) {
        return value.isPresent() ? value.getAsInt() : null;
    }

    private static Set<Path> files(Path wrapper) throws IOException {
        Set<Path> files = new HashSet<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(wrapper.resolveSibling(""))) {
            found.forEach(files::add);
        }
        return files;
    }
}
