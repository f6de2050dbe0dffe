package dev.nibble.graph.io;

import dev.nibble.graph.Carried;
import dev.nibble.graph.Dim;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Declared types from their encoded form. Where a type says more than [ValueType] holds, its encoded form is kept
/// beside it.
final class TypeDecoder {
    private TypeDecoder() {}

    static ValueInfo valueInfo(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        String name = "";
        ValueType type = new ValueType.Unstated();
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> name = OnnxDecoder.text(wire, carried);
                case 2 -> type = type(wire);
                default -> carried.add(wire.whole());
            }
        }
        return new ValueInfo(name, type, new Carried(carried));
    }

    private static ValueType type(WireReader parent) {
        WireReader wire = parent.message();
        ValueType type = null;
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> type = tensorType(wire.message(), parent.bytes());
                case 4 -> {
                    type = new ValueType.SequenceType(element(wire.message()), null);
                    saysMore |= !plain(wire.message());
                }
                case 9 -> {
                    type = new ValueType.OptionalType(element(wire.message()), null);
                    saysMore |= !plain(wire.message());
                }
                case 6 -> saysMore = true;
                default -> {
                    return new ValueType.CarriedType(parent.bytes());
                }
            }
        }
        MemorySegment encoded = saysMore ? parent.bytes() : null;
        return switch (type) {
            case null -> new ValueType.CarriedType(parent.bytes());
            case ValueType.TensorType(int element, List<Dim> dims, MemorySegment inner) ->
                new ValueType.TensorType(element, dims, encoded == null ? inner : encoded);
            case ValueType.SequenceType(ValueType element, MemorySegment inner) ->
                new ValueType.SequenceType(element, encoded);
            case ValueType.OptionalType(ValueType element, MemorySegment inner) ->
                new ValueType.OptionalType(element, encoded);
            case ValueType.CarriedType c -> c;
            case ValueType.Unstated u -> u;
        };
    }

    private static ValueType element(WireReader wire) {
        ValueType type = new ValueType.Unstated();
        while (wire.next()) {
            if (wire.field() == 1) {
                type = type(wire);
            }
        }
        return type;
    }

    /// Whether a sequence or optional type says nothing but its element type.
    private static boolean plain(WireReader wire) {
        boolean plain = true;
        while (wire.next()) {
            plain &= wire.field() == 1;
        }
        return plain;
    }

    private static ValueType.TensorType tensorType(WireReader wire, MemorySegment whole) {
        List<Dim> dims = null;
        int element = 0;
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> element = (int) wire.varint();
                case 2 -> {
                    dims = dims == null ? new ArrayList<>() : dims;
                    WireReader shape = wire.message();
                    while (shape.next()) {
                        if (shape.field() == 1) {
                            saysMore |= dim(shape.message(), dims);
                        } else {
                            saysMore = true;
                        }
                    }
                }
                default -> saysMore = true;
            }
        }
        return new ValueType.TensorType(element, dims, saysMore ? whole : null);
    }

    /// Adds a dimension to `dims`.
    ///
    /// @return whether the file says more of it than a [Dim] does
    private static boolean dim(WireReader wire, List<Dim> dims) {
        Dim dim = new Dim.Unknown();
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> {
                    long size = wire.varint();
                    // Exporters write −1 for "not known".
                    dim = size < 0 ? new Dim.Unknown() : new Dim.Known(size);
                    saysMore |= size < 0;
                }
                case 2 -> dim = new Dim.Symbol(wire.string());
                default -> saysMore = true;
            }
        }
        dims.add(dim);
        return saysMore;
    }
}
