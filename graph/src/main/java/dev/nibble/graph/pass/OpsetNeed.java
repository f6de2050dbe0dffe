package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;

/// Whether a model may use an operator of a newer operator set, and the model once it may.
///
/// @param newest how far a model may be raised
record OpsetNeed(long newest) {
    /// The model in which an operator of opset `needed` can be used.
    sealed interface Answer {
        record Ready(Model model, boolean raised) implements Answer {}

        record Refused(String reason) implements Answer {}
    }

    Answer ask(Model model, long needed, String operator) {
        if (model.opset() >= needed) {
            return new Answer.Ready(model, false);
        }
        if (needed > newest) {
            return new Answer.Refused("ONNX has %s only from opset %d, and the model may be raised no further than %d"
                    .formatted(operator, needed, newest));
        }
        try {
            return new Answer.Ready(new RaiseOpset(needed).apply(model).model(), true);
        } catch (NibbleException e) {
            return new Answer.Refused(
                    "ONNX has %s only from opset %d; %s".formatted(operator, needed, String.valueOf(e.getMessage())));
        }
    }
}
