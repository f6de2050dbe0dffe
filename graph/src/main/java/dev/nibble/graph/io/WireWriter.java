package dev.nibble.graph.io;

import dev.nibble.graph.Carried;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// Encodes one protobuf message. Large payloads are kept as segments and copied only when written out.
final class WireWriter {
    /// Payloads from this size on are referred to, not copied.
    private static final int COPY_BELOW = 4096;

    private final List<MemorySegment> parts = new ArrayList<>();
    private ByteArrayOutputStream small = new ByteArrayOutputStream();
    private long size;

    /// Bytes that the message takes so far.
    long size() {
        return size;
    }

    void varint(int field, long value) {
        tag(field, WireReader.VARINT);
        rawVarint(value);
    }

    void fixedFloat(int field, float value) {
        tag(field, WireReader.FIXED32);
        int bits = Float.floatToRawIntBits(value);
        for (int shift = 0; shift < 32; shift += 8) {
            small.write(bits >>> shift);
        }
        size += 4;
    }

    void string(int field, String value) {
        bytes(field, MemorySegment.ofArray(value.getBytes(StandardCharsets.UTF_8)));
    }

    /// As [#string], but nothing where `value` is empty.
    void text(int field, String value) {
        if (!value.isEmpty()) {
            string(field, value);
        }
    }

    void bytes(int field, MemorySegment value) {
        tag(field, WireReader.LENGTH);
        rawVarint(value.byteSize());
        raw(value);
    }

    void message(int field, WireWriter message) {
        tag(field, WireReader.LENGTH);
        rawVarint(message.size);
        message.flush();
        message.parts.forEach(this::raw);
    }

    void carried(Carried carried) {
        carried.fields().forEach(this::raw);
    }

    /// Writes the message out.
    void writeTo(WritableByteChannel channel) throws IOException {
        flush();
        for (MemorySegment part : parts) {
            copy(part, channel);
        }
    }

    /// Writes `data` out, in pieces: a buffer over a segment reaches 2 GiB at most.
    static void copy(MemorySegment data, WritableByteChannel channel) throws IOException {
        for (long at = 0; at < data.byteSize(); at += 1 << 26) {
            ByteBuffer buffer =
                    data.asSlice(at, Math.min(1 << 26, data.byteSize() - at)).asByteBuffer();
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        }
    }

    /// The message in one array.
    byte[] toBytes() {
        flush();
        byte[] all = new byte[Math.toIntExact(size)];
        int at = 0;
        for (MemorySegment part : parts) {
            MemorySegment.copy(part, ValueLayout.JAVA_BYTE, 0, all, at, (int) part.byteSize());
            at += (int) part.byteSize();
        }
        return all;
    }

    private void raw(MemorySegment value) {
        if (value.byteSize() < COPY_BELOW) {
            try {
                small.write(value.toArray(ValueLayout.JAVA_BYTE));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        } else {
            flush();
            parts.add(value);
        }
        size += value.byteSize();
    }

    private void flush() {
        if (small.size() > 0) {
            parts.add(MemorySegment.ofArray(small.toByteArray()));
            small = new ByteArrayOutputStream();
        }
    }

    private void tag(int field, int wireType) {
        rawVarint((long) field << 3 | wireType);
    }

    private void rawVarint(long value) {
        long left = value;
        while ((left & ~0x7FL) != 0) {
            small.write((int) (left & 0x7F | 0x80));
            left >>>= 7;
            size++;
        }
        small.write((int) left);
        size++;
    }
}
