package dev.nibble.cli;

import dev.nibble.pipeline.OverridesTemplate;
import dev.nibble.quant.place.Precision;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `overrides init`: a template for `quantize --quantization-overrides`.
@Command(
        name = "overrides",
        description = {
            "Write a file of overrides that names every quantized tensor of a model: overrides init MODEL",
            "",
            "As it is, it changes nothing. Change widths (int4, int8, int16), add ranges or scales, keep tensors in float"
                    + " with {\"dtype\": \"float\"}, and give it to quantize --quantization-overrides."
        },
        optionListHeading = "%nOptions:%n")
final class OverridesCommand extends NibbleCommand {
    @Parameters(index = "0", paramLabel = "init", description = "What to do; there is only init.")
    private Action action;

    @Parameters(index = "1", paramLabel = "MODEL", description = "The float model, an .onnx file.")
    private Path model;

    @Option(
            order = 10,
            names = "--out",
            paramLabel = "FILE",
            description = "Where to write the file (default: standard output).")
    private @Nullable Path out;

    @Option(
            order = 20,
            names = "--weights-bitwidth",
            paramLabel = "4|8|16",
            defaultValue = "8",
            description = "Bits of weights (default: 8).")
    private int weightsBitwidth;

    @Option(
            order = 21,
            names = "--act-bitwidth",
            paramLabel = "8|16",
            defaultValue = "8",
            description = "Bits of activations (default: 8).")
    private int actBitwidth;

    @Mixin
    private PlacementRuleOptions rules;

    /// What to do.
    enum Action {
        INIT
    }

    @Override
    protected ExitCode run() {
        Precision precision = PrecisionOptions.widths(weightsBitwidth, actBitwidth);
        OverridesTemplate.Template template = switch (action) {
            case INIT ->
                OverridesTemplate.run(
                        new OverridesTemplate.Options(
                                terminal().resolve(model),
                                model.toString(),
                                Optional.ofNullable(out).map(terminal()::resolve),
                                everywhere().force(),
                                rules.rules(this),
                                precision,
                                everywhere().shapesByName(),
                                Version.current().nibble()),
                        progress());
        };
        print(
                template,
                () -> out == null
                        ? template.text()
                        : "%d values and %d weights of %s in %s"
                                .formatted(template.activations(), template.params(), model, out));
        return ExitCode.DONE;
    }
}
