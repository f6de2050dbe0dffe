package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.Gates;
import dev.nibble.pipeline.Quantize;
import dev.nibble.pipeline.QuantizeOptions;
import dev.nibble.pipeline.Shell;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.report.ResultDocument;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `quantize`: a float model and samples become a quantized model and a report of what it cost.
@Command(
        name = "quantize",
        description = "Quantize a model, measure what it cost, and write a report.",
        optionListHeading = "%nOptions:%n")
final class QuantizeCommand extends NibbleCommand {
    /// Taken where `--target` is not given.
    static final String DEFAULT_TARGET = "sm8650";

    @Parameters(paramLabel = "MODEL", description = "The float model, an .onnx file.")
    private Path model;

    @Mixin
    private OutOption out;

    @Mixin
    private SampleOptions samples;

    @Mixin
    private EvaluationOptions evaluation;

    @Mixin
    private PrecisionOptions precision;

    @Mixin
    private GateOptions gateOptions;

    @Option(
            order = 140,
            names = "--max-drop",
            paramLabel = "POINTS",
            description = "Exit with 1 if the metric loses more percentage points.")
    private @Nullable Double maxDrop;

    @Option(
            order = 40,
            names = "--quantsim-config",
            paramLabel = "FILE",
            description = "Placement rules in the form of AIMET's quantsim configurations (default: the target's).")
    private @Nullable Path quantsimConfig;

    @Option(
            order = 41,
            names = "--encodings-version",
            paramLabel = "V",
            defaultValue = "1.0.0",
            description = "Form of model.encodings: 0.6.1, 1.0.0 or 2.0.0 (default: ${DEFAULT-VALUE}).")
    private String encodingsVersion;

    @Option(
            order = 42,
            names = "--metric",
            paramLabel = "M",
            defaultValue = "auto",
            description = "auto, top1, top5, characters, words or none (default: what suits the labels).")
    private String metric;

    @Option(
            order = 42,
            names = "--generate",
            paramLabel = "N",
            description = "Tokens that a language model writes after each of 20 prompts, beside the float model's "
                    + "(default: 100, unless that takes more than a minute; 0: none).")
    private @Nullable Integer generate;

    @Option(
            order = 43,
            names = "--run-dir",
            paramLabel = "DIR",
            description = "Keep finished stages here: a run that is killed goes on from them, and recipes that begin "
                    + "the same share them.")
    private @Nullable Path runDirectory;

    @Option(
            order = 44,
            names = "--ladder",
            description = "Measure the model after each step of the recipe too; with --run-dir, steps share what they "
                    + "have in common.")
    private boolean ladder;

    @Option(
            order = 45,
            names = "--quantization-overrides",
            paramLabel = "FILE",
            description =
                    "What is forced on single tensors, by name or pattern: QNN's overrides, or AIMET's encodings, "
                            + "which are applied as they are. --data may be left away where they name every range.")
    private @Nullable Path overrides;

    @Spec
    private CommandSpec spec;

    @Override
    protected ExitCode run() {
        Gates gates = gateOptions.gates(maxDrop);
        Map<String, long[]> shapes = new LinkedHashMap<>();
        everywhere()
                .shapes()
                .forEach(shape -> shapes.put(shape.name(), shape.shape().dims()));
        Optional<QuantizeOptions.Samples> calibration = samples.optional(terminal());
        if (calibration.isEmpty() && overrides == null && evaluation.given()) {
            throw new NibbleException(
                    "samples to measure with were given, but none with --data",
                    "name them with --data as well: how samples are read goes by it");
        }
        Recipe recipe = precision.recipe(terminal(), calibration.isPresent());
        if (calibration.isEmpty() && precision.recipeGiven() && !recipe.steps().isEmpty()) {
            // The standard recipe as well, which is left out in silence where it was not asked for.
            throw new NibbleException(
                    "--data is missing: '%s' looks at samples".formatted(recipe.shown()),
                    QuantizeOptions.WITHOUT_RECIPE);
        }
        QuantizeOptions options = new QuantizeOptions(
                terminal().resolve(model),
                model.toString(),
                calibration,
                evaluation.samples(calibration, samples.options(terminal()), terminal()),
                terminal().resolve(out.path()),
                precision.precision(),
                precision.activations(),
                precision.parameters(),
                recipe,
                target(),
                Optional.ofNullable(quantsimConfig).map(terminal()::resolve),
                Optional.ofNullable(overrides)
                        .map(file -> new QuantizeOptions.OverridesFile(
                                terminal().resolve(file), file.toString(), !precision.biasesGiven())),
                shapes,
                precision.quantizedIo(),
                encodingsVersion,
                metric,
                GenerateOption.tokens(generate),
                everywhere().threads(),
                everywhere().seed(),
                everywhere()
                        .maxMemory()
                        .map(size -> OptionalLong.of(size.bytes()))
                        .orElse(OptionalLong.empty()),
                Optional.ofNullable(runDirectory).map(terminal()::resolve),
                ladder,
                everywhere().force(),
                "nibble " + Shell.line(spec.commandLine().getParseResult().originalArgs()),
                Version.current().full());
        ResultDocument document = Quantize.run(options, progress());
        ResultOutput.print(this, document, terminal().resolve(out.path()));
        Double drop = document.metric() == null ? null : document.metric().drop();
        return gate(gates.failures(drop, document.sqnrDb(), document.cosine()));
    }

    private String target() {
        List<String> targets = everywhere().targets();
        if (targets.size() > 1) {
            throw new NibbleException(
                    "quantize takes one target, but was given " + String.join(", ", targets),
                    "quantize for the oldest chip of them; newer ones take what it takes");
        }
        return targets.isEmpty() ? DEFAULT_TARGET : targets.getFirst();
    }
}
