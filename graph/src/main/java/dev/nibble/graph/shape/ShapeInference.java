package dev.nibble.graph.shape;

import dev.nibble.graph.Model;
import java.util.List;
import java.util.Map;

/// The types and shapes of all values of a model.
///
/// ONNX's own inference is asked first, where its library knows the opset and is there; Nibble's own rules then
/// fill in what it left open: newer opsets, ONNX Runtime's operators, shapes computed from other shapes.
public final class ShapeInference {
    private ShapeInference() {}

    /// Who inferred.
    public enum Engine {
        /// ONNX's library, then Nibble's rules for what was still open.
        ONNX_AND_NIBBLE,
        /// Nibble's rules alone.
        NIBBLE
    }

    /// @param model the model, with what could be inferred declared (`value_info`)
    /// @param why why ONNX's library was not used; empty where it was
    /// @param conflicts where shapes do not fit each other, or a declaration contradicts them
    /// @param withoutRule operators that Nibble has no rule for, with their number of nodes; ONNX's library may
    ///     have handled them
    /// @param open node outputs of which not even the rank is known
    public record Result(
            Model model,
            Engine engine,
            String why,
            List<String> conflicts,
            Map<String, Integer> withoutRule,
            int open) {
        public Result {
            conflicts = List.copyOf(conflicts);
            withoutRule = Map.copyOf(withoutRule);
        }
    }

    /// Infers. The nodes must be in order (see [dev.nibble.graph.check.ModelChecker#accept]); weights are not read,
    /// except small ones that shapes are computed from.
    public static Result infer(Model model) {
        NativeInference.Outcome outcome = NativeInference.infer(model);
        OwnInference.Found found = OwnInference.infer(outcome.model());
        return new Result(
                found.model(),
                outcome.why().isEmpty() ? Engine.ONNX_AND_NIBBLE : Engine.NIBBLE,
                outcome.why(),
                found.conflicts(),
                found.withoutRule(),
                found.open());
    }

    /// As [#infer], with Nibble's rules alone.
    public static Result inferOwn(Model model) {
        OwnInference.Found found = OwnInference.infer(model);
        return new Result(
                found.model(), Engine.NIBBLE, "not asked for", found.conflicts(), found.withoutRule(), found.open());
    }
}
