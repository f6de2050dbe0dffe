package dev.nibble.pipeline;

import dev.nibble.pipeline.output.StagedFile;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightQuantizer;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.PlacementRules;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `overrides init`: a file of overrides that names every tensor with a quantizer, at the width that it has anyway. As it
/// is, it changes nothing.
public final class OverridesTemplate {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private OverridesTemplate() {}

    /// Everything `overrides init` is told.
    ///
    /// @param shownModel the model's path as results name it
    /// @param out where to write; empty: nowhere
    /// @param rules of the target
    /// @param precision the widths
    public record Options(
            Path model,
            String shownModel,
            Optional<Path> out,
            boolean force,
            PlacementRules rules,
            Precision precision,
            Map<String, long[]> shapes,
            String version) {}

    /// What `overrides init` prints.
    ///
    /// @param rules whose placement it is: `htp-v75`
    /// @param file where it was written
    /// @param overrides the file's content
    public record Template(
            String nibble,
            String model,
            String rules,
            @Nullable String file,
            int activations,
            int params,
            Map<String, Object> overrides) {
        /// The file's text.
        public String text() {
            return MAPPER.writeValueAsString(overrides) + "\n";
        }
    }

    /// @throws dev.nibble.graph.NibbleException where the model cannot be read or quantized, or the file not written
    public static Template run(Options options, Progress progress) {
        PreparedModel prepared = PreparedModel.read(
                options.model(), options.shownModel(), options.shapes(), new OrtExecutor(), progress);
        PlacementPlan plan = QuantizedModel.plan(prepared.model(), options.rules(), options.precision());
        Map<String, Object> activations = new LinkedHashMap<>();
        for (ActivationQuantizer quantizer : plan.activations()) {
            if (quantizer.inEncodings() && quantizer.isSource()) {
                activations.put(quantizer.name(), entry(quantizer.scheme().bits()));
            }
        }
        Map<String, Object> params = new LinkedHashMap<>();
        for (WeightQuantizer weight : plan.weights()) {
            if (weight.role() == WeightQuantizer.Role.WEIGHT || weight.role() == WeightQuantizer.Role.TABLE) {
                Map<String, Object> entry = entry(weight.scheme().bits());
                entry.put("is_symmetric", weight.scheme().symmetry() == Symmetry.ASYMMETRIC ? "False" : "True");
                params.put(plan.renamed().getOrDefault(weight.name(), weight.name()), entry);
            }
        }
        Map<String, Object> overrides = new LinkedHashMap<>();
        overrides.put("activation_encodings", activations);
        overrides.put("param_encodings", params);
        Template template = new Template(
                options.version(),
                options.shownModel(),
                plan.rules(),
                options.out().map(Path::toString).orElse(null),
                activations.size(),
                params.size(),
                overrides);
        options.out().ifPresent(out -> StagedFile.write(out, options.force(), template.text()));
        return template;
    }

    private static Map<String, Object> entry(int bits) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("bitwidth", bits);
        entry.put("dtype", "int");
        return entry;
    }
}
