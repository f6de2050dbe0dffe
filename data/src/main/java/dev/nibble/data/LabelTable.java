package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// A `labels.csv`: a header line, then a line a sample. One column may name files: `file`, `filename`, `image` or
/// `path`, else the first of several.
///
/// @param rows as many cells each as the header has
record LabelTable(String where, List<String> header, List<String[]> rows) {
    private static final List<String> FILE_COLUMNS = List.of("file", "filename", "file_name", "image", "path");
    private static final List<String> LABEL_COLUMNS = List.of("label", "labels", "class", "text");

    static LabelTable parse(byte[] bytes, String where) {
        List<String[]> lines = CsvTable.rows(Labels.text(bytes, where), where);
        if (lines.isEmpty()) {
            throw new NibbleException(where + " is empty", "start it with a header line such as file,label");
        }
        List<String> header = new ArrayList<>();
        for (String name : lines.getFirst()) {
            header.add(name == null ? "" : name.strip());
        }
        List<String[]> rows = lines.subList(1, lines.size());
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).length != header.size()) {
                throw new NibbleException(
                        "%s: row %d has %d cells, but the header has %d"
                                .formatted(where, i + 1, rows.get(i).length, header.size()),
                        "put cells that contain commas in quotes");
            }
        }
        return new LabelTable(where, List.copyOf(header), rows);
    }

    /// The column that names files; −1 where a single column holds labels only.
    int fileColumn() {
        return CsvTable.firstOf(header, FILE_COLUMNS).orElse(header.size() > 1 ? 0 : -1);
    }

    /// The column of labels: `wanted`, else `label`, `labels`, `class` or `text`, else the one after the file's.
    int labelColumn(@Nullable String wanted) {
        OptionalInt named = CsvTable.column(where, header, wanted, LABEL_COLUMNS);
        if (named.isPresent()) {
            return named.getAsInt();
        }
        int file = fileColumn();
        int after = file + 1;
        if (after >= header.size()) {
            throw new NibbleException(
                    "%s has no column of labels".formatted(where),
                    "name it with --label-column; its columns are " + String.join(", ", header));
        }
        return after;
    }

    /// The labels row by row.
    List<Label> labels(@Nullable String column) {
        int index = labelColumn(column);
        return rows.stream().map(row -> Label.of(row[index])).toList();
    }
}
