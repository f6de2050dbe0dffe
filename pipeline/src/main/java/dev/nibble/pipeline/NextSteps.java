package dev.nibble.pipeline;

import dev.nibble.data.DataOptions;
import dev.nibble.data.TextOptions;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.report.NextStep;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What is worth running after `quantize`.
final class NextSteps {
    private NextSteps() {}

    static List<NextStep> of(QuantizeOptions options) {
        List<NextStep> steps = new ArrayList<>();
        String folder = options.out().toString();
        QuantizeOptions.Samples seen =
                options.calibration().or(options::evaluation).orElse(null);
        if (seen == null) {
            steps.add(new NextStep(
                    "nibble evaluate %s --data …".formatted(Shell.quoted(folder + "/model.qdq.onnx")),
                    "measure the file that was written"));
            options.precision().activationBits().ifPresent(bits -> steps.add(qairt(options, folder, bits)));
            return steps;
        }
        steps.add(new NextStep(
                "nibble compare %s %s --data %s%s"
                        .formatted(
                                Shell.quoted(folder + "/model.float.onnx"),
                                Shell.quoted(folder + "/model.qdq.onnx"),
                                Shell.quoted(seen.shown()),
                                preprocessing(seen.options())),
                "every quantized value against its float twin, worst first"));
        if (options.evaluation().isEmpty()) {
            steps.add(new NextStep(
                    options.command() + " --eval-data … --force", "measure on samples that did not set the ranges"));
        }
        if (options.precision().activationBits().orElse(16) == 8) {
            steps.add(new NextStep(
                    options.command() + " --act-bitwidth 16 --force",
                    "W%dA16 where the accuracy lost matters more than speed"
                            .formatted(options.precision().weightBits())));
        }
        options.precision().activationBits().ifPresent(bits -> steps.add(qairt(options, folder, bits)));
        return steps;
    }

    /// Qualcomm's own tools on the float twin and the encodings, which give the same codes. There is no input list, so
    /// what the encodings do not name, such as values that the converter makes, has to be allowed to stay in float.
    private static NextStep qairt(QuantizeOptions options, String folder, int activationBits) {
        String channels = options.precision().granularity() instanceof WeightGranularity.PerTensor
                ? ""
                : " --use_per_channel_quantization --use_per_row_quantization";
        return new NextStep(
                "qairt-converter --input_network %s --quantization_overrides %s --output_path %s && "
                                .formatted(
                                        Shell.quoted(folder + "/model.float.onnx"),
                                        Shell.quoted(folder + "/model.encodings"),
                                        Shell.quoted(folder + "/model.dlc"))
                        + "qairt-quantizer --input_dlc %s --output_dlc %s --act_bitwidth %d --weights_bitwidth %d%s"
                                .formatted(
                                        Shell.quoted(folder + "/model.dlc"),
                                        Shell.quoted(folder + "/model.quantized.dlc"),
                                        activationBits,
                                        options.precision().weightBits(),
                                        " --bias_bitwidth 32" + channels + " --enable_float_fallback"),
                "the same quantization through QAIRT, where it is installed");
    }

    /// How the samples were read, as options of a command; their labels, and which were chosen, left out.
    private static String preprocessing(DataOptions data) {
        StringBuilder text = new StringBuilder();
        add(
                text,
                "--layout",
                data.layout() == null ? null : data.layout().name().toLowerCase(Locale.ROOT));
        add(text, "--resize", data.resize());
        add(text, "--crop", data.crop());
        add(text, "--scale", data.scale());
        add(text, "--mean", data.mean().isEmpty() ? null : joined(data.mean()));
        add(text, "--std", data.std().isEmpty() ? null : joined(data.std()));
        TextOptions texts = data.text();
        add(text, "--tokenizer", quoted(texts.tokenizer()));
        add(text, "--lengths", quoted(texts.lengths()));
        add(text, "--max-length", texts.maxLength());
        if (texts.padding() != null && texts.padding()) {
            text.append(" --padding");
        }
        return text.toString();
    }

    private static @Nullable String quoted(@Nullable Path file) {
        return file == null ? null : Shell.quoted(file.toString());
    }

    private static String joined(List<Double> values) {
        return values.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static void add(StringBuilder text, String option, @Nullable Object value) {
        if (value != null) {
            text.append(' ').append(option).append(' ').append(value);
        }
    }
}
