package dev.nibble.graph.io;

import dev.nibble.graph.Carried;
import dev.nibble.graph.Initializer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// Encodes one protobuf message. Large payloads are referred to, and copied or computed only when written out.
final class WireWriter {
    /// Payloads from this size on are referred to, not copied.
    private static final int COPY_BELOW = 4096;

    private final List<Payload> parts = new ArrayList<>();
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
        message.parts.forEach(this::payload);
    }

    /// Elements that are computed when the message is written out.
    void computed(int field, Initializer.Storage.Computed elements) {
        tag(field, WireReader.LENGTH);
        rawVarint(elements.length());
        payload(new Payload.Computed(elements));
    }

    void carried(Carried carried) {
        carried.fields().forEach(this::raw);
    }

    /// Writes the message out.
    void writeTo(WritableByteChannel channel) throws IOException {
        flush();
        for (Payload part : parts) {
            part.writeTo(channel);
        }
    }

    /// The message in one array.
    byte[] toBytes() {
        flush();
        byte[] all = new byte[Math.toIntExact(size)];
        MemorySegment into = MemorySegment.ofArray(all);
        long at = 0;
        for (Payload part : parts) {
            part.copyTo(into.asSlice(at, part.size()));
            at += part.size();
        }
        return all;
    }

    private void payload(Payload part) {
        switch (part) {
            case Payload.Bytes(MemorySegment data) -> raw(data);
            case Payload.Computed computed -> {
                flush();
                parts.add(computed);
                size += computed.size();
            }
        }
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
            parts.add(new Payload.Bytes(value));
        }
        size += value.byteSize();
    }

    private void flush() {
        if (small.size() > 0) {
            parts.add(new Payload.Bytes(MemorySegment.ofArray(small.toByteArray())));
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
