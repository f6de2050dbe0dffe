package dev.nibble.npu.profile.read;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// The lines of a file, one at a time: nothing is kept but one buffer. Endings are `\n` or `\r\n`; what is not UTF-8
/// becomes the replacement character. A line beyond [#LONGEST] bytes is cut there.
public final class Lines implements Closeable {
    /// In bytes.
    public static final int LONGEST = 1 << 20;

    private final InputStream in;
    private byte[] buffer = new byte[1 << 16];
    private int at;
    private int end;
    private long number;
    private boolean cut;
    private boolean terminated = true;
    private boolean over;

    /// Takes over `in`.
    public Lines(InputStream in) {
        this.in = in;
    }

    /// The next line without its end; null after the last.
    public @Nullable String next() throws IOException {
        cut = false;
        int scanned = 0;
        while (true) {
            for (int i = at + scanned; i < end; i++) {
                if (buffer[i] == '\n') {
                    String line = text(at, i);
                    at = i + 1;
                    number++;
                    return line;
                }
            }
            scanned = end - at;
            if (scanned >= LONGEST) {
                return overlong();
            }
            if (!fill()) {
                if (at == end) {
                    return null;
                }
                terminated = false;
                String line = text(at, end);
                at = end;
                number++;
                return line;
            }
        }
    }

    /// The number of the line that was read last, from 1.
    public long number() {
        return number;
    }

    /// Whether the line that was read last lost its end for being too long.
    public boolean cut() {
        return cut;
    }

    /// Whether the last line of the file had its end.
    public boolean terminated() {
        return terminated;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    private String overlong() throws IOException {
        String line = text(at, at + LONGEST);
        cut = true;
        at += LONGEST;
        while (true) {
            while (at < end) {
                if (buffer[at++] == '\n') {
                    number++;
                    return line;
                }
            }
            if (!fill()) {
                number++;
                return line;
            }
        }
    }

    private boolean fill() throws IOException {
        if (over) {
            return false;
        }
        if (at > 0) {
            System.arraycopy(buffer, at, buffer, 0, end - at);
            end -= at;
            at = 0;
        }
        if (end == buffer.length) {
            buffer = java.util.Arrays.copyOf(buffer, 2 * buffer.length);
        }
        int read = in.read(buffer, end, buffer.length - end);
        if (read < 0) {
            over = true;
            return false;
        }
        end += read;
        return true;
    }

    private String text(int from, int to) {
        int last = to > from && buffer[to - 1] == '\r' ? to - 1 : to;
        for (int i = from; i < last; i++) {
            if (buffer[i] < 0) {
                return new String(buffer, from, last - from, StandardCharsets.UTF_8);
            }
        }
        return new String(buffer, from, last - from, StandardCharsets.ISO_8859_1);
    }
}
