package dev.nibble.npu.fit;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import dev.nibble.npu.cost.Precision;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.MappingIterator;
import tools.jackson.dataformat.csv.CsvMapper;
import tools.jackson.dataformat.csv.CsvSchema;

/// Latencies in a CSV file with a heading. Columns, of which the first four are needed (`|` separates names that are
/// taken alike):
///
/// - `topology|model`: the graph's file name, with or without `.onnx`
/// - `precision`: `w8a8`, `w8a16`, `w4a16`, `float`
/// - `chipset|target|device`: a target's name or alias
/// - `inference_time_ms|latency_ms`, or `latency_us`
/// - `runtime`: `qnn_dlc` where it is left out
/// - `compute_unit`, `layers_cpu`: rows that did not run on the NPU alone are left out, and counted
/// - `family`: what is left out together in cross-validation; else told from the name
///
/// @param measurements the rows that can be used
/// @param skipped how many rows were left out, by reason
/// @param sha256 of the file
public record MeasurementFile(List<Measurement> measurements, Map<String, Integer> skipped, String sha256) {
    public MeasurementFile {
        measurements = List.copyOf(measurements);
        skipped = java.util.Collections.unmodifiableMap(new TreeMap<>(skipped));
    }

    /// Those with one runtime.
    public List<Measurement> of(String runtime) {
        return measurements.stream().filter(m -> m.runtime().equals(runtime)).toList();
    }

    /// @throws NibbleException where the file cannot be read, lacks a column, or has a row that cannot be meant
    public static MeasurementFile read(Path file) {
        return read(file, "");
    }

    /// The same; `device` is what rows are of that do not say.
    public static MeasurementFile read(Path file, String device) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new NibbleException("measurements '" + file + "' cannot be read", "check the path", e);
        }
        return new Reader(file.toString(), device).read(bytes);
    }

    private static final class Reader {
        private final String file;
        private final String otherwise;
        private final Map<String, Measurement> byKey = new HashMap<>();
        private final List<Measurement> rows = new ArrayList<>();
        private final Map<String, Integer> skipped = new TreeMap<>();

        Reader(String file, String device) {
            this.file = file;
            this.otherwise = device;
        }

        MeasurementFile read(byte[] bytes) {
            int line = 1;
            CsvSchema schema = CsvSchema.emptySchema().withHeader();
            try (MappingIterator<Map<String, String>> lines = CsvMapper.builder()
                    .build()
                    .readerForMapOf(String.class)
                    .with(schema)
                    .readValues(new String(bytes, StandardCharsets.UTF_8))) {
                while (lines.hasNext()) {
                    line++;
                    row(lines.next(), line);
                }
            } catch (JacksonException e) {
                throw new NibbleException(
                        "measurements '%s' are not CSV near line %d: %s"
                                .formatted(file, line, ParserMessage.plain(e.getOriginalMessage())),
                        "correct the file",
                        e);
            }
            if (line == 1) {
                throw new NibbleException("measurements '" + file + "' have no rows", "give at least one latency");
            }
            return new MeasurementFile(rows, skipped, sha256(bytes));
        }

        private void row(Map<String, String> row, int line) {
            String topology = need(row, line, "topology", "model").replaceFirst("\\.onnx$", "");
            String precision = need(row, line, "precision");
            boolean said = find(row, "chipset", "target", "device") != null;
            String device = said || otherwise.isEmpty() ? need(row, line, "chipset", "target", "device") : otherwise;
            String runtime = find(row, "runtime") instanceof String r && !r.isBlank() ? r : "qnn_dlc";
            String unit = find(row, "compute_unit") instanceof String u && !u.isBlank() ? u : "NPU";
            if (!unit.equalsIgnoreCase("NPU")) {
                skipped.merge("ran on the " + unit, 1, Integer::sum);
                return;
            }
            String cpu = find(row, "layers_cpu");
            if (cpu != null && !cpu.isBlank() && number(cpu, line, "layers_cpu") > 0) {
                skipped.merge("has layers on the CPU", 1, Integer::sum);
                return;
            }
            boolean micros = find(row, "latency_us") != null;
            String text = need(row, line, "inference_time_ms", "latency_ms", "latency_us");
            double value = number(text, line, "the latency");
            if (!(value > 0) || Double.isInfinite(value)) {
                throw new NibbleException(
                        "measurements '%s', line %d: the latency is %s".formatted(file, line, text),
                        "take the row out, or correct it");
            }
            String family = find(row, "family") instanceof String f && !f.isBlank() ? f : Families.of(topology);
            Measurement measurement = new Measurement(
                    topology,
                    precision,
                    Precision.named(precision),
                    device,
                    runtime,
                    family,
                    micros ? value : value * 1e3,
                    line);
            Measurement before = byKey.putIfAbsent(
                    String.join("|", topology, precision, device, runtime, find(row, "component") + ""), measurement);
            if (before != null) {
                throw new NibbleException(
                        "measurements '%s', line %d: the same model, precision, device and runtime stand in line %d"
                                .formatted(file, line, before.line()),
                        "keep one of the two: the better run, or their median");
            }
            rows.add(measurement);
        }

        private double number(String text, int line, String what) {
            try {
                return Double.parseDouble(text.strip());
            } catch (NumberFormatException e) {
                throw new NibbleException(
                        "measurements '%s', line %d: %s is '%s', which is no number".formatted(file, line, what, text),
                        "correct the row",
                        e);
            }
        }

        private static @Nullable String find(Map<String, String> row, String... names) {
            for (String name : names) {
                if (row.get(name) != null) {
                    return row.get(name);
                }
            }
            return null;
        }

        private String need(Map<String, String> row, int line, String... names) {
            String value = find(row, names);
            if (value == null || value.isBlank()) {
                throw new NibbleException(
                        "measurements '%s', line %d: there is no '%s'".formatted(file, line, names[0]),
                        "the columns needed are topology, precision, target and latency_ms");
            }
            return value.strip();
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
