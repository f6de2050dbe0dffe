package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// The operators that a step is for: patterns of operator types (`Conv`), or of names of operators, their outputs or
/// their weights (`layers.*.q_proj`), in which `*` stands for any characters and `?` for one. No pattern: every
/// operator.
public record Scope(List<String> patterns) {
    /// Every operator.
    public static final Scope ALL = new Scope(List.of());

    public Scope {
        patterns = List.copyOf(patterns);
    }

    public boolean includes(Node node) {
        return patterns.isEmpty() || patterns.stream().anyMatch(pattern -> matches(pattern, node));
    }

    private static boolean matches(String pattern, Node node) {
        if (node.opType().equals(pattern)) {
            return true;
        }
        StringBuilder regex = new StringBuilder();
        for (char c : pattern.toCharArray()) {
            regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
        }
        Pattern glob = Pattern.compile(regex.toString());
        return glob.matcher(node.name()).matches()
                || glob.matcher(node.label()).matches()
                || node.outputs().stream().anyMatch(name -> glob.matcher(name).matches())
                || node.hasInput(1) && glob.matcher(node.input(1)).matches();
    }

    /// Refuses a pattern that none of the graph's operators matches.
    ///
    /// @param where names the step, for the message
    public void requireMatches(Graph graph, String where) {
        for (String pattern : patterns) {
            if (graph.nodes().stream().noneMatch(node -> matches(pattern, node))) {
                TreeSet<String> names = new TreeSet<>();
                graph.nodes().forEach(node -> {
                    names.add(node.opType());
                    names.add(node.label());
                });
                throw new NibbleException(
                        "the scope '%s' of %s matches no operator of the model".formatted(pattern, where),
                        Nearest.didYouMean(
                                pattern,
                                names,
                                "name operator types such as Conv, or operators as inspect lists them"));
            }
        }
    }

    /// `Conv, layers.*`; `everything` where there is no pattern.
    @Override
    public String toString() {
        return patterns.isEmpty() ? "everything" : String.join(", ", patterns);
    }
}
