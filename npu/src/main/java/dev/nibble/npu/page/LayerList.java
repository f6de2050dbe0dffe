package dev.nibble.npu.page;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.memory.MemoryTimeline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// A roofline from a plain list of layers: lines of `name,operations,bytes`, a heading where the second column is no
/// number. A multiply-accumulate is two operations.
public final class LayerList {
    private LayerList() {}

    /// Each layer takes the longer of compute and memory.
    ///
    /// @param name what messages call the file
    /// @throws NibbleException where a line is not of this form
    public static Estimate estimate(String name, Path file, Estimator estimator, Precision precision) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (IOException e) {
            throw new NibbleException("layers '" + name + "' cannot be read", "check the path", e);
        }
        double peak = estimator.machine().get(precision.matrixRate()) * 1e6;
        double bandwidth = estimator.machine().get(Parameter.MEMORY_GBS) * 1e3;
        List<LayerEstimate> layers = new ArrayList<>();
        Map<Bottleneck, Integer> counts = new EnumMap<>(Bottleneck.class);
        for (int i = 0; i < lines.size(); i++) {
            String[] cells = lines.get(i).split("[,;\t]");
            if (lines.get(i).isBlank() || i == 0 && cells.length == 3 && !isNumber(cells[1])) {
                continue;
            }
            if (cells.length != 3 || !isNumber(cells[1]) || !isNumber(cells[2])) {
                throw new NibbleException(
                        "layers '%s', line %d is not name,operations,bytes: %s".formatted(name, i + 1, lines.get(i)),
                        "give plain numbers, such as conv1,236027904,1500000");
            }
            double operations = Double.parseDouble(cells[1].strip());
            double bytes = Double.parseDouble(cells[2].strip());
            double compute = operations / peak;
            double memory = bytes / bandwidth;
            double micros = Math.max(compute, memory);
            Bottleneck bottleneck =
                    micros <= 0 ? Bottleneck.NONE : compute >= memory ? Bottleneck.COMPUTE : Bottleneck.MEMORY;
            counts.merge(bottleneck, 1, Integer::sum);
            layers.add(new LayerEstimate(
                    cells[0].strip(),
                    "layer",
                    null,
                    precision.label(),
                    (long) (operations / 2),
                    0,
                    bytes,
                    micros,
                    0,
                    compute,
                    0,
                    memory,
                    0,
                    bottleneck,
                    micros > 0 ? compute / micros : 0,
                    0,
                    null));
        }
        if (layers.isEmpty()) {
            throw new NibbleException("layers '" + name + "' has no layers", "give lines of name,operations,bytes");
        }
        double total = layers.stream().mapToDouble(LayerEstimate::micros).sum();
        List<LayerEstimate> shared = layers.stream()
                .map(l -> new LayerEstimate(
                        l.name(),
                        l.op(),
                        null,
                        l.precision(),
                        l.macs(),
                        0,
                        l.bytes(),
                        l.micros(),
                        total > 0 ? l.micros() / total : 0,
                        l.matrixMicros(),
                        0,
                        l.memoryMicros(),
                        0,
                        l.bottleneck(),
                        l.utilization(),
                        0,
                        null))
                .toList();
        return new Estimate(
                name,
                estimator.machine().name(),
                precision.label(),
                estimator.runtime(),
                "roofline",
                total,
                total,
                total * 3,
                "the roofline alone is a lower bound",
                0,
                shared.stream().mapToDouble(l -> 2.0 * l.macs()).sum() / 1e9,
                shared.stream().mapToDouble(LayerEstimate::bytes).sum() / 1e6,
                peak / bandwidth,
                counts,
                shared,
                List.of(),
                List.of(),
                new MemoryTimeline(List.of(), 0, "", Map.of()),
                List.of(),
                List.of());
    }

    private static boolean isNumber(String text) {
        try {
            double value = Double.parseDouble(text.strip());
            return value >= 0 && !Double.isInfinite(value);
        } catch (NumberFormatException e) {
            return false;
        }
    }
}
