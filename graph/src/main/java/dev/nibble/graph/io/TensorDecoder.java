package dev.nibble.graph.io;

import dev.nibble.graph.Carried;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import dev.nibble.graph.io.WireReader.WireException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Stored tensors from their encoded form. Their elements stay where they lie.
final class TensorDecoder {
    private final ExternalData external;

    TensorDecoder(ExternalData external) {
        this.external = external;
    }

    Initializer tensor(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<Long> dims = new ArrayList<>();
        List<MemorySegment> strings = new ArrayList<>();
        Map<Integer, List<MemorySegment>> typed = new HashMap<>();
        Map<String, String> entries = new HashMap<>();
        List<MemorySegment> encodedEntries = new ArrayList<>();
        MemorySegment raw = null;
        String name = "";
        int type = 0;
        long location = 0;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> wire.varints(dims::add);
                case 2 -> type = (int) wire.varint();
                case 4, 5, 7, 10, 11 ->
                    typed.computeIfAbsent(wire.field(), field -> new ArrayList<>())
                            .add(packed(wire));
                case 6 -> strings.add(wire.bytes());
                case 8 -> name = OnnxDecoder.text(wire, carried);
                case 9 -> raw = wire.bytes();
                case 13 -> {
                    entry(wire.message(), entries);
                    encodedEntries.add(wire.whole());
                }
                case 14 -> {
                    location = wire.varint();
                    if (location != 1) {
                        carried.add(wire.whole());
                    }
                }
                default -> carried.add(wire.whole());
            }
        }
        Shape shape = shape(name, dims);
        Initializer.Storage storage;
        if (location == 1) {
            long expected =
                    DataType.ofCode(type).map(t -> t.bytes(shape.elements())).orElse(-1L);
            storage = external.resolve(name, entries, expected);
            if (storage instanceof Initializer.Storage.External(String file, long from, long length, var none)
                    && none == null) {
                // The data are not here: the reference goes on as it is, with whatever else it says.
                carried.addAll(encodedEntries);
            }
        } else if (raw != null) {
            storage = new Initializer.Storage.Raw(raw);
        } else if (!typed.isEmpty()) {
            if (typed.size() > 1) {
                throw new WireException("tensor '" + name + "' stores its elements twice");
            }
            Map.Entry<Integer, List<MemorySegment>> only =
                    typed.entrySet().iterator().next();
            storage = new Initializer.Storage.Typed(only.getKey(), joined(only.getValue()));
        } else if (!strings.isEmpty()) {
            storage = new Initializer.Storage.Strings(List.copyOf(strings));
        } else {
            storage = new Initializer.Storage.Absent();
        }
        return new Initializer(name, type, shape, storage, new Carried(carried));
    }

    private static Shape shape(String tensor, List<Long> dims) {
        try {
            return Shape.of(dims);
        } catch (IllegalArgumentException e) {
            throw new WireException("tensor '" + tensor + "': " + e.getMessage());
        }
    }

    /// A repeated number's payload: all of it where it is packed, else the one value in packed form.
    private static MemorySegment packed(WireReader wire) {
        if (wire.wireType() == WireReader.LENGTH) {
            return wire.bytes();
        }
        MemorySegment whole = wire.whole();
        int tagBytes = wire.field() < 16 ? 1 : 2;
        return whole.asSlice(tagBytes);
    }

    private static MemorySegment joined(List<MemorySegment> parts) {
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        long size = parts.stream().mapToLong(MemorySegment::byteSize).sum();
        MemorySegment all = Arena.ofAuto().allocate(Math.max(1, size));
        long at = 0;
        for (MemorySegment part : parts) {
            MemorySegment.copy(part, 0, all, at, part.byteSize());
            at += part.byteSize();
        }
        return all.asSlice(0, size).asReadOnly();
    }

    private static void entry(WireReader wire, Map<String, String> entries) {
        String key = "";
        String value = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> key = wire.string();
                case 2 -> value = wire.string();
                default -> {}
            }
        }
        entries.put(key, value);
    }
}
