package dev.nibble.graph.io;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// Walks the fields of one encoded protobuf message over a memory segment, without copying
/// ([encoding](https://protobuf.dev/programming-guides/encoding/)).
///
/// ```java
/// while (wire.next()) {
///     switch (wire.field()) {
///         case 1 -> name = wire.string();
///         default -> carried.add(wire.whole());
///     }
/// }
/// ```
final class WireReader {
    static final int VARINT = 0;
    static final int FIXED64 = 1;
    static final int LENGTH = 2;
    static final int FIXED32 = 5;

    /// Messages inside messages: as many levels as protobuf's own parsers take.
    private static final int MAX_DEPTH = 100;

    private final MemorySegment data;
    private final int depth;
    private long position;
    private long start;
    private int field;
    private int wireType;
    private long number;
    private MemorySegment payload = MemorySegment.NULL;

    WireReader(MemorySegment data) {
        this(data, 0);
    }

    private WireReader(MemorySegment data, int depth) {
        if (depth > MAX_DEPTH) {
            throw new WireException("messages are nested more than " + MAX_DEPTH + " deep");
        }
        this.data = data;
        this.depth = depth;
    }

    /// Goes to the next field.
    ///
    /// @return false at the end of the message
    /// @throws WireException where the bytes are not a protobuf message
    boolean next() {
        if (position >= data.byteSize()) {
            return false;
        }
        start = position;
        long tag = readVarint();
        field = (int) (tag >>> 3);
        wireType = (int) (tag & 7);
        if (field <= 0 || tag >>> 32 != 0) {
            throw new WireException("byte " + start + " does not start a field");
        }
        switch (wireType) {
            case VARINT -> number = readVarint();
            case FIXED64 -> {
                need(8);
                number = data.get(Tensor.LONG_LE, position);
                position += 8;
            }
            case LENGTH -> {
                long length = readVarint();
                if (length < 0) {
                    throw new WireException("field " + field + " has a negative length");
                }
                need(length);
                payload = data.asSlice(position, length);
                position += length;
            }
            case FIXED32 -> {
                need(4);
                number = data.get(Tensor.INT_LE, position) & 0xFFFF_FFFFL;
                position += 4;
            }
            default -> throw new WireException("field " + field + " has wire type " + wireType);
        }
        return true;
    }

    int field() {
        return field;
    }

    int wireType() {
        return wireType;
    }

    /// The field just read, tag included.
    MemorySegment whole() {
        return data.asSlice(start, position - start);
    }

    /// The whole number of this field.
    long varint() {
        expect(VARINT);
        return number;
    }

    float fixedFloat() {
        expect(FIXED32);
        return Float.intBitsToFloat((int) number);
    }

    /// The bytes of this field, in place.
    MemorySegment bytes() {
        expect(LENGTH);
        return payload;
    }

    String string() {
        expect(LENGTH);
        if (payload.byteSize() > Integer.MAX_VALUE - 16) {
            throw new WireException("field " + field + " holds a text of " + payload.byteSize() + " bytes");
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(payload.toArray(JAVA_BYTE)))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new WireException("field " + field + " is not UTF-8 text");
        }
    }

    WireReader message() {
        expect(LENGTH);
        return new WireReader(payload, depth + 1);
    }

    /// One value of a repeated varint field, or all of them where they are packed.
    void varints(java.util.function.LongConsumer consumer) {
        if (wireType == LENGTH) {
            WireReader packed = new WireReader(payload, depth + 1);
            while (packed.position < packed.data.byteSize()) {
                consumer.accept(packed.readVarint());
            }
        } else {
            consumer.accept(varint());
        }
    }

    /// One value of a repeated float field, or all of them where they are packed.
    void floats(FloatConsumer consumer) {
        if (wireType == LENGTH) {
            if (payload.byteSize() % 4 != 0) {
                throw new WireException("field " + field + " is not a list of floats");
            }
            for (long at = 0; at < payload.byteSize(); at += 4) {
                consumer.accept(payload.get(Tensor.FLOAT_LE, at));
            }
        } else {
            consumer.accept(fixedFloat());
        }
    }

    /// Takes floats one by one; a detour over double would change the bits of a signalling NaN.
    interface FloatConsumer {
        void accept(float value);
    }

    private void expect(int type) {
        if (wireType != type) {
            throw new WireException("field " + field + " has wire type " + wireType + " in place of " + type);
        }
    }

    private void need(long bytes) {
        if (bytes > data.byteSize() - position) {
            throw new WireException(
                    "field %d needs %d bytes, but %d are left".formatted(field, bytes, data.byteSize() - position));
        }
    }

    private long readVarint() {
        long value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            if (position >= data.byteSize()) {
                throw new WireException("the data end inside a number");
            }
            byte b = data.get(JAVA_BYTE, position++);
            value |= shift < 64 ? (long) (b & 0x7F) << shift : 0;
            if (b >= 0) {
                return value;
            }
        }
        throw new WireException("a number is longer than ten bytes");
    }

    /// The bytes are not a protobuf message; [ModelReader] says in which file.
    static final class WireException extends RuntimeException {
        WireException(String message) {
            super(message);
        }
    }
}
