package dev.nibble.quant.place;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.quant.Granularity;
import dev.nibble.target.ConvolutionTraits;
import dev.nibble.target.HtpArch;
import dev.nibble.target.Legality;
import dev.nibble.target.PlacementRules;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Holds what is forced against what the target takes, before any long work.
final class ForcedLegality {
    private ForcedLegality() {}

    /// `plan`, with a note for each forced weight that a compiler is known to refuse but whose encoding is kept as given.
    ///
    /// @throws NibbleException where the target takes no such weight; quotes the rule
    static PlacementPlan checked(PlacementPlan plan, PlacementRules rules) {
        Optional<HtpArch> arch = arch(rules);
        if (plan.precision().overrides().isEmpty() || arch.isEmpty()) {
            return plan;
        }
        Legality legality = Legality.htp();
        Map<String, ActivationQuantizer> activations = plan.activationsByName();
        List<Finding> notes = new ArrayList<>(plan.notes());
        for (WeightQuantizer weight : plan.weights()) {
            Forced forced = plan.forced(weight.name()).orElse(null);
            if (forced == null || weight.role() == WeightQuantizer.Role.OPERAND) {
                continue;
            }
            for (Node node : weight.consumers()) {
                ActivationQuantizer input = activations.get(node.input(0));
                String types = "%s/%s%d/%s"
                        .formatted(
                                input == null ? "f32" : "u" + input.scheme().bits(),
                                weight.scheme().symmetry() == dev.nibble.quant.Symmetry.ASYMMETRIC ? "u" : "s",
                                weight.scheme().bits(),
                                granularity(weight.scheme().granularity()));
                Legality.Verdict verdict = legality.check(
                        arch.get(),
                        new Legality.Query(
                                node.opType(),
                                types,
                                ConvolutionTraits.of(plan.model().graph(), node)));
                if (verdict.accepted()) {
                    continue;
                }
                boolean kept = forced instanceof Forced.Scales
                        && weight.scheme().granularity() instanceof Granularity.PerBlock;
                if (!kept) {
                    throw new NibbleException(
                            "weight '%s' of %s cannot be as the overrides say (%s): on %s, %s"
                                    .formatted(weight.name(), node, types, arch.get(), verdict.reason()),
                            "change its entry, or quantize for a newer target (nibble targets NAME lists what one takes)");
                }
                notes.add(new Finding(
                        "Q112",
                        Finding.Severity.WARNING,
                        "weight '%s' of %s has the encoding that the overrides give, which ONNX Runtime's compiler for %s refuses: %s"
                                .formatted(weight.name(), node, arch.get(), verdict.reason()),
                        "convert with QAIRT (qairt-converter --quantization_overrides), which has formats of its own"));
            }
        }
        return plan.withNotes(notes);
    }

    private static Optional<HtpArch> arch(PlacementRules rules) {
        return Arrays.stream(HtpArch.values())
                .filter(arch -> arch.name().equalsIgnoreCase(rules.defaults().hwVersion()))
                .findFirst();
    }

    private static String granularity(Granularity granularity) {
        return switch (granularity) {
            case Granularity.PerTensor() -> "pt";
            case Granularity.PerChannel _ -> "pc";
            case Granularity.PerBlock(int _, int size) -> "block" + size;
        };
    }
}
