package dev.nibble.pipeline;

import dev.nibble.report.NextStep;
import java.util.ArrayList;
import java.util.List;

/// What is worth running after `quantize`.
final class NextSteps {
    private NextSteps() {}

    static List<NextStep> of(QuantizeOptions options) {
        List<NextStep> steps = new ArrayList<>();
        String folder = options.out().toString();
        steps.add(new NextStep(
                "nibble compare %s/model.float.onnx %s/model.qdq.onnx --data %s"
                        .formatted(folder, folder, options.data().shown()),
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
        return steps;
    }
}
