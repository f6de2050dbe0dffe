package dev.nibble.pipeline.recover;

import dev.nibble.graph.Model;
import dev.nibble.pipeline.recover.Algorithm.Choice;
import dev.nibble.quant.weight.Caps;
import dev.nibble.quant.weight.ChannelActivity;
import dev.nibble.quant.weight.EqualizeCrossLayer;
import dev.nibble.quant.weight.EqualizeCrossLayer.Rule;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/// Balances channels with the caps that a step asks for; under `auto` those that come out best when quantized.
final class ChooseCaps {
    /// What keeping the caps must cost the weights' rows at least before anything else is tried, in dB.
    private static final double WORTH_TRYING_DB = 0.1;

    /// How much better Relu must be than keeping the caps, in dB; neither adds an operator.
    private static final double RELU_WINS_DB = 0.1;

    /// How much better a Min behind every scaled Clip must be than anything without it, in dB. The HTP takes Min, but
    /// fuses it with nothing: on MobileNetV1 its compiler's estimate more than doubles (docs/designs/weight-recovery.md),
    /// so that Min must be worth about a bit of every activation.
    private static final double EXACT_WINS_DB = 6;

    private ChooseCaps() {}

    static EqualizeCrossLayer.Result apply(
            Model model,
            Recipe.Step step,
            Map<String, ChannelActivity> activity,
            Set<String> frozen,
            Optional<CapsTrial> trial) {
        Function<Caps, EqualizeCrossLayer.Result> with =
                caps -> EqualizeCrossLayer.apply(model, new Rule.Weights(), step.scope(), activity, frozen, caps);
        String word = step.word(Choice.CAPS);
        if (!word.equals("auto")) {
            return with.apply(Caps.valueOf(word.toUpperCase(Locale.ROOT)));
        }
        EqualizeCrossLayer.Result kept = with.apply(Caps.KEPT);
        if (kept.keptDb() < WORTH_TRYING_DB || trial.isEmpty()) {
            return kept;
        }
        Map<Caps, EqualizeCrossLayer.Result> made = new EnumMap<>(Caps.class);
        made.put(Caps.KEPT, kept);
        List<String> table = new ArrayList<>();
        for (Caps caps : List.of(Caps.EXACT, Caps.RELU)) {
            EqualizeCrossLayer.Result result = with.apply(caps);
            if (changesOperators(model, result.model())) {
                made.put(caps, result);
            }
        }
        Caps best = Caps.KEPT;
        EqualizeCrossLayer.Result chosen = kept;
        double most = Double.NEGATIVE_INFINITY;
        for (Map.Entry<Caps, EqualizeCrossLayer.Result> candidate : made.entrySet()) {
            Caps caps = candidate.getKey();
            double sqnrDb = trial.get().sqnrDb(model, candidate.getValue().model());
            table.add(String.format(Locale.ROOT, "%s %.2f dB", name(caps), sqnrDb));
            double worth = sqnrDb - handicapDb(caps);
            if (worth > most) {
                best = caps;
                chosen = candidate.getValue();
                most = worth;
            }
        }
        for (Caps caps : Caps.values()) {
            if (!made.containsKey(caps)) {
                table.add(name(caps) + " changes nothing");
            }
        }
        List<String> changes = new ArrayList<>(chosen.changes());
        changes.add("caps by signal to noise at the outputs of the quantized model: %s → %s"
                .formatted(String.join(", ", table), name(best)));
        EqualizeCrossLayer.Result exact = made.get(Caps.EXACT);
        if (best != Caps.EXACT && exact != null) {
            changes.add(String.format(
                    Locale.ROOT,
                    "exact caps would add %d Min, which the HTP does not fuse, and are taken by themselves only where "
                            + "they gain %.0f dB; caps = \"exact\" in a recipe takes them",
                    count(exact.model(), "Min") - count(model, "Min"),
                    EXACT_WINS_DB));
        }
        return new EqualizeCrossLayer.Result(chosen.model(), changes, chosen.skipped(), chosen.keptDb());
    }

    private static double handicapDb(Caps caps) {
        return switch (caps) {
            case KEPT -> 0;
            case RELU -> RELU_WINS_DB;
            case EXACT -> EXACT_WINS_DB;
        };
    }

    private static long count(Model model, String op) {
        return model.graph().nodes().stream().filter(node -> node.is(op)).count();
    }

    private static boolean changesOperators(Model before, Model after) {
        return !before.graph().nodes().equals(after.graph().nodes());
    }

    private static String name(Caps caps) {
        return caps.name().toLowerCase(Locale.ROOT);
    }
}
