package dev.nibble.target;

import java.util.Collections;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The parameters that a cost model takes for a chip, all from one source.
///
/// @param from the target whose parameters stand in for those that are not given; nothing where none do
/// @param values by the names of the cost model, which are positive numbers
/// @param source what they were fitted to, or why those of another chip should do
public record Calibration(Optional<String> from, SortedMap<String, Double> values, Status status, String source) {
    public Calibration {
        values = Collections.unmodifiableSortedMap(new TreeMap<>(values));
    }
}
