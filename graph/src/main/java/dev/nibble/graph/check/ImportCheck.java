package dev.nibble.graph.check;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Versions, operator set imports, and functions that call each other in a circle.
final class ImportCheck {
    /// The range of file format versions that Nibble was tested with.
    private static final long FIRST_IR = 3;

    private static final long LAST_IR = 14;
    private static final long FIRST_OPSET = 7;

    private ImportCheck() {}

    static void check(Model model, List<Problem> problems) {
        if (model.irVersion() < FIRST_IR || model.irVersion() > LAST_IR) {
            problems.add(Problem.warning(
                    "the model",
                    "has IR version %d; %d to %d are known".formatted(model.irVersion(), FIRST_IR, LAST_IR),
                    "it is carried as it is; export it again if something looks wrong"));
        }
        model.opsets().forEach((domain, version) -> {
            if (version <= 0) {
                problems.add(Problem.error(
                        "the model",
                        "imports version %d of operator set '%s'".formatted(version, shown(domain)),
                        "the file is damaged; export it again"));
            }
        });
        if (model.opset() > 0 && model.opset() < FIRST_OPSET) {
            problems.add(Problem.warning(
                    "the model",
                    "is written in opset %d, which is older than %d".formatted(model.opset(), FIRST_OPSET),
                    "it is carried as it is; export it again with a newer opset to work on it"));
        }
        // Before IR version 3 there were no imports.
        if (model.irVersion() >= FIRST_IR) {
            Map<String, Node> used = new LinkedHashMap<>();
            domains(model.graph().nodes(), used);
            missing(used, model.opsets().keySet(), "the model", problems);
        }
        for (Model.Function function : model.functions()) {
            Map<String, Node> used = new LinkedHashMap<>();
            domains(function.nodes(), used);
            Set<String> imported = new HashSet<>(function.opsets().keySet());
            if (imported.isEmpty()) {
                imported.addAll(model.opsets().keySet());
            }
            missing(used, imported, "function '" + function.name() + "'", problems);
        }
        recursion(model, problems);
    }

    private static void missing(Map<String, Node> used, Set<String> imported, String where, List<Problem> problems) {
        used.forEach((domain, node) -> {
            boolean there = imported.contains(domain) || domain.isEmpty() && imported.contains("ai.onnx");
            if (!there) {
                problems.add(Problem.error(
                        where,
                        "uses operator set '%s' (%s), but does not import it".formatted(shown(domain), node),
                        "export the model again; its producer left out opset_import"));
            }
        });
    }

    private static String shown(String domain) {
        return domain.isEmpty() ? "ai.onnx" : domain;
    }

    private static void domains(List<Node> nodes, Map<String, Node> used) {
        for (Node node : nodes) {
            used.putIfAbsent(node.isStandard() ? "" : node.domain(), node);
            for (Graph inside : node.subgraphs()) {
                domains(inside.nodes(), used);
            }
        }
    }

    /// Functions may not call themselves, directly or through others: inlining them would never end.
    private static void recursion(Model model, List<Problem> problems) {
        Map<String, List<String>> calls = new HashMap<>();
        for (Model.Function function : model.functions()) {
            List<String> called = new ArrayList<>();
            calls(function.nodes(), called);
            // Overloads of one name are one node here: a circle through any of them counts.
            calls.computeIfAbsent(key(function.domain(), function.name()), k -> new ArrayList<>())
                    .addAll(called);
        }
        Set<String> done = new HashSet<>();
        for (String function : calls.keySet()) {
            if (circle(function, calls, done)) {
                problems.add(Problem.error(
                        "function '" + function + "'", "calls itself", "the file is damaged; export it again"));
                return;
            }
        }
    }

    private static boolean circle(String function, Map<String, List<String>> calls, Set<String> done) {
        // Depth first with an explicit stack: a chain of functions can be as long as the file.
        List<String> path = new ArrayList<>(List.of(function));
        List<Integer> next = new ArrayList<>(List.of(0));
        while (!path.isEmpty()) {
            String at = path.getLast();
            List<String> called = calls.getOrDefault(at, List.of());
            int index = next.getLast();
            if (index == 0) {
                if (done.contains(at)) {
                    path.removeLast();
                    next.removeLast();
                    continue;
                }
            }
            if (index == called.size()) {
                done.add(at);
                path.removeLast();
                next.removeLast();
                continue;
            }
            next.set(next.size() - 1, index + 1);
            String callee = called.get(index);
            if (path.contains(callee)) {
                return true;
            }
            if (calls.containsKey(callee) && !done.contains(callee)) {
                path.add(callee);
                next.add(0);
            }
        }
        return false;
    }

    private static void calls(List<Node> nodes, List<String> called) {
        for (Node node : nodes) {
            called.add(key(node.domain(), node.opType()));
            node.subgraphs().forEach(g -> calls(g.nodes(), called));
        }
    }

    private static String key(String domain, String name) {
        return domain + "::" + name;
    }
}
