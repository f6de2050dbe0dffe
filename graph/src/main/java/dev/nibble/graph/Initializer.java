package dev.nibble.graph;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A constant tensor as a model stores it (`TensorProto`): a graph's weight, or the tensor of an attribute.
///
/// @param typeCode the element type's number, known or not
/// @param storage where the elements are; they are looked at in place
public record Initializer(String name, int typeCode, Shape shape, Storage storage, Carried carried) {
    /// A weight made by Nibble, stored as raw data.
    public static Initializer of(String name, Tensor tensor) {
        return new Initializer(
                name, tensor.type().code(), tensor.shape(), new Storage.Raw(tensor.data()), Carried.NONE);
    }

    /// Where the elements of a stored tensor are.
    public sealed interface Storage {
        /// `raw_data`: packed little-endian.
        record Raw(MemorySegment data) implements Storage {}

        /// One of the typed fields (`float_data` 4, `int32_data` 5, `int64_data` 7, `double_data` 10,
        /// `uint64_data` 11), as protobuf packs it.
        record Typed(int field, MemorySegment packed) implements Storage {}

        /// `string_data`.
        record Strings(List<MemorySegment> values) implements Storage {}

        /// Another file.
        ///
        /// @param location the file's name relative to the model
        /// @param data the bytes, mapped; null where the file is not there and the reader was told to go on
        record External(
                String location,
                long offset,
                long length,
                @Nullable MemorySegment data) implements Storage {}

        /// Elements that are computed piece by piece when they are wanted, and kept nowhere: how a model larger than
        /// memory is written.
        ///
        /// @param length bytes of all elements
        record Computed(long length, Source source) implements Storage {}

        /// No data at all: a graph whose weights were stripped.
        record Absent() implements Storage {}
    }

    /// Where computed elements come from.
    @FunctionalInterface
    public interface Source {
        /// Puts the packed bytes from byte `from` on into `piece`, as many as it holds. Pieces start at multiples of
        /// [Sweep#PIECE] and are asked for in any order, each time with the same result.
        void fill(long from, MemorySegment piece);
    }

    /// A weight whose elements are computed when they are wanted.
    public static Initializer computed(String name, DataType type, Shape shape, Source source) {
        return new Initializer(
                name, type.code(), shape, new Storage.Computed(type.bytes(shape.elements()), source), Carried.NONE);
    }

    /// Whether the elements can be had.
    public boolean hasData() {
        return switch (storage) {
            case Storage.Raw r -> true;
            case Storage.Typed t -> true;
            case Storage.Strings s -> true;
            case Storage.Computed c -> true;
            case Storage.External e -> e.data() != null;
            case Storage.Absent a -> shape.elements() == 0;
        };
    }

    /// The element type.
    ///
    /// @throws NibbleException where the code is not known
    public DataType type() {
        return DataType.ofCode(typeCode)
                .orElseThrow(() -> new NibbleException(
                        "tensor '" + name + "' has element type " + typeCode + ", which is not known",
                        "the file is newer than this version of Nibble, or damaged"));
    }

    /// Bytes the elements take when packed; 0 for strings and unknown types.
    public long packedBytes() {
        return DataType.ofCode(typeCode).map(t -> t.bytes(shape.elements())).orElse(0L);
    }

    /// The elements, in place where they are stored packed.
    ///
    /// @throws NibbleException where there are no data, the type is unknown or STRING, or the length does not fit
    public Tensor tensor() {
        DataType type = type();
        if (type == DataType.STRING) {
            throw new NibbleException("tensor '" + name + "' holds strings", "strings cannot be computed with");
        }
        MemorySegment data = switch (storage) {
            case Storage.Raw(MemorySegment raw) -> raw;
            case Storage.Typed(int field, MemorySegment packed)
            when field != typedField(type) ->
                throw new NibbleException(
                        "tensor '%s' is of type %s, but stored in field %d".formatted(name, type.onnxName(), field),
                        "the file is damaged; export it again");
            case Storage.Typed(int field, MemorySegment packed) ->
                field == 4 || field == 10 ? packed : unpack(type, packed);
            case Storage.Computed(long length, Source source) -> filled(length, source);
            case Storage.External e when e.data() != null -> e.data();
            case Storage.External e ->
                throw new NibbleException(
                        "tensor '%s': its data file '%s' is missing".formatted(name, e.location()),
                        "put the file beside the model");
            case Storage.Absent a when shape.elements() == 0 -> MemorySegment.NULL;
            case Storage.Absent a ->
                throw new NibbleException(
                        "tensor '" + name + "' has no data: the weights were stripped from this model",
                        "use the model with its weights");
            case Storage.Strings s ->
                throw new NibbleException(
                        "tensor '%s' is of type %s, but stored as strings".formatted(name, type.onnxName()),
                        "the file is damaged; export it again");
        };
        long expected = type.bytes(shape.elements());
        if (data.byteSize() != expected) {
            throw new NibbleException(
                    "tensor '%s' (%s %s) takes %d bytes, but the file holds %d"
                            .formatted(name, type.onnxName(), shape, expected, data.byteSize()),
                    "the file is damaged or was cut short; export or copy it again");
        }
        return new Tensor(type, shape, data);
    }

    /// The field of `TensorProto` that holds the elements of `type` where they are not raw.
    private static int typedField(DataType type) {
        return switch (type) {
            case FLOAT, COMPLEX64 -> 4;
            case UINT8,
                    INT8,
                    UINT16,
                    INT16,
                    INT32,
                    BOOL,
                    FLOAT16,
                    BFLOAT16,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> 5;
            case STRING -> 6;
            case INT64 -> 7;
            case DOUBLE, COMPLEX128 -> 10;
            case UINT32, UINT64 -> 11;
        };
    }

    private static MemorySegment filled(long length, Source source) {
        MemorySegment all = ScratchMemory.allocate(length);
        try (Sweep sweep = new Sweep(all)) {
            for (long at = 0; at < length; at += Sweep.PIECE) {
                source.fill(at, all.asSlice(at, Math.min(Sweep.PIECE, length - at)));
                sweep.passed(at);
            }
        }
        return all.asReadOnly();
    }

    public Initializer withName(String other) {
        return new Initializer(other, typeCode, shape, storage, carried);
    }

    /// Protobuf's varints as the packed layout of `type`; integers narrower than their field are cut to width.
    private MemorySegment unpack(DataType type, MemorySegment packed) {
        long bytes = type.bytes(shape.elements());
        int width = Math.max(1, type.bits() / 8);
        // Each varint takes at least a byte, so this bounds the allocation by the file's own size.
        if (bytes / width > packed.byteSize()) {
            throw new NibbleException(
                    "tensor '%s' (%s %s) has too few values".formatted(name, type.onnxName(), shape),
                    "the file is damaged; export it again");
        }
        MemorySegment out = Arena.ofAuto().allocate(Math.max(1, bytes), 8);
        long at = 0;
        long position = 0;
        while (position < packed.byteSize()) {
            long value = 0;
            int shift = 0;
            byte b;
            do {
                if (position >= packed.byteSize() || shift > 63) {
                    throw new NibbleException(
                            "tensor '" + name + "' has a damaged number", "the file is damaged; export it again");
                }
                b = packed.get(ValueLayout.JAVA_BYTE, position++);
                value |= (long) (b & 0x7F) << shift;
                shift += 7;
            } while (b < 0);
            if (at + width > bytes) {
                throw new NibbleException(
                        "tensor '%s' (%s %s) has too many values".formatted(name, type.onnxName(), shape),
                        "the file is damaged; export it again");
            }
            switch (width) {
                case 1 -> out.set(ValueLayout.JAVA_BYTE, at, (byte) value);
                case 2 -> out.set(Tensor.SHORT_LE, at, (short) value);
                case 4 -> out.set(Tensor.INT_LE, at, (int) value);
                default -> out.set(Tensor.LONG_LE, at, value);
            }
            at += width;
        }
        return out.asSlice(0, at).asReadOnly();
    }
}
