package dev.nibble.npu.config;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// The least that a DLC consists of: an archive of stored entries, of which `model` holds the names of the graphs.
final class DlcFile {
    private DlcFile() {}

    static byte[] of(String... graphs) {
        return archive("dlc.metadata", "version=2.51".getBytes(StandardCharsets.UTF_8), "model", model(graphs));
    }

    /// An archive of two entries, the first with a padded head as QAIRT pads it.
    static byte[] archive(String first, byte[] one, String second, byte[] two) {
        ByteBuffer file = ByteBuffer.allocate(200 + one.length + two.length).order(ByteOrder.LITTLE_ENDIAN);
        entry(file, first, one, 13);
        entry(file, second, two, 0);
        return taken(file);
    }

    private static void entry(ByteBuffer file, String name, byte[] data, int padding) {
        file.putInt(0x04034B50).putShort((short) 20).putShort((short) 0).putShort((short) 0);
        file.putInt(0).putInt(0).putInt(data.length).putInt(data.length);
        file.putShort((short) name.length()).putShort((short) padding);
        file.put(name.getBytes(StandardCharsets.US_ASCII))
                .put(new byte[padding])
                .put(data);
    }

    /// A head of 8 bytes, then a FlatBuffer: root → list of tables → name.
    static byte[] model(String... graphs) {
        ByteBuffer data = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
        data.putInt(16).put("NETD".getBytes(StandardCharsets.US_ASCII));
        table(data);
        data.putInt(4); // the list stands right behind
        int list = data.position();
        data.putInt(graphs.length).position(list + 4 + 4 * graphs.length);
        for (int i = 0; i < graphs.length; i++) {
            int entry = list + 4 + 4 * i;
            int table = table(data);
            data.putInt(entry, table - entry);
            data.putInt(4); // the text stands right behind
            byte[] text = graphs[i].getBytes(StandardCharsets.UTF_8);
            data.putInt(text.length).put(text).put((byte) 0);
            while (data.position() % 4 != 0) {
                data.put((byte) 0);
            }
        }
        byte[] flat = taken(data);
        return ByteBuffer.allocate(8 + flat.length).putLong(1).put(flat).array();
    }

    /// A description of a table of one field, then the table up to that field; returns where the table starts.
    private static int table(ByteBuffer data) {
        int description = data.position();
        data.putShort((short) 6).putShort((short) 8).putShort((short) 4).putShort((short) 0);
        int table = data.position();
        data.putInt(table - description);
        return table;
    }

    private static byte[] taken(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.position()];
        buffer.get(0, bytes);
        return bytes;
    }
}
