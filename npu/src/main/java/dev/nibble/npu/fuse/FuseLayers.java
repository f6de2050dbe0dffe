package dev.nibble.npu.fuse;

import dev.nibble.graph.Node;
import dev.nibble.npu.fuse.FusionRule.Form;
import dev.nibble.npu.fuse.FusionRule.Step;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Joins layers as the compiler does, by [FusionRule]s, and says of each near miss why it is none.
public final class FuseLayers {
    private FuseLayers() {}

    /// @param matches what was joined, in running order, rule by rule
    /// @param nearMisses patterns that all but fit
    /// @param stages one for each rule that was run
    public record Result(Flow flow, List<Match> matches, List<NearMiss> nearMisses, List<Stage> stages) {
        public Result {
            matches = List.copyOf(matches);
            nearMisses = List.copyOf(nearMisses);
            stages = List.copyOf(stages);
        }
    }

    /// The flow once a rule has run.
    public record Stage(FusionRule rule, Flow after) {}

    /// @param stage the index of the rule
    /// @param layer the name of the layer that came of it
    /// @param nodes the nodes' labels
    /// @param intermediates the values that no longer leave the core
    public record Match(FusionRule rule, int stage, String layer, List<String> nodes, List<String> intermediates) {
        public Match {
            nodes = List.copyOf(nodes);
            intermediates = List.copyOf(intermediates);
        }
    }

    /// @param node the node at which the pattern starts
    public record NearMiss(String rule, String node, String reason) {}

    public static Result apply(Flow flow, List<FusionRule> rules) {
        List<Match> matches = new ArrayList<>();
        List<NearMiss> misses = new ArrayList<>();
        List<Stage> stages = new ArrayList<>();
        Flow at = flow;
        for (FusionRule rule : rules) {
            at = new OneRule(at, rule, stages.size(), matches, misses).apply();
            stages.add(new Stage(rule, at));
        }
        return new Result(at, matches, misses, stages);
    }

    /// A near miss, and the layer at which its pattern ends.
    private record Pending(NearMiss miss, Layer end) {}

    /// A run of one rule over the whole flow.
    private static final class OneRule {
        private final Flow flow;
        private final FusionRule rule;
        private final int stage;
        private final List<Match> matches;
        private final List<NearMiss> misses;
        private final List<Pending> pending = new ArrayList<>();
        private final Map<Layer, Integer> order = new IdentityHashMap<>();
        private final Set<Layer> used = Collections.newSetFromMap(new IdentityHashMap<>());

        OneRule(Flow flow, FusionRule rule, int stage, List<Match> matches, List<NearMiss> misses) {
            this.flow = flow;
            this.rule = rule;
            this.stage = stage;
            this.matches = matches;
            this.misses = misses;
            for (int i = 0; i < flow.layers().size(); i++) {
                order.put(flow.layers().get(i), i);
            }
        }

        Flow apply() {
            Map<Layer, Layer> last = new IdentityHashMap<>();
            for (Layer anchor : flow.layers()) {
                if (!used.contains(anchor)) {
                    match(anchor).ifPresent(found -> join(found, last));
                }
            }
            // Where the end of the pattern found another partner, nothing was missed.
            pending.stream().filter(p -> !used.contains(p.end())).forEach(p -> misses.add(p.miss()));
            if (last.isEmpty()) {
                return flow;
            }
            List<Layer> layers = new ArrayList<>();
            for (Layer layer : flow.layers()) {
                if (last.containsKey(layer)) {
                    layers.add(last.get(layer));
                } else if (!used.contains(layer)) {
                    layers.add(layer);
                }
            }
            return flow.with(layers);
        }

        private Optional<LinkedHashMap<String, Layer>> match(Layer anchor) {
            LinkedHashMap<String, Layer> found = new LinkedHashMap<>();
            Map<String, String> bound = new HashMap<>();
            for (int i = 0; i < rule.steps().size(); i++) {
                Step step = rule.steps().get(i);
                Layer taken = null;
                for (Layer candidate : i == 0 ? List.of(anchor) : candidates(step, bound)) {
                    if (!used.contains(candidate) && !found.containsValue(candidate) && fits(step, candidate, bound)) {
                        taken = candidate;
                        break;
                    }
                }
                if (taken != null) {
                    found.put(step.name(), taken);
                    bound.put(step.name(), taken.outputs().getFirst());
                } else if (step.optional()) {
                    bound.put(
                            step.name(),
                            bound.get(step.forms().getFirst().arguments().getFirst()));
                } else {
                    return Optional.empty();
                }
            }
            return found.size() < 2 ? Optional.empty() : closed(found);
        }

        /// The match cut back to where nothing from inside is read outside; nothing where it does not hold together
        /// without what is cut off.
        private Optional<LinkedHashMap<String, Layer>> closed(LinkedHashMap<String, Layer> found) {
            List<String> names = new ArrayList<>(found.keySet());
            for (int i = 0; i < names.size() - 1; i++) {
                Layer layer = found.get(names.get(i));
                Optional<String> escape = layer == null ? Optional.empty() : escape(layer, found);
                if (escape.isEmpty()) {
                    continue;
                }
                pending.add(new Pending(
                        new NearMiss(rule.name(), found.firstEntry().getValue().name(), escape.get()),
                        found.lastEntry().getValue()));
                Set<String> kept = new LinkedHashSet<>(names.subList(0, i + 1));
                boolean whole = rule.steps().stream().allMatch(s -> s.optional() || kept.contains(s.name()));
                if (!whole || kept.size() < 2) {
                    return Optional.empty();
                }
                found.keySet().retainAll(kept);
                return Optional.of(found);
            }
            return Optional.of(found);
        }

        private Optional<String> escape(Layer layer, Map<String, Layer> found) {
            for (String output : layer.outputs()) {
                if (flow.isOutput(output)) {
                    return Optional.of("'" + output + "' between its steps is also a graph output");
                }
                for (Layer reader : flow.consumers(output)) {
                    if (!found.containsValue(reader)) {
                        return Optional.of("'%s' between its steps is also read by '%s' (%s)"
                                .formatted(output, reader.name(), reader.type()));
                    }
                }
            }
            return Optional.empty();
        }

        private List<Layer> candidates(Step step, Map<String, String> bound) {
            List<Layer> candidates = new ArrayList<>();
            for (Form form : step.forms()) {
                for (String argument : form.arguments()) {
                    String value = bound.get(argument);
                    if (value != null) {
                        flow.consumers(value).stream()
                                .filter(c -> !candidates.contains(c))
                                .forEach(candidates::add);
                    }
                }
            }
            return candidates;
        }

        private boolean fits(Step step, Layer layer, Map<String, String> bound) {
            for (Form form : step.forms()) {
                if (!form.types().contains(layer.type())) {
                    continue;
                }
                if (fits(form, layer.inputs(), bound)) {
                    return true;
                }
                boolean commutes = layer.isAny("Add", "Mul") && layer.inputs().size() == 2;
                if (commutes && fits(form, layer.inputs().reversed(), bound)) {
                    return true;
                }
            }
            return false;
        }

        private boolean fits(Form form, List<String> inputs, Map<String, String> bound) {
            int arguments =
                    form.open() ? form.arguments().size() - 1 : form.arguments().size();
            if (inputs.size() < arguments || !form.open() && inputs.size() > arguments) {
                return false;
            }
            Map<String, String> entering = new HashMap<>();
            for (int i = 0; i < arguments; i++) {
                String argument = form.arguments().get(i);
                String input = inputs.get(i);
                if (argument.equals("#")) {
                    if (input.isEmpty() || !flow.isConstant(input)) {
                        return false;
                    }
                } else if (bound.containsKey(argument)) {
                    if (!bound.get(argument).equals(input)) {
                        return false;
                    }
                } else if (input.isEmpty() || flow.isConstant(input)) {
                    return false;
                } else {
                    entering.put(argument, input);
                }
            }
            bound.putAll(entering);
            return true;
        }

        private void join(LinkedHashMap<String, Layer> found, Map<Layer, Layer> last) {
            List<Layer> members = new ArrayList<>(found.values());
            members.sort((a, b) -> Integer.compare(order.getOrDefault(a, 0), order.getOrDefault(b, 0)));
            used.addAll(members);
            Set<String> made = new HashSet<>();
            members.forEach(m -> made.addAll(m.outputs()));
            Set<String> inputs = new LinkedHashSet<>();
            List<Node> nodes = new ArrayList<>();
            for (Layer member : members) {
                member.inputs().stream()
                        .filter(i -> !i.isEmpty() && !made.contains(i))
                        .forEach(inputs::add);
                nodes.addAll(member.nodes());
            }
            boolean kept = rule.type().startsWith("@");
            Layer lead = kept ? found.get(rule.type().substring(1)) : members.getLast();
            if (lead == null) {
                lead = members.getFirst();
            }
            Layer end = members.getLast();
            Layer joined = new Layer(
                    lead.name(),
                    kept ? lead.type() : rule.type(),
                    nodes,
                    List.copyOf(inputs),
                    end.outputs(),
                    !kept || lead.whole());
            last.put(end, joined);
            List<String> intermediates = new ArrayList<>(made);
            intermediates.removeAll(end.outputs());
            Collections.sort(intermediates);
            matches.add(new Match(
                    rule, stage, joined.name(), nodes.stream().map(Node::label).toList(), intermediates));
        }
    }
}
