package dev.nibble.graph.check;

import dev.nibble.graph.Model;
import org.bytedeco.onnx.global.onnx;

/// ONNX's own checker, through its library.
public final class OnnxChecker {
    private OnnxChecker() {}

    /// What came of it.
    public enum Outcome {
        PASSED,
        FAILED,
        /// The library could not be asked.
        NOT_CHECKED
    }

    /// @param text what the checker said, or why it was not asked; empty where the model passed
    public record Verdict(Outcome outcome, String text) {}

    /// Asks ONNX's checker about `model`, up to the opset it knows and after [ModelChecker]. Large weights stay
    /// outside: their lengths are [ModelChecker]'s business.
    public static Verdict check(Model model) {
        String refusal = OnnxLibrary.refusal(model);
        if (!refusal.isEmpty()) {
            return new Verdict(Outcome.NOT_CHECKED, refusal);
        }
        try {
            return OnnxLibrary.call(model, proto -> {
                onnx.check_model(proto);
                return new Verdict(Outcome.PASSED, "");
            });
        } catch (RuntimeException e) {
            return new Verdict(Outcome.FAILED, String.valueOf(e.getMessage()).strip());
        }
    }
}
