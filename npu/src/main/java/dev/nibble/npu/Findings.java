package dev.nibble.npu;

import dev.nibble.npu.Estimate.Finding;
import dev.nibble.npu.cost.LayerTime;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fuse.FuseLayers.NearMiss;
import dev.nibble.npu.memory.MemoryTimeline;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Work;
import dev.nibble.target.Status;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/// What an estimate shows that a user can act on.
final class Findings {
    /// Less than this share of a run is not worth a line.
    private static final double WORTH = 0.03;

    private Findings() {}

    static List<Finding> of(
            Flow flow,
            List<Work> works,
            List<Precision> widths,
            List<LayerTime> times,
            double total,
            Estimator estimator,
            MemoryTimeline memory,
            List<NearMiss> misses,
            double runMicros) {
        List<Finding> findings = new ArrayList<>();
        Set<String> unknown = new TreeSet<>();
        works.forEach(w -> unknown.addAll(w.withoutRule()));
        if (!unknown.isEmpty()) {
            findings.add(new Finding(
                    "L107",
                    "warning",
                    "estimated by their bytes alone, for want of a rule: " + String.join(", ", unknown),
                    "take the time of these layers for a lower bound",
                    0));
        }
        if (estimator.calibration().status() == Status.ASSUMED) {
            findings.add(new Finding(
                    "L108",
                    "warning",
                    "no latency of " + estimator.machine().name() + " was in the fit: "
                            + estimator.calibration().source(),
                    "measure a few models and run nibble fit",
                    0));
        }
        double pixels = 0;
        double perChannel = 0;
        double spill = 0;
        for (int i = 0; i < works.size(); i++) {
            double ns = estimator.machine().get(Parameter.PIXEL_NS);
            pixels += works.get(i).normalizedPixels() * ns / 1e3;
            perChannel += widths.get(i).floating()
                    ? 0
                    : times.get(i).vector() * Math.signum(works.get(i).perChannel());
            spill += times.get(i).spilledBytes();
        }
        costs(
                new Finding(
                        "L101",
                        "note",
                        "the input is normalized channel by channel on the device",
                        "fold (x − mean) / std into the first convolution, or into the input's scale",
                        pixels),
                total,
                findings);
        costs(
                new Finding(
                        "L102",
                        "note",
                        "quantized BatchNormalization layers stand alone",
                        "fold them into a convolution; behind a concatenation, keep them in float",
                        perChannel),
                total,
                findings);
        costs(
                new Finding(
                        "L103",
                        "note",
                        String.format(Locale.ROOT, "%.1f MB of activations do not stay on the chip", spill / 1e6),
                        "a smaller input, 8-bit activations, or fewer channels where pictures are large",
                        spill / (estimator.machine().get(Parameter.MEMORY_GBS) * 1e3)),
                total,
                findings);
        costs(
                new Finding(
                        "L104",
                        "note",
                        "dispatch, inputs and outputs stand beside the layers",
                        "batch several inputs, or keep inputs and outputs quantized and on the device",
                        runMicros),
                total,
                findings);
        if (memory.peakBytes() > estimator.machine().vtcmMb() * 1e6) {
            findings.add(new Finding(
                    "L105",
                    "note",
                    String.format(
                            Locale.ROOT,
                            "at '%s' %.1f MB live at once, more than the %.0f MB of VTCM: layers run in tiles",
                            memory.peakLayer(),
                            memory.peakBytes() / 1e6,
                            estimator.machine().vtcmMb()),
                    "see the tiles in nibble roofline",
                    0));
        }
        if (!misses.isEmpty()) {
            NearMiss first = misses.getFirst();
            findings.add(new Finding(
                    "L106",
                    "note",
                    "%d patterns all but fuse; the first: %s at '%s': %s"
                            .formatted(misses.size(), first.rule(), first.node(), first.reason()),
                    "take the extra reader away where it is not needed",
                    0));
        }
        findings.sort(Comparator.comparingDouble(Finding::micros).reversed());
        return List.copyOf(findings);
    }

    /// Adds `finding` with its share of the run, where that is worth a line.
    private static void costs(Finding finding, double total, List<Finding> findings) {
        if (total > 0 && finding.micros() / total > WORTH) {
            String text = String.format(
                    Locale.ROOT,
                    "%s: %.0f µs, %.0f %% of the run",
                    finding.text(),
                    finding.micros(),
                    100 * finding.micros() / total);
            findings.add(new Finding(finding.code(), finding.severity(), text, finding.fix(), finding.micros()));
        }
    }
}
