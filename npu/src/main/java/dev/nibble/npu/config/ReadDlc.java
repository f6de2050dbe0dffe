package dev.nibble.npu.config;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/// The names of the graphs in a DLC, as QAIRT 2.51 writes it: an archive whose entry `model` is a FlatBuffer behind a
/// head of 8 bytes. Its root holds the list of graphs first, and a graph its name first.
public final class ReadDlc {
    private static final int HEAD = 8;
    private static final int LOCAL_HEAD = 30;
    private static final int LOCAL_SIGNATURE = 0x04034B50;
    private static final long MOST_BYTES = 1L << 30;
    private static final int MOST_GRAPHS = 1024;
    private static final int MOST_NAME = 1 << 16;
    private static final String IDENTIFIER = "NETD";

    private final ByteBuffer data;

    private ReadDlc(byte[] model) {
        data = ByteBuffer.wrap(model).slice(HEAD, model.length - HEAD).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// @throws NibbleException where `file` is no DLC of this form
    public static List<String> graphNames(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            byte[] bytes = model(channel);
            if (bytes.length < HEAD + 8
                    || !new String(bytes, HEAD + 4, 4, StandardCharsets.US_ASCII).equals(IDENTIFIER)) {
                throw unreadable(file, "it has no part 'model' of the form that is known", null);
            }
            return new ReadDlc(bytes).names();
        } catch (IOException | IndexOutOfBoundsException | BufferUnderflowException e) {
            throw unreadable(file, String.valueOf(e.getMessage()), e);
        }
    }

    /// The archive's entry `model`; empty where there is none. Java's own reader refuses the padding that QAIRT puts
    /// between entries, so the local heads are walked here; entries are stored, not compressed.
    private static byte[] model(FileChannel channel) throws IOException {
        long at = 0;
        while (at + LOCAL_HEAD <= channel.size()) {
            ByteBuffer head = read(channel, at, LOCAL_HEAD);
            if (head.getInt(0) != LOCAL_SIGNATURE) {
                return new byte[0];
            }
            int method = head.getShort(8);
            long size = head.getInt(18) & 0xFFFFFFFFL;
            int nameLength = head.getShort(26) & 0xFFFF;
            int extraLength = head.getShort(28) & 0xFFFF;
            ByteBuffer name = read(channel, at + LOCAL_HEAD, nameLength);
            if (size == 0xFFFFFFFFL) {
                // The extra field of 64-bit archives: number 1, length, size, stored size.
                size = read(channel, at + LOCAL_HEAD + nameLength, extraLength).getLong(12);
            }
            long data = at + LOCAL_HEAD + nameLength + extraLength;
            if (size < 0 || size > channel.size() - data) {
                throw new IOException("it was cut short");
            }
            if (new String(name.array(), StandardCharsets.UTF_8).equals("model")) {
                return method == 0 && size <= MOST_BYTES
                        ? read(channel, data, (int) size).array()
                        : new byte[0];
            }
            at = data + size;
        }
        return new byte[0];
    }

    private static ByteBuffer read(FileChannel channel, long at, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new IOException("it was cut short");
            }
        }
        return buffer;
    }

    private static NibbleException unreadable(
            Path file, String why, @org.jspecify.annotations.Nullable Exception cause) {
        String message = "'%s' is no DLC that can be read: %s".formatted(file, why);
        String hint = "give the ONNX model, or the graph's name: --graph NAME (qairt-dlc-info shows it)";
        return cause == null ? new NibbleException(message, hint) : new NibbleException(message, hint, cause);
    }

    private List<String> names() {
        int root = data.getInt(0);
        int graphs = pointed(field(root, 0));
        int count = data.getInt(graphs);
        if (count < 1 || count > MOST_GRAPHS) {
            throw new IndexOutOfBoundsException("it lists " + count + " graphs");
        }
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int name = pointed(field(pointed(graphs + 4 + 4 * i), 0));
            int length = data.getInt(name);
            if (length < 0 || length > MOST_NAME) {
                throw new IndexOutOfBoundsException("a graph's name has " + length + " bytes");
            }
            byte[] text = new byte[length];
            data.get(name + 4, text);
            names.add(new String(text, StandardCharsets.UTF_8));
        }
        return names;
    }

    private int pointed(int at) {
        return at + data.getInt(at);
    }

    /// Where the value of field `index` of a table stands.
    private int field(int table, int index) {
        int vtable = table - data.getInt(table);
        int size = data.getShort(vtable) & 0xFFFF;
        int at = 4 + 2 * index;
        int offset = at + 2 <= size ? data.getShort(vtable + at) & 0xFFFF : 0;
        if (offset == 0) {
            throw new IndexOutOfBoundsException("a table lacks field " + index);
        }
        return table + offset;
    }
}
