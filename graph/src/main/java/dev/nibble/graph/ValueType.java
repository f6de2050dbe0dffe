package dev.nibble.graph;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The type of a value in a graph (`TypeProto`).
public sealed interface ValueType {
    /// A dense tensor.
    ///
    /// @param elementCode the element type's number; 0 where the file does not say
    /// @param dims null where the rank is unknown
    /// @param encoded the whole `TypeProto` as it stood in the file, where it says more than this record does
    ///     (such as denotations); written as it is
    record TensorType(
            int elementCode,
            @Nullable List<Dim> dims,
            @Nullable MemorySegment encoded) implements ValueType {
        public TensorType {
            dims = dims == null ? null : List.copyOf(dims);
        }

        public static TensorType of(DataType type, Shape shape) {
            List<Dim> dims = new ArrayList<>();
            for (long dim : shape.dims()) {
                dims.add(new Dim.Known(dim));
            }
            return new TensorType(type.code(), dims, null);
        }

        /// The element type, if the file says one that is known.
        public Optional<DataType> elementType() {
            return DataType.ofCode(elementCode);
        }

        /// The shape, if every dimension is known.
        ///
        /// @throws NibbleException where a dimension is negative or their product does not fit
        public Optional<Shape> shape() {
            if (dims == null) {
                return Optional.empty();
            }
            long[] sizes = new long[dims.size()];
            for (int i = 0; i < sizes.length; i++) {
                if (!(dims.get(i) instanceof Dim.Known(long size))) {
                    return Optional.empty();
                }
                sizes[i] = size;
            }
            try {
                return Optional.of(Shape.of(sizes));
            } catch (IllegalArgumentException e) {
                throw new NibbleException(
                        "a value is declared as " + this + ", which no tensor can have",
                        "the file is damaged; export it again",
                        e);
            }
        }

        /// `float[1×3×N×?]`.
        @Override
        public String toString() {
            String element = elementType().map(DataType::onnxName).orElse("type " + elementCode);
            return dims == null
                    ? element + "[unknown rank]"
                    : dims.stream().map(Dim::toString).collect(Collectors.joining("×", element + "[", "]"));
        }
    }

    /// A sequence of values of one type.
    record SequenceType(ValueType element, @Nullable MemorySegment encoded) implements ValueType {
        @Override
        public String toString() {
            return "sequence(" + element + ")";
        }
    }

    /// A value that may be missing.
    record OptionalType(ValueType element, @Nullable MemorySegment encoded) implements ValueType {
        @Override
        public String toString() {
            return "optional(" + element + ")";
        }
    }

    /// A map, sparse tensor or opaque type, carried as its encoded `TypeProto`.
    record CarriedType(MemorySegment encoded) implements ValueType {
        @Override
        public String toString() {
            return "another type";
        }
    }

    /// Nothing is said about the type.
    record Unstated() implements ValueType {
        @Override
        public String toString() {
            return "unstated";
        }
    }
}
