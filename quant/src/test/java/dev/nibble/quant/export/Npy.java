package dev.nibble.quant.export;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Just enough of NumPy's format for the tests: the bytes behind the header.
public final class Npy {
    private Npy() {}

    public static byte[] bytes(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        int header = (all[8] & 0xFF) | (all[9] & 0xFF) << 8;
        if (!new String(all, 1, 5, StandardCharsets.US_ASCII).equals("NUMPY")) {
            throw new IOException(file + " is not .npy");
        }
        byte[] data = new byte[all.length - 10 - header];
        System.arraycopy(all, 10 + header, data, 0, data.length);
        return data;
    }
}
