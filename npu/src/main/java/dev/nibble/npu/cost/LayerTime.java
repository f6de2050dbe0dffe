package dev.nibble.npu.cost;

/// Where the time of one layer goes, in microseconds.
///
/// @param matrix matrix unit
/// @param vector vector units
/// @param memory DRAM
/// @param overhead what every layer costs, whatever it does
/// @param total the whole, which overlap makes less than the sum
/// @param bytes moved to and from DRAM
/// @param spilledBytes the activations among them
public record LayerTime(
        double matrix, double vector, double memory, double overhead, double total, double bytes, double spilledBytes) {
    /// What a layer waits for.
    public enum Bottleneck {
        COMPUTE,
        MEMORY,
        VECTOR,
        OVERHEAD,
        NONE
    }

    public Bottleneck bottleneck() {
        double most = Math.max(Math.max(matrix, vector), Math.max(memory, overhead));
        if (most <= 0) {
            return Bottleneck.NONE;
        }
        return most == matrix
                ? Bottleneck.COMPUTE
                : most == memory ? Bottleneck.MEMORY : most == vector ? Bottleneck.VECTOR : Bottleneck.OVERHEAD;
    }
}
