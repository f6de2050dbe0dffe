package dev.nibble.data;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/// The entries of a mapped zip file, ZIP64 included: stored ones can be looked at where they lie, which
/// `java.util.zip` does not offer. Only the central directory is believed. Format: APPNOTE.TXT 6.3.
///
/// @param entries files in the directory's order, without folders
record ZipIndex(MemorySegment file, String where, List<Entry> entries) {
    /// No deflated stream grows by more than this (RFC 1951: 258 bytes from 2 bits).
    private static final long STEEPEST_RATIO = 1032;

    private static final int CHUNK = 1 << 28;

    /// @param method 0 stored, 8 deflated
    record Entry(String name, int flags, int method, long crc, long compressed, long size, long header) {}

    /// @throws NibbleException where the directory is damaged
    static ZipIndex parse(MemorySegment file, String where) {
        try {
            return new ZipIndex(file, where, directory(file, where));
        } catch (IndexOutOfBoundsException e) {
            // Every offset and length in the directory may lie; the segment checks each access.
            throw damaged(where, "its directory points outside the file");
        }
    }

    /// The bytes of an entry: a slice of the file where it is stored.
    MemorySegment stored(Entry entry) {
        require(entry, 0);
        if (entry.compressed != entry.size) {
            throw damaged(where, "'%s' has two sizes".formatted(entry.name));
        }
        return raw(entry);
    }

    /// Unpacks a deflated entry into `out`, whose size must be the entry's.
    void inflate(Entry entry, MemorySegment out) {
        require(entry, 8);
        MemorySegment in = raw(entry);
        Inflater inflater = new Inflater(true);
        try {
            long read = 0;
            long written = 0;
            while (!inflater.finished()) {
                if (inflater.needsInput() && read < in.byteSize()) {
                    long length = Math.min(CHUNK, in.byteSize() - read);
                    inflater.setInput(in.asSlice(read, length).asByteBuffer());
                    read += length;
                }
                long room = Math.min(CHUNK, out.byteSize() - written);
                int count = inflater.inflate(out.asSlice(written, room).asByteBuffer());
                written += count;
                if (count == 0 && !inflater.finished()) {
                    throw damaged(
                            where, "'%s' does not unpack to the %d bytes it claims".formatted(entry.name, entry.size));
                }
            }
            if (written != entry.size) {
                throw damaged(
                        where,
                        "'%s' unpacks to %d bytes, not the %d it claims".formatted(entry.name, written, entry.size));
            }
        } catch (DataFormatException e) {
            throw damaged(where, "'%s' does not unpack".formatted(entry.name));
        } finally {
            inflater.end();
        }
    }

    /// The bytes of an entry, copied to the heap, checksum compared.
    ///
    /// @param limit bytes it may have
    byte[] read(Entry entry, long limit) {
        if (entry.size > Math.min(limit, Integer.MAX_VALUE - 16)) {
            throw new NibbleException(
                    "'%s' in %s claims %d bytes, more than the %d allowed"
                            .formatted(entry.name, where, entry.size, limit),
                    "check that it is the file you mean");
        }
        byte[] bytes;
        if (entry.method == 0) {
            bytes = stored(entry).toArray(JAVA_BYTE);
        } else {
            claim(entry);
            bytes = new byte[(int) entry.size];
            inflate(entry, MemorySegment.ofArray(bytes));
        }
        CRC32 crc = new CRC32();
        crc.update(bytes);
        if (crc.getValue() != entry.crc) {
            throw damaged(where, "the checksum of '%s' does not match".formatted(entry.name));
        }
        return bytes;
    }

    /// Refuses a size that no deflated stream of this length can have, before memory is set aside for it.
    void claim(Entry entry) {
        require(entry, 8);
        if (entry.size / STEEPEST_RATIO > entry.compressed + 64) {
            throw damaged(
                    where,
                    "'%s' claims to unpack from %d to %d bytes".formatted(entry.name, entry.compressed, entry.size));
        }
    }

    private void require(Entry entry, int method) {
        if ((entry.flags & 1) != 0) {
            throw new NibbleException(
                    "'%s' in %s is encrypted".formatted(entry.name, where), "pack the files without a password");
        }
        if (entry.method != method) {
            throw new NibbleException(
                    "'%s' in %s is packed by method %d".formatted(entry.name, where, entry.method),
                    "pack the files stored or deflated");
        }
    }

    private MemorySegment raw(Entry entry) {
        try {
            if (file.get(Tensor.INT_LE, entry.header) != 0x04034b50) {
                throw damaged(where, "'%s' is not where the directory says".formatted(entry.name));
            }
            long start = entry.header + 30 + u16(file, entry.header + 26) + u16(file, entry.header + 28);
            return file.asSlice(start, entry.compressed);
        } catch (IndexOutOfBoundsException e) {
            throw damaged(where, "'%s' lies outside the file".formatted(entry.name));
        }
    }

    private static List<Entry> directory(MemorySegment file, String where) {
        long end = endRecord(file, where);
        long count = u16(file, end + 10);
        long size = u32(file, end + 12);
        long start = u32(file, end + 16);
        if (count == 0xFFFF || size == 0xFFFF_FFFFL || start == 0xFFFF_FFFFL) {
            if (end < 20 || file.get(Tensor.INT_LE, end - 20) != 0x07064b50) {
                throw damaged(where, "its ZIP64 directory is missing");
            }
            long wide = file.get(Tensor.LONG_LE, end - 12);
            if (wide < 0 || file.get(Tensor.INT_LE, wide) != 0x06064b50) {
                throw damaged(where, "its ZIP64 directory is not where it says");
            }
            count = file.get(Tensor.LONG_LE, wide + 32);
            size = file.get(Tensor.LONG_LE, wide + 40);
            start = file.get(Tensor.LONG_LE, wide + 48);
        }
        MemorySegment all = file.asSlice(start, size);
        List<Entry> entries = new ArrayList<>();
        long at = 0;
        for (long i = 0; i < count; i++) {
            if (all.get(Tensor.INT_LE, at) != 0x02014b50) {
                throw damaged(where, "entry %d of its directory is broken".formatted(i));
            }
            Entry entry = entry(all, at, where);
            at += 46 + u16(all, at + 28) + u16(all, at + 30) + u16(all, at + 32);
            if (!entry.name.endsWith("/")) {
                entries.add(entry);
            }
        }
        return List.copyOf(entries);
    }

    private static Entry entry(MemorySegment all, long at, String where) {
        int nameLength = u16(all, at + 28);
        long compressed = u32(all, at + 20);
        long size = u32(all, at + 24);
        long header = u32(all, at + 42);
        String name = new String(all.asSlice(at + 46, nameLength).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
        MemorySegment extra = all.asSlice(at + 46 + nameLength, u16(all, at + 30));
        for (long field = 0; field + 4 <= extra.byteSize(); field += 4 + u16(extra, field + 2)) {
            if (u16(extra, field) == 1) {
                long value = field + 4;
                if (size == 0xFFFF_FFFFL) {
                    size = extra.get(Tensor.LONG_LE, value);
                    value += 8;
                }
                if (compressed == 0xFFFF_FFFFL) {
                    compressed = extra.get(Tensor.LONG_LE, value);
                    value += 8;
                }
                if (header == 0xFFFF_FFFFL) {
                    header = extra.get(Tensor.LONG_LE, value);
                }
            }
        }
        if (size < 0 || compressed < 0 || header < 0) {
            throw damaged(where, "the sizes of '%s' overflow".formatted(name));
        }
        return new Entry(name, u16(all, at + 8), u16(all, at + 10), u32(all, at + 16), compressed, size, header);
    }

    private static long endRecord(MemorySegment file, String where) {
        for (long at = file.byteSize() - 22; at >= 0 && at >= file.byteSize() - 22 - 0xFFFF; at--) {
            if (file.get(Tensor.INT_LE, at) == 0x06054b50) {
                return at;
            }
        }
        throw damaged(where, "it has no directory at its end");
    }

    private static int u16(MemorySegment segment, long at) {
        return segment.get(Tensor.SHORT_LE, at) & 0xFFFF;
    }

    private static long u32(MemorySegment segment, long at) {
        return segment.get(Tensor.INT_LE, at) & 0xFFFF_FFFFL;
    }

    private static NibbleException damaged(String where, String what) {
        return new NibbleException(where + " is not a readable zip file: " + what, "copy or pack it again");
    }
}
