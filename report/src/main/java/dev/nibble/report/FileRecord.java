package dev.nibble.report;

/// A file that was written. @param path relative to the output directory @param sha256 64 hexadecimal digits
public record FileRecord(String path, String sha256, long bytes) {
    public FileRecord {
        Values.present("files[].path", path);
        Values.present("files[].sha256", sha256);
        Values.nonNegative("files[].bytes", bytes);
    }
}
