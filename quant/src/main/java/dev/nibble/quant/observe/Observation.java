package dev.nibble.quant.observe;

import dev.nibble.graph.NibbleException;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Optional;

/// What an observer saw of one tensor over some samples. Two observations merge; the order does not matter.
///
/// @param histogram the finite values; a tensor with NaN or infinity in it is left out
/// @param nonFinite the first sample with NaN or infinity in it, if any
public record Observation(Histogram histogram, Optional<NonFinite> nonFinite) {
    /// Nothing was seen.
    public static final Observation NONE = new Observation(Histogram.EMPTY, Optional.empty());

    /// Where a value was NaN or infinite.
    ///
    /// @param sample index of the sample in the data
    /// @param element index of the value in that sample's part of the tensor, row-major
    /// @param value the value
    public record NonFinite(long sample, long element, float value) {}

    /// Writes what was seen, for [#read].
    public void write(DataOutput out) throws IOException {
        histogram.write(out);
        out.writeBoolean(nonFinite.isPresent());
        if (nonFinite.isPresent()) {
            out.writeLong(nonFinite.get().sample);
            out.writeLong(nonFinite.get().element);
            out.writeFloat(nonFinite.get().value);
        }
    }

    /// What [#write] wrote.
    public static Observation read(DataInput in) throws IOException {
        Histogram histogram = Histogram.read(in);
        return new Observation(
                histogram,
                in.readBoolean()
                        ? Optional.of(new NonFinite(in.readLong(), in.readLong(), in.readFloat()))
                        : Optional.empty());
    }

    /// What was seen by either.
    public Observation merge(Observation other) {
        Optional<NonFinite> first = nonFinite.isEmpty()
                        || other.nonFinite.isPresent() && other.nonFinite.get().sample < nonFinite.get().sample
                ? other.nonFinite
                : nonFinite;
        return new Observation(histogram.merge(other.histogram), first);
    }

    /// The histogram, if every value was finite.
    ///
    /// @param tensor the tensor's name, for the error
    /// @throws NibbleException where a value was NaN or infinite; names the tensor and the first such sample
    public Histogram requireFinite(String tensor) {
        nonFinite.ifPresent(where -> {
            throw new NibbleException(
                    "tensor '%s': sample %d has %s at element %d"
                            .formatted(tensor, where.sample, where.value, where.element),
                    "check that sample and its preprocessing; a float model that overflows cannot be calibrated on it");
        });
        return histogram;
    }
}
