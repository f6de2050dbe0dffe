package dev.nibble.graph.check;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/// Nibble's own structural checks ([ONNX's rules](https://github.com/onnx/onnx/blob/main/docs/IR.md)): they
/// need no native library, run on any opset, and come before any native library sees a file.
///
/// Weights are not read here, only measured; [NonFiniteWeights] reads them.
public final class ModelChecker {
    private ModelChecker() {}

    /// A model whose nodes stand in an order in which they can run, and what was found that is no error.
    public record Checked(Model model, List<Problem> problems) {
        public Checked {
            problems = List.copyOf(problems);
        }
    }

    /// Everything that is wrong with `model`, errors first.
    public static List<Problem> check(Model model) {
        List<Problem> problems = new ArrayList<>();
        ImportCheck.check(model, problems);
        new GraphCheck(model, problems).check();
        List<String> stripped = stripped(model);
        if (!stripped.isEmpty()) {
            problems.add(Problem.warning(
                    "the model",
                    "%d of its tensors have no data: %s".formatted(stripped.size(), someOf(stripped)),
                    "the weights were stripped; use the model with its weights for whatever computes with them"));
        }
        problems.sort((a, b) -> a.severity().compareTo(b.severity()));
        return List.copyOf(problems);
    }

    /// Puts nodes in order where they are not, and checks the result.
    ///
    /// @throws NibbleException for the first error
    public static Checked accept(Model model) {
        RunningOrder.Sorted sorted = RunningOrder.sort(model);
        List<Problem> problems = new ArrayList<>(sorted.said());
        problems.addAll(check(sorted.model()));
        problems.stream().filter(Problem::isError).findFirst().ifPresent(p -> {
            throw p.toException();
        });
        return new Checked(sorted.model(), problems);
    }

    /// Stops at the first error of [#check].
    ///
    /// @throws NibbleException for the first error
    public static void requireValid(Model model) {
        check(model).stream().filter(Problem::isError).findFirst().ifPresent(p -> {
            throw p.toException();
        });
    }

    /// The tensors that have a shape but no data, in the graph, its subgraphs and the functions.
    public static List<String> stripped(Model model) {
        List<String> names = new ArrayList<>();
        stripped(model.graph(), names);
        model.functions().forEach(f -> f.nodes().forEach(n -> stripped(n, names)));
        return names;
    }

    private static void stripped(Graph graph, List<String> names) {
        graph.initializers().stream().filter(i -> !i.hasData()).forEach(i -> names.add(i.name()));
        graph.nodes().forEach(n -> stripped(n, names));
    }

    private static void stripped(Node node, List<String> names) {
        for (Attribute attribute : node.attributes()) {
            if (attribute.value() instanceof Attribute.Value.OfTensor(Initializer tensor) && !tensor.hasData()) {
                names.add(node.is("Constant") ? node.output(0) : node.label() + "." + attribute.name());
            }
            attribute.graphs().forEach(g -> stripped(g, names));
        }
    }

    /// The first few of `names`, quoted.
    static String someOf(List<String> names) {
        String some = names.stream().limit(5).collect(Collectors.joining("', '", "'", "'"));
        return names.size() > 5 ? some + " and " + (names.size() - 5) + " more" : some;
    }
}
