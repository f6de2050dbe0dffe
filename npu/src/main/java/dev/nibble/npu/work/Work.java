package dev.nibble.npu.work;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// What one layer asks of the hardware, in elements: bytes come of it with a precision.
///
/// @param macs multiply-accumulate operations as the model states them
/// @param paddedMacs those of the matrix unit, with output channels and inner dimension rounded up to 32
/// @param vector elements that the vector units touch, channels rounded up to 32 (to 4 where there are no more)
/// @param weights elements of constants
/// @param adjacent elements that come from the layer before
/// @param skipped elements that come from further back
/// @param written elements that leave
/// @param entering elements of the model's inputs that are read here
/// @param leaving elements of the model's outputs that are written here
/// @param normalizedPixels pixels of a picture of three channels, each with its own constant, that are normalized
/// @param perChannel elements of a normalization with constants for each channel that no convolution takes in
/// @param requantized elements that a concatenation brings to its own scale, where the values are quantized
/// @param barriers reductions over a whole picture, before which nothing of the next layer can start
/// @param free whether nothing runs on the device
/// @param withoutRule operators estimated by their bytes alone
public record Work(
        long macs,
        double paddedMacs,
        Map<VectorKind, Double> vector,
        double weights,
        double adjacent,
        double skipped,
        double written,
        double entering,
        double leaving,
        double normalizedPixels,
        double perChannel,
        double requantized,
        int barriers,
        boolean free,
        List<String> withoutRule) {
    public Work {
        EnumMap<VectorKind, Double> copy = new EnumMap<>(VectorKind.class);
        copy.putAll(vector);
        vector = java.util.Collections.unmodifiableMap(copy);
        withoutRule = List.copyOf(withoutRule);
    }

    public double vector(VectorKind kind) {
        return vector.getOrDefault(kind, 0.0);
    }
}
