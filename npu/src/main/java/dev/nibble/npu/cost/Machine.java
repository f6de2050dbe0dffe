package dev.nibble.npu.cost;

import dev.nibble.graph.NibbleException;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/// The numbers of one chip that a cost model works with.
///
/// @param vtcmMb fast memory on the chip, in MB
/// @param memoryPeakGbs what the DRAM is built for; 0 where that is not known
public record Machine(String name, Map<Parameter, Double> values, double vtcmMb, double memoryPeakGbs) {
    public Machine {
        EnumMap<Parameter, Double> copy = new EnumMap<>(Parameter.class);
        for (Parameter parameter : Parameter.values()) {
            double value = values.getOrDefault(parameter, parameter.centre());
            if (!(value > 0) || Double.isInfinite(value)) {
                throw new NibbleException(
                        "%s of target '%s' is %s".formatted(parameter.key(), name, value), "give a positive number");
            }
            copy.put(parameter, value);
        }
        values = Collections.unmodifiableMap(copy);
    }

    public double get(Parameter parameter) {
        Double value = values.get(parameter);
        return value == null ? parameter.centre() : value;
    }

    public Machine with(Parameter parameter, double value) {
        EnumMap<Parameter, Double> changed = new EnumMap<>(values);
        changed.put(parameter, value);
        return new Machine(name, changed, vtcmMb, memoryPeakGbs);
    }
}
