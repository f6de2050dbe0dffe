package dev.nibble.npu.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// What is known of one key of QAIRT's HTP configuration; the table is `keys.txt`.
///
/// @param place the object that it stands in; empty for the whole document
/// @param instead what to write instead; empty for a known key
public record ConfigKey(String place, String key, Status status, String instead) {
    /// How real a key is.
    public enum Status {
        KNOWN,
        DEPRECATED,
        MISPLACED,
        IMAGINARY
    }

    private static final List<ConfigKey> ALL = read();

    public static List<ConfigKey> all() {
        return ALL;
    }

    static Optional<ConfigKey> find(String place, String key) {
        return ALL.stream()
                .filter(k -> k.place().equals(place) && k.key().equals(key))
                .findFirst();
    }

    /// The row of `key` wherever it stands, where it does not exist at all.
    static Optional<ConfigKey> imaginary(String key) {
        return ALL.stream()
                .filter(k -> k.status() == Status.IMAGINARY && k.key().equals(key))
                .findFirst();
    }

    /// The objects in which `key` is right.
    static List<String> rightPlaces(String key) {
        return ALL.stream()
                .filter(k -> k.status() == Status.KNOWN && k.key().equals(key))
                .map(ConfigKey::place)
                .toList();
    }

    static List<String> known(String place) {
        return ALL.stream()
                .filter(k -> k.status() == Status.KNOWN && k.place().equals(place))
                .map(ConfigKey::key)
                .toList();
    }

    private static List<ConfigKey> read() {
        try (InputStream in = ConfigKey.class.getResourceAsStream("keys.txt")) {
            if (in == null) {
                throw new IllegalStateException("keys.txt is missing");
            }
            List<ConfigKey> keys = new ArrayList<>();
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    String[] cells = line.split("\\|", -1);
                    String place = cells[0].strip();
                    keys.add(new ConfigKey(
                            place.equals("-") ? "" : place,
                            cells[1].strip(),
                            Status.valueOf(cells[2].strip().toUpperCase(Locale.ROOT)),
                            cells.length > 3 ? cells[3].strip() : ""));
                }
            }
            return List.copyOf(keys);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
