package dev.nibble.htp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a wheel's own record says of its files: `RECORD` of the
/// [binary distribution format](https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
///
/// @param files by name relative to the folder that the wheel lies in; those without a hash are left out
record WheelRecord(Map<String, Entry> files) {
    /// @param sha256 in hexadecimal
    record Entry(String sha256, long bytes) {}

    /// @throws IOException where it cannot be read
    static WheelRecord read(Path file) throws IOException {
        Map<String, Entry> files = new LinkedHashMap<>();
        for (String line : Files.readAllLines(file)) {
            String[] cells = line.split(",");
            if (cells.length == 3 && cells[1].startsWith("sha256=") && cells[2].matches("\\d{1,15}")) {
                byte[] hash = Base64.getUrlDecoder().decode(cells[1].substring("sha256=".length()));
                files.put(cells[0], new Entry(HexFormat.of().formatHex(hash), Long.parseLong(cells[2])));
            }
        }
        return new WheelRecord(files);
    }

    /// The files in `root` that are not what the record says; those that are not there are left out.
    ///
    /// @param content whether hashes are compared, which takes a second; sizes are in any case
    List<String> damaged(Path root, boolean content) throws IOException {
        List<String> damaged = new ArrayList<>();
        for (Map.Entry<String, Entry> entry : files.entrySet()) {
            Path file = root.resolve(entry.getKey());
            if (Files.isRegularFile(file)
                    && (Files.size(file) != entry.getValue().bytes()
                            || content
                                    && !HtpInstall.sha256(file)
                                            .equals(entry.getValue().sha256()))) {
                damaged.add(entry.getKey());
            }
        }
        return damaged;
    }
}
