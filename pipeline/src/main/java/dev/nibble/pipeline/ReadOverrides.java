package dev.nibble.pipeline;

import dev.nibble.graph.NibbleException;
import dev.nibble.quant.encodings.EncodingEntry;
import dev.nibble.quant.encodings.Encodings;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.ResolveOverrides;
import dev.nibble.quant.place.Forced;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.report.Finding;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.Sourced;
import dev.nibble.target.Targets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// `--quantization-overrides`, held against the model and the target before any long work.
///
/// @param precision what is wanted, with what is forced
/// @param verbatim entries that encodings files repeat as they are: weights whose scales are multiples of a channel's,
///     and biases that stay in float here
/// @param findings what a user should know
record ReadOverrides(Precision precision, Map<String, EncodingEntry> verbatim, List<Finding> findings) {
    /// @throws NibbleException where the file is damaged, does not fit the model, or asks for what the target cannot do
    static ReadOverrides of(QuantizeOptions options, PlacementRules rules, PreparedModel prepared) {
        QuantizeOptions.OverridesFile file = options.overrides().orElse(null);
        if (file == null) {
            return new ReadOverrides(options.precision(), Map.of(), List.of());
        }
        EncodingsSource source = EncodingsSource.read(file.path());
        ReadOverrides read = of(
                source.encodings(),
                rules,
                options.precision(),
                prepared,
                file.ownBiases() && !source.hasIntegerBiases());
        boolean inFloat = read.precision.overrides().tensors().values().stream()
                .anyMatch(forced -> forced instanceof Forced.InFloat);
        if (inFloat && options.quantsimConfig().isEmpty()) {
            Sourced<Boolean> float16 = Targets.find(options.target()).float16();
            if (!float16.value()) {
                throw new NibbleException(
                        "the overrides keep tensors in float, and the HTP of %s computes in integers only (%s)"
                                .formatted(options.target(), float16.source()),
                        "give them int16, or quantize for a newer target");
            }
        }
        read.verbatim.values().stream()
                .filter(entry -> entry instanceof EncodingEntry.LowPowerBlocks)
                .findFirst()
                .filter(entry -> options.encodingsVersion().equals(EncodingsVersion.V0_6_1.text()))
                .ifPresent(entry -> {
                    throw new NibbleException(
                            "encodings 0.6.1 cannot express the blocks that the overrides give '" + entry.name() + "'",
                            "use --encodings-version 1.0.0 or 2.0.0");
                });
        return read;
    }

    /// What `file` forces on the model, under the rules of a target.
    ///
    /// @param ownBiases whether biases stay in float where the file gives every range
    static ReadOverrides of(
            Encodings file, PlacementRules rules, Precision precision, PreparedModel prepared, boolean ownBiases) {
        PlacementPlan plan = QuantizedModel.plan(prepared.model(), rules, precision);
        ResolveOverrides.Result result = ResolveOverrides.over(
                plan, file, prepared.renamed(), prepared.original().graph().names());
        // Contradictions and what the target refuses show when the quantizers are placed.
        Precision forced = precision.with(result.overrides());
        PlacementPlan placed = QuantizedModel.plan(prepared.model(), rules, forced);
        Map<String, EncodingEntry> verbatim = new TreeMap<>(result.lowPower());
        List<Finding> findings = new ArrayList<>();
        boolean whole = precision.activationBits().isPresent()
                && placed.observed().isEmpty()
                && placed.weights().stream().allMatch(weight -> placed.isFrozen(weight.name()));
        if (whole && ownBiases && precision.biasBits().isPresent()) {
            forced = forced.withFloatBiases();
            verbatim.putAll(result.biases());
            if (!placed.biases().isEmpty()) {
                findings.add(Findings.note(
                        "Q111",
                        "the overrides give every range, so %d biases stay in float, as they are in the simulation of the tool that wrote them"
                                .formatted(placed.biases().size()),
                        "--bias-bitwidth 32 makes them int32, which ONNX Runtime needs to run the file on the HTP; QAIRT"
                                + " quantizes them by itself"));
            }
        }
        return new ReadOverrides(forced, verbatim, findings);
    }
}
