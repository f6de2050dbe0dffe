package dev.nibble.npu.config;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.memory.Tile;
import java.util.Comparator;
import java.util.List;

/// What an estimate's working sets say about VTCM, tiles and compression.
///
/// @param vtcmMb what the configuration gives the model
/// @param peakMb the most that lives at once, whole tensors
/// @param utilization the largest tile over the VTCM: 1 is full
/// @param tiledLayers layers that run in more than one tile
/// @param spilledMb activations that go out to DRAM and back in a run
/// @param spillMicros what that takes
/// @param compressedMicros what it would take with DLBC, if that leaves two thirds: assumed, not measured
/// @param holdsAllMb the least VTCM that holds the peak without tiles
/// @param spilling the layers that spill most, largest first
/// @param advice sentences
public record VtcmAdvice(
        int vtcmMb,
        double peakMb,
        double utilization,
        int tiledLayers,
        double spilledMb,
        double spillMicros,
        double compressedMicros,
        int holdsAllMb,
        List<Spill> spilling,
        List<String> advice) {
    private static final int LISTED = 5;
    private static final double DLBC_LEAVES = 2.0 / 3;
    private static final double BYTES_PER_MB = 1 << 20;

    public VtcmAdvice {
        spilling = List.copyOf(spilling);
        advice = List.copyOf(advice);
    }

    /// A layer that spills.
    public record Spill(String layer, String op, double megabytes, long tiles) {}

    /// @param vtcmMb what the configuration gives; all that the chip has where that is 0
    /// @param chipMb what the chip has
    /// @param memoryGbs the rate of the memory
    /// @param dlbc whether compression is asked for
    public static VtcmAdvice of(Estimate estimate, int vtcmMb, int chipMb, double memoryGbs, boolean dlbc) {
        int given = vtcmMb == 0 ? chipMb : vtcmMb;
        double largest = 0;
        int tiled = 0;
        double spilled = 0;
        for (LayerEstimate layer : estimate.layers()) {
            Tile tile = layer.tile();
            largest = Math.max(largest, tile == null ? 0 : tile.tileBytes());
            tiled += tile != null && tile.tiles() > 1 ? 1 : 0;
            spilled += layer.spilledBytes();
        }
        List<Spill> spilling = estimate.layers().stream()
                .filter(l -> l.spilledBytes() > 0)
                .sorted(Comparator.comparingDouble(LayerEstimate::spilledBytes).reversed())
                .limit(LISTED)
                .map(l -> new Spill(
                        l.name(),
                        l.op(),
                        l.spilledBytes() / 1e6,
                        l.tile() == null ? 1 : l.tile().tiles()))
                .toList();
        double micros = spilled / (memoryGbs * 1e3);
        double peak = estimate.memory().peakBytes();
        int holds = (int) Math.ceil(peak / BYTES_PER_MB);
        VtcmAdvice bare = new VtcmAdvice(
                given,
                peak / BYTES_PER_MB,
                largest / (given * BYTES_PER_MB),
                tiled,
                spilled / 1e6,
                micros,
                micros * DLBC_LEAVES,
                holds,
                spilling,
                List.of());
        return new VtcmAdvice(
                given,
                bare.peakMb,
                bare.utilization,
                tiled,
                bare.spilledMb,
                micros,
                bare.compressedMicros,
                holds,
                spilling,
                bare.sentences(chipMb, estimate.totalMicros(), dlbc));
    }

    private List<String> sentences(int chipMb, double total, boolean dlbc) {
        List<String> said = new java.util.ArrayList<>();
        if (holdsAllMb <= vtcmMb) {
            said.add("everything that lives at once fits: %d MB would do".formatted(Math.max(1, holdsAllMb)));
        } else {
            said.add(
                    "%d MB would hold all that lives at once; with %d MB %d layers run in tiles, which depth-first order mostly hides"
                            .formatted(holdsAllMb, vtcmMb, tiledLayers));
        }
        if (vtcmMb < chipMb) {
            said.add("%d of %d MB are left to other models; alone, take all: --vtcm-mb 0"
                    .formatted(chipMb - vtcmMb, chipMb));
        }
        double share = total > 0 ? 100 * spillMicros / total : 0;
        if (spilledMb == 0) {
            said.add(
                    dlbc
                            ? "nothing spills, so DLBC has nothing to compress: leave --dlbc out"
                            : "nothing spills: DLBC would gain nothing");
        } else {
            said.add(
                    "%.1f MB spill, %.0f µs or %.0f %% of the run; DLBC would save about %.0f µs if it compresses by a third, which is assumed"
                            .formatted(spilledMb, spillMicros, share, spillMicros - compressedMicros));
        }
        return said;
    }
}
