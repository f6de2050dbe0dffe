package dev.nibble.run;

import ai.onnxruntime.OrtException;
import dev.nibble.graph.NibbleException;

/// ONNX Runtime's exceptions in the house form.
final class OrtFailure {
    private OrtFailure() {}

    /// @param stage what was being done, as in "cannot be loaded"
    static NibbleException of(String model, String stage, OrtException failure) {
        return new NibbleException(
                "model '%s' %s by ONNX Runtime: %s".formatted(model, stage, reason(failure)), hint(failure), failure);
    }

    /// The first line of what ONNX Runtime says, without its code and its source location.
    static String reason(OrtException failure) {
        String text = String.valueOf(failure.getMessage())
                .replaceFirst("^Error code - [A-Z_]+ - message: ", "")
                .strip();
        int end = text.indexOf('\n');
        String line = end < 0 ? text : text.substring(0, end).strip();
        return line.isEmpty() ? "no reason given" : line.replaceAll("/\\S*/(onnxruntime/\\S+)", "$1");
    }

    private static String hint(OrtException failure) {
        return switch (failure.getCode()) {
            case ORT_NOT_IMPLEMENTED ->
                "ONNX Runtime's CPU kernels do not cover this operator with these types; try `nibble simplify`, or another type";
            case ORT_INVALID_PROTOBUF, ORT_NO_MODEL, ORT_NO_SUCHFILE -> "copy or export the model again";
            case ORT_INVALID_ARGUMENT ->
                "check the samples' shapes and types against the model's inputs: `nibble inspect` lists them";
            case ORT_INVALID_GRAPH, ORT_FAIL, ORT_RUNTIME_EXCEPTION ->
                "check the model with `nibble inspect`; where the message names a node, look at its inputs' shapes and types";
            case ORT_JAVA_UNKNOWN,
                    ORT_OK,
                    ORT_ENGINE_ERROR,
                    ORT_MODEL_LOADED,
                    ORT_EP_FAIL,
                    ORT_MODEL_LOAD_CANCELED,
                    ORT_MODEL_REQUIRES_COMPILATION,
                    ORT_NOT_FOUND,
                    ORT_DEVICE_RESET -> "run with --debug for all that ONNX Runtime says";
        };
    }
}
