package dev.nibble.pipeline.htp;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.htp.HtpCompiler;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.PerformanceEstimate;
import dev.nibble.htp.Soc;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;

/// The compiler's own estimate of how long a model takes on a chip, with what is known of its errors.
///
/// @param estimate the compiler's figures
/// @param basis what they are, and how far such figures were from what was measured
public record CompilerEstimate(PerformanceEstimate estimate, String basis) {
    /// Errors of the estimates against times measured on the one chip that both are known of, IQ-9075, without any
    /// fitting; the models' weights were random.
    private enum Accuracy {
        W8A8("mean error 16 % over 21 models (0.3 to 1.4 times the measured time)"),
        FLOAT("mean error 22 % over 31 models (0.5 to 1.6 times the measured time)"),
        W8A16(
                "mean error 43 % over 12 models (0.3 to 2.1 times the measured time): do not rely on it at this precision"),
        UNKNOWN("nothing was measured at this precision");

        private final String text;

        Accuracy(String text) {
            this.text = text;
        }
    }

    /// Names of targets that the compiler makes estimates for.
    public static List<String> targets() {
        return Targets.all().stream()
                .filter(CompilerEstimate::isOffered)
                .map(Target::name)
                .toList();
    }

    /// Whether the compiler makes estimates for `target`.
    public static boolean isOffered(Target target) {
        return target.socId().value() > 0 && PerformanceEstimate.isOffered(Soc.of(target));
    }

    /// Has the compiler estimate the model in `file`; its options are its own choice.
    ///
    /// @param libraries where Qualcomm's libraries may be
    /// @param shapes shapes of inputs, by name; an open batch becomes 1
    /// @return empty where the libraries are not there, or the compiler makes no estimates for `target`
    /// @throws NibbleException where the model is not sound, a shape stays open, or the HTP does not take all of it
    public static Optional<CompilerEstimate> of(
            Path file, Target target, HtpLibraries libraries, Map<String, long[]> shapes) {
        return isOffered(target) && libraries.found()
                ? of(StaticModel.read(file, shapes).model(), target, libraries)
                : Optional.empty();
    }

    /// Has the compiler estimate `model`, all of whose shapes are fixed and known.
    ///
    /// @return as [#of(Path, Target, HtpLibraries, Map)]
    public static Optional<CompilerEstimate> of(Model model, Target target, HtpLibraries libraries) {
        if (!isOffered(target) || !libraries.found()) {
            return Optional.empty();
        }
        try (HtpCompiler compiler = new HtpCompiler(libraries)) {
            return of(
                    model,
                    target,
                    compiler,
                    libraries.version(),
                    new HtpCompiler.Options(OptionalInt.empty(), OptionalInt.empty()));
        }
    }

    /// @param version of Qualcomm's package
    static Optional<CompilerEstimate> of(
            Model model, Target target, HtpCompiler compiler, String version, HtpCompiler.Options options) {
        return compiler.estimate(model, Soc.of(target), options)
                .map(estimate -> new CompilerEstimate(estimate, basis(model.graph(), version)));
    }

    private static String basis(Graph graph, String version) {
        return "estimated by the compiler (onnxruntime-qnn %s); measured on IQ-9075: %s; its bounds held for a third of them"
                .formatted(version, accuracy(graph).text);
    }

    /// By the widths of the activations and weights of the operators that multiply.
    private static Accuracy accuracy(Graph graph) {
        TreeSet<String> widths = new TreeSet<>();
        for (Node node : graph.nodes()) {
            if (node.is("Conv") || node.is("Gemm") || node.is("MatMul") || node.is("ConvTranspose")) {
                widths.add(bits(graph, node.input(1)) + "/" + bits(graph, node.input(0)));
            }
        }
        return widths.equals(new TreeSet<>(List.of("8/8")))
                ? Accuracy.W8A8
                : widths.equals(new TreeSet<>(List.of("8/16")))
                        ? Accuracy.W8A16
                        : widths.equals(new TreeSet<>(List.of("0/0"))) ? Accuracy.FLOAT : Accuracy.UNKNOWN;
    }

    /// Of the codes that `value` is dequantized from; 0 where it is float.
    private static int bits(Graph graph, String value) {
        return graph.producer(value)
                .filter(node -> node.is("DequantizeLinear"))
                .flatMap(node -> graph.type(node.input(0)))
                .map(type -> type.bits())
                .orElse(0);
    }
}
