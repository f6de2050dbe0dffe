package dev.nibble.htp;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What Qualcomm's compiler reckons that a model takes on a chip. It has a cost table for a few chips only, and makes
/// these figures for them by itself while it compiles; nothing is run, and no device is involved.
///
/// @param micros of one run
/// @param lowMicros the compiler's own lower bound
/// @param highMicros the compiler's own upper bound
/// @param inputFillBytes weights and inputs read from DRAM
/// @param intermediateFillBytes activations read back from DRAM because they did not fit the on-chip memory
/// @param intermediateSpillBytes activations written to DRAM because they did not fit the on-chip memory
/// @param outputSpillBytes outputs written to DRAM
/// @param operatorsWithoutCost operators that are not in `micros`: the compiler has no cost for them
public record PerformanceEstimate(
        double micros,
        double lowMicros,
        double highMicros,
        long inputFillBytes,
        long intermediateFillBytes,
        long intermediateSpillBytes,
        long outputSpillBytes,
        int operatorsWithoutCost) {
    /// QNN's numbers of the chips that the compiler has costs for: SA8255, two of generation v68, SA8797, QCS9100 and
    /// one without a public name. Learned by asking for each number with onnxruntime-qnn 2.7.0.
    private static final Set<Integer> OFFERED = Set.of(52, 62, 63, 72, 77, 95);

    private static final String BLOCK = "Performance Estimates";
    private static final String TIME = "Simulated (Accelerator exec time us";
    private static final String WITHOUT_COST = "Missing Ops";

    /// Columns of the profile that ONNX Runtime writes: time stamp, message, value, unit, source, level, identifier.
    private static final int VALUE = 2;

    private static final int IDENTIFIER = 6;

    /// Whether the compiler makes estimates for `soc`. It is never asked to for another.
    public static boolean isOffered(Soc soc) {
        return OFFERED.contains(soc.id());
    }

    /// Activations that pass through DRAM because they do not fit, written and read.
    public long spilledBytes() {
        return intermediateFillBytes + intermediateSpillBytes;
    }

    /// The estimate in a profile written by ONNX Runtime, summed over the parts of the graph.
    ///
    /// @return empty where the profile holds none
    /// @throws NibbleException where a figure is missing or is no number
    static Optional<PerformanceEstimate> read(Path profile) {
        List<String> lines;
        try {
            lines = Files.readAllLines(profile);
        } catch (IOException e) {
            throw new NibbleException(
                    "the compiler's profile cannot be read: " + e.getMessage(),
                    "check that the temporary folder may be written and has room",
                    e);
        }
        Map<String, Double> figures = new HashMap<>();
        boolean within = false;
        for (String line : lines) {
            String[] columns = line.split(",", -1);
            if (columns.length <= IDENTIFIER) {
                continue;
            }
            String identifier = columns[IDENTIFIER];
            if (columns[IDENTIFIER - 1].equals("ROOT")) {
                within = identifier.equals(BLOCK);
            } else if (within) {
                try {
                    figures.merge(name(identifier), Double.parseDouble(columns[VALUE]), Double::sum);
                } catch (NumberFormatException e) {
                    throw malformed("'%s' is no number: %s".formatted(identifier, columns[VALUE]), e);
                }
            }
        }
        if (figures.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new PerformanceEstimate(
                figure(figures, TIME + ")"),
                figure(figures, TIME + " (lower estimate))"),
                figure(figures, TIME + " (upper estimate))"),
                (long) figure(figures, "Input Fill"),
                (long) figure(figures, "Intermediate Fill"),
                (long) figure(figures, "Intermediate Spill"),
                (long) figure(figures, "Output Spill"),
                (int) figure(figures, WITHOUT_COST)));
    }

    /// What stands in parentheses behind the name of the missing operators explains it.
    private static String name(String identifier) {
        return identifier.startsWith(WITHOUT_COST) ? WITHOUT_COST : identifier;
    }

    private static double figure(Map<String, Double> figures, String name) {
        Double value = figures.get(name);
        if (value == null) {
            throw malformed("it has no '" + name + "'", null);
        }
        return value;
    }

    private static NibbleException malformed(String why, @org.jspecify.annotations.Nullable Throwable cause) {
        String message = "the compiler's estimate cannot be read: " + why;
        String hint = "nibble htp install --accept-license --force gets the version that Nibble is made for";
        return cause == null ? new NibbleException(message, hint) : new NibbleException(message, hint, cause);
    }
}
