package dev.nibble.htp.child;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What parent and child say to each other over the socket: messages, each its length in bytes and so many bytes, read
/// whole before any of it is acted on, so that a failure leaves nothing unread. Every number is big-endian; a text is
/// its length in bytes and UTF-8; tensors lie in files beside the socket, and only where they lie is told.
public final class Wire {
    /// The first number that the child sends: the protocol and its version.
    public static final int GREETING = 0x4e48_0003;

    /// Request: load a model in place of the one before; its file, the plugin, options of the plugin and of the session.
    public static final int OPEN = 1;

    /// Request: run the model; where its inputs lie in the file [#INPUTS].
    public static final int RUN = 2;

    /// Request: end.
    public static final int CLOSE = 3;

    /// Reply: it is done; after [#RUN], nanoseconds that the library took (a long), and where the outputs lie in the
    /// file [#OUTPUTS].
    public static final int DONE = 0;

    /// Reply: it could not be done, and why; the child lives on.
    public static final int FAILED = 1;

    /// The file with a run's inputs, written by the parent.
    public static final String INPUTS = "in";

    /// The file with a run's outputs, written by the child.
    public static final String OUTPUTS = "out";

    /// Where a tensor starts in its file is a multiple of this.
    public static final int ALIGNMENT = 64;

    /// More than any text or list here has; a larger number means that the stream is out of step.
    private static final int LIMIT = 16_000_000;

    private Wire() {}

    /// Where a tensor lies in a file.
    ///
    /// @param type ONNX's number of the element type
    /// @param offset in the file, bytes
    public record Place(String name, int type, List<Long> dims, long offset, long bytes) {
        public Place {
            dims = List.copyOf(dims);
        }
    }

    /// Writes the content of one message.
    public interface Content {
        void write(DataOutputStream out) throws IOException;
    }

    public static void send(DataOutputStream out, Content content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        content.write(new DataOutputStream(bytes));
        out.writeInt(bytes.size());
        bytes.writeTo(out);
        out.flush();
    }

    /// The next message.
    ///
    /// @throws java.io.EOFException at the end of the stream
    public static DataInputStream receive(DataInputStream in) throws IOException {
        byte[] bytes = new byte[length(in)];
        in.readFully(bytes);
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }

    /// The next place at or after `offset` where a tensor may start.
    public static long aligned(long offset) {
        return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    public static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    public static String readText(DataInputStream in) throws IOException {
        return new String(in.readNBytes(length(in)), StandardCharsets.UTF_8);
    }

    public static void writeMap(DataOutputStream out, Map<String, String> map) throws IOException {
        out.writeInt(map.size());
        for (Map.Entry<String, String> entry : map.entrySet()) {
            writeText(out, entry.getKey());
            writeText(out, entry.getValue());
        }
    }

    public static Map<String, String> readMap(DataInputStream in) throws IOException {
        Map<String, String> map = new LinkedHashMap<>();
        for (int n = length(in); n > 0; n--) {
            String key = readText(in);
            map.put(key, readText(in));
        }
        return map;
    }

    public static void writePlaces(DataOutputStream out, List<Place> places) throws IOException {
        out.writeInt(places.size());
        for (Place place : places) {
            writeText(out, place.name());
            out.writeInt(place.type());
            out.writeInt(place.dims().size());
            for (long dim : place.dims()) {
                out.writeLong(dim);
            }
            out.writeLong(place.offset());
            out.writeLong(place.bytes());
        }
    }

    public static List<Place> readPlaces(DataInputStream in) throws IOException {
        List<Place> places = new ArrayList<>();
        for (int n = length(in); n > 0; n--) {
            String name = readText(in);
            int type = in.readInt();
            List<Long> dims = new ArrayList<>();
            for (int d = length(in); d > 0; d--) {
                dims.add(in.readLong());
            }
            places.add(new Place(name, type, dims, in.readLong(), in.readLong()));
        }
        return places;
    }

    private static int length(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > LIMIT) {
            throw new IOException("the stream is out of step: a length of " + length);
        }
        return length;
    }
}
