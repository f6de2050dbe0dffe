package dev.nibble.pipeline.htp;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.htp.Advice;
import dev.nibble.htp.PreFlight;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.export.QdqExport;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.target.HtpArch;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What an older HTP cannot do of a quantization that newer ones can, by the rules, before any sample is read.
///
/// Only V68 and V69 are asked about: later generations answer alike. What no HTP takes is left to `placement`.
public final class TargetRefusals {
    private static final HtpArch ALIKE_FROM = HtpArch.V73;

    /// Stands for the later generations.
    private static final String LATER = "sm8550";

    private TargetRefusals() {}

    /// Whether `target` has to be asked about.
    public static boolean concern(Target target) {
        return !target.arch().value().atLeast(ALIKE_FROM) || !target.float16().value();
    }

    /// Refuses a plan that holds an operator which `target` does not take and later chips do.
    ///
    /// @throws NibbleException naming the first such node and the rule
    public static void require(PlacementPlan plan, Target target) {
        if (!concern(target)) {
            return;
        }
        Graph graph = skeleton(plan);
        Set<String> later = new HashSet<>();
        for (PreFlight.Verdict verdict : PreFlight.of(Targets.find(LATER), graph)) {
            if (verdict.accepted()) {
                later.add(verdict.node().label());
            }
        }
        List<PreFlight.Verdict> refused = new ArrayList<>();
        for (PreFlight.Verdict verdict : PreFlight.of(target, graph)) {
            if (!verdict.accepted() && later.contains(verdict.node().label())) {
                refused.add(verdict);
            }
        }
        if (refused.isEmpty()) {
            return;
        }
        PreFlight.Verdict first = refused.getFirst();
        throw new NibbleException(
                "the HTP of %s (%s) does not take %s%s at %s: %s"
                        .formatted(
                                target.name(),
                                target.arch().value().name().toLowerCase(java.util.Locale.ROOT),
                                first.node(),
                                refused.size() == 1 ? "" : " and %d more nodes".formatted(refused.size() - 1),
                                first.query(),
                                first.reason()),
                Advice.of(first.node().opType(), first.reason())
                        + "; a --target from v73 on (sm8550 and later) takes it as it is");
    }

    /// The model that the plan makes, with ranges that mean nothing: which types stand where is all that matters.
    private static Graph skeleton(PlacementPlan plan) {
        Map<String, ActivationQuantizer> quantizers = plan.activationsByName();
        Map<String, Encoding> encodings = new HashMap<>();
        for (String source : plan.observedBySource().keySet()) {
            ActivationQuantizer quantizer = quantizers.get(source);
            if (quantizer != null) {
                encodings.put(
                        source,
                        Encoding.ofRange(
                                -1,
                                1,
                                quantizer.scheme().bits(),
                                quantizer.scheme().symmetry()));
            }
        }
        Model model = QdqExport.export(
                        plan, QuantizeModel.apply(plan, encodings).quantization(), Boundary.FLOAT)
                .model();
        return ShapeInference.inferOwn(model).model().graph();
    }
}
