package dev.nibble.target;

import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// A chip: what it is, and how much of everything it has.
///
/// @param name as `--target` takes it, in lower case: `sm8650`
/// @param aliases other names of the chip, and devices that have it
/// @param marketing what it is sold as
/// @param arch the generation of its HTP
/// @param socId the number by which QNN calls it
/// @param vtcmMb on-chip memory of the HTP, MiB
/// @param float16 whether its HTP computes in half precision
/// @param rates named rates; the unit stands in the name: `dram_peak_gbs`, `best_int8_tops`
/// @param calibration what a cost model was fitted to on it
public record Target(
        String name,
        List<String> aliases,
        String marketing,
        Sourced<HtpArch> arch,
        Sourced<Integer> socId,
        Sourced<Integer> vtcmMb,
        Sourced<Boolean> float16,
        SortedMap<String, Sourced<Double>> rates,
        Optional<Calibration> calibration) {
    public Target {
        aliases = List.copyOf(aliases);
        rates = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(rates));
    }

    /// Where its HTP wants quantizers.
    public PlacementRules placementRules() {
        return QuantSimConfig.htp(arch.value());
    }
}
