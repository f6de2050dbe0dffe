package dev.nibble.graph;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The fields of a protobuf message that Nibble does not model, as they stood in the file: each segment holds
/// one field, tag included. They are written back unchanged, ahead of the modelled fields.
///
/// A modelled string that was written explicitly as empty is carried too, so that a round trip keeps the
/// difference between absent and empty.
public record Carried(List<MemorySegment> fields) {
    /// Nothing carried: what a value made by Nibble has.
    public static final Carried NONE = new Carried(List.of());

    public Carried {
        fields = List.copyOf(fields);
    }

    /// These fields and those of `other`.
    public Carried plus(Carried other) {
        List<MemorySegment> all = new ArrayList<>(fields);
        all.addAll(other.fields);
        return new Carried(all);
    }
}
