package dev.nibble.npu.profile;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.Profile.Offloaded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds the nodes of a model again under the names that tools gave them.
///
/// ONNX Runtime appends `_token_7` to nodes whose layout it changed; QNN's converters replace what is no letter or
/// digit by `_`, and name some operators by the tensor that they write.
public final class MapNames {
    private final Map<String, Node> exact = new HashMap<>();
    private final Map<String, Node> rewritten = new HashMap<>();

    private MapNames(Model model) {
        for (Node node : model.graph().nodes()) {
            exact.putIfAbsent(node.label(), node);
            node.outputs().stream().filter(o -> !o.isEmpty()).forEach(o -> {
                exact.putIfAbsent(o, node);
                rewritten.putIfAbsent(plain(o), node);
            });
            rewritten.putIfAbsent(plain(node.label()), node);
        }
    }

    /// The profile with the model's names and operators.
    ///
    /// @param file what messages call the model
    /// @throws NibbleException where no node of the profile is one of the model
    public static Profile onto(Profile profile, Model model, String file) {
        MapNames names = new MapNames(model);
        List<NodeTime> nodes = new ArrayList<>();
        long found = 0;
        long asked = 0;
        for (NodeTime node : profile.nodes()) {
            boolean edge = node.name().startsWith("Input OpId_") || node.name().startsWith("Output OpId_");
            NodeTime named = names.named(node);
            nodes.add(named);
            if (!edge) {
                asked++;
                found += named.onnx().isEmpty() ? 0 : 1;
            }
        }
        if (asked > 0 && found == 0) {
            throw new NibbleException(
                    "'%s' is of another model: none of its %d nodes is in '%s', such as '%s'"
                            .formatted(
                                    profile.file(),
                                    asked,
                                    file,
                                    profile.nodes()
                                            .get(profile.nodes().size() / 2)
                                            .name()),
                    "give the model that was compiled, or leave --model out");
        }
        List<String> said = new ArrayList<>(profile.said());
        if (found < asked) {
            said.add("%d of %d nodes were found in '%s'%s"
                    .formatted(found, asked, file, found < asked / 2 ? ": is it the model that was compiled?" : ""));
        }
        List<Offloaded> offloaded = profile.offloaded().stream()
                .map(o -> names.find(o.name()) instanceof Node n && !o.op().equals(n.opType())
                        ? new Offloaded(
                                n.label(), n.opType(), o.micros(), o.reason(), Advice.of(n.opType(), o.reason()))
                        : o)
                .toList();
        return profile.with(nodes, offloaded, said);
    }

    private NodeTime named(NodeTime node) {
        Node itself = find(node.name());
        Set<String> onnx = new LinkedHashSet<>();
        Node main = itself;
        for (String source : node.onnx()) {
            Node one = find(source);
            if (one != null) {
                onnx.add(one.label());
                boolean quantizer =
                        one.opType().endsWith("QuantizeLinear") || one.opType().endsWith("quantizeLinear");
                main = main == null && !quantizer ? one : main;
            }
        }
        if (itself != null) {
            onnx.add(itself.label());
        }
        return node.with(main == null ? node.op() : main.opType(), List.copyOf(onnx));
    }

    private @Nullable Node find(String name) {
        String stripped = stripped(name);
        for (String candidate : List.of(name, stripped)) {
            Node node = exact.get(candidate);
            if (node != null) {
                return node;
            }
        }
        Node node = rewritten.get(plain(name));
        return node != null ? node : rewritten.get(plain(stripped));
    }

    /// Without `_token_7` and `/duplicated`.
    static String stripped(String name) {
        String text = name.endsWith("/duplicated") ? name.substring(0, name.length() - "/duplicated".length()) : name;
        int token = text.lastIndexOf("_token_");
        return token > 0 && text.substring(token + "_token_".length()).chars().allMatch(Character::isDigit)
                ? text.substring(0, token)
                : text;
    }

    private static String plain(String name) {
        String text = name.replaceAll("\\W", "_");
        int from = 0;
        while (from < text.length() && text.charAt(from) == '_') {
            from++;
        }
        return text.substring(from);
    }
}
