package dev.nibble.npu.fit;

import dev.nibble.npu.cost.Precision;

/// One latency that a device reported.
///
/// @param topology the graph it was measured with: the name of an `.onnx` file without its ending
/// @param precisionName as the file has it: `w8a8_mixed_int16` is not `w8a8`, though it counts as such
/// @param device a target's name or alias
/// @param family models that are alike and are left out together
/// @param line where it stands in its file
public record Measurement(
        String topology,
        String precisionName,
        Precision precision,
        String device,
        String runtime,
        String family,
        double micros,
        int line) {}
