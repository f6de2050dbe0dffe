package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Texts of a `.txt` (one a line), a `.csv` or a `.jsonl`: one or two a row, and a label where the row has one.
///
/// In a table the label is in the column asked for, else in `label`, `labels`, `class` or `score`, else in the last
/// column where it holds numbers only; the first two other columns that are not numbers are the texts. A first line of
/// a `.csv` without any number, above a column of numbers, is its header; so is one that names a known column.
///
/// @param rows at least one; every row has as many texts
/// @param blankLines lines of a `.txt` that hold nothing and were left out
record TextTable(String where, List<Row> rows, boolean labelled, int blankLines) {
    private static final List<String> LABEL_COLUMNS = List.of("label", "labels", "class", "score");
    private static final List<String> TEXT_COLUMNS =
            List.of("text", "sentence", "sentence1", "sentence2", "premise", "hypothesis", "question", "query");
    private static final Pattern NUMBER = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");

    /// @param texts one, or two that belong together
    record Row(List<String> texts, @Nullable String label) {}

    static TextTable read(Path path, @Nullable String labelColumn) {
        String where = "'" + path + "'";
        String text = Labels.text(MappedFile.read(path, Labels.LONGEST_FILE), where);
        String name = path.toString().toLowerCase(Locale.ROOT);
        TextTable table = name.endsWith(".txt")
                ? lines(text, where)
                : name.endsWith(".jsonl") ? objects(text, where, labelColumn) : table(text, where, labelColumn);
        if (table.rows().isEmpty()) {
            throw new NibbleException(where + " holds no texts", "give it a text a line");
        }
        for (int i = 0; i < table.rows().size(); i++) {
            if (table.rows().get(i).texts().stream().anyMatch(String::isBlank)) {
                throw new NibbleException(
                        "%s: the text of row %d is empty".formatted(where, i + 1), "leave that row out");
            }
        }
        return table;
    }

    private static TextTable lines(String text, String where) {
        List<String> all = text.lines().toList();
        List<Row> rows = all.stream()
                .filter(line -> !line.isBlank())
                .map(line -> new Row(List.of(line), null))
                .toList();
        return new TextTable(where, rows, false, all.size() - rows.size());
    }

    private static TextTable objects(String text, String where, @Nullable String labelColumn) {
        List<String> header = new ArrayList<>();
        List<String[]> cells = new ArrayList<>();
        int line = 0;
        for (String json : text.lines().toList()) {
            line++;
            if (json.isBlank()) {
                continue;
            }
            JsonNode object;
            try {
                object = JsonMapper.shared().readTree(json);
            } catch (JacksonException e) {
                throw new NibbleException(
                        "%s: line %d is no JSON: %s"
                                .formatted(where, line, ParserMessage.plain(e.getOriginalMessage())),
                        "write one object a line",
                        e);
            }
            if (!object.isObject()) {
                throw new NibbleException(
                        "%s: line %d is no JSON object".formatted(where, line),
                        "write lines such as {\"text\": \"…\", \"label\": 1}");
            }
            if (header.isEmpty()) {
                header.addAll(object.propertyNames());
            }
            String[] row = new String[header.size()];
            for (int i = 0; i < row.length; i++) {
                JsonNode value = object.path(header.get(i));
                if (!value.isValueNode() || value.isNull()) {
                    throw new NibbleException(
                            "%s: line %d has no value '%s'".formatted(where, line, header.get(i)),
                            "give every line the keys of the first one");
                }
                row[i] = value.asString();
            }
            cells.add(row);
        }
        return of(where, header, cells, labelColumn);
    }

    private static TextTable table(String text, String where, @Nullable String labelColumn) {
        List<String[]> lines = CsvTable.rows(text, where);
        if (lines.isEmpty()) {
            return new TextTable(where, List.of(), false, 0);
        }
        int columns = lines.getFirst().length;
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).length != columns) {
                throw new NibbleException(
                        "%s: row %d has %d cells, but the first has %d"
                                .formatted(where, i + 1, lines.get(i).length, columns),
                        "put cells that contain commas in quotes");
            }
        }
        boolean headed = isHeader(lines, labelColumn);
        List<String> header = new ArrayList<>();
        for (int i = 0; i < columns; i++) {
            header.add(headed ? lines.getFirst()[i].strip() : "column " + (i + 1));
        }
        return of(where, header, headed ? lines.subList(1, lines.size()) : lines, labelColumn);
    }

    private static boolean isHeader(List<String[]> lines, @Nullable String labelColumn) {
        boolean named = false;
        boolean aboveNumbers = false;
        for (int i = 0; i < lines.getFirst().length; i++) {
            String cell = lines.getFirst()[i].strip();
            String lower = cell.toLowerCase(Locale.ROOT);
            named |= cell.equals(labelColumn) || LABEL_COLUMNS.contains(lower) || TEXT_COLUMNS.contains(lower);
            aboveNumbers |= lines.size() > 1 && !isNumber(cell) && numbers(lines.subList(1, lines.size()), i);
        }
        return named || aboveNumbers;
    }

    private static boolean isNumber(String cell) {
        return NUMBER.matcher(cell.strip()).matches();
    }

    private static boolean numbers(List<String[]> rows, int column) {
        return rows.stream().allMatch(row -> isNumber(row[column]));
    }

    private static TextTable of(String where, List<String> header, List<String[]> cells, @Nullable String wanted) {
        int label = labelColumn(where, header, cells, wanted);
        List<Integer> texts = new ArrayList<>();
        for (int i = 0; i < header.size() && texts.size() < 2; i++) {
            if (i != label && !numbers(cells, i)) {
                texts.add(i);
            }
        }
        if (texts.isEmpty() && !cells.isEmpty()) {
            throw new NibbleException(
                    where + " has no column of texts", "its columns are " + String.join(", ", header));
        }
        List<Row> rows = cells.stream()
                .map(row -> new Row(texts.stream().map(i -> row[i]).toList(), label < 0 ? null : row[label]))
                .toList();
        return new TextTable(where, rows, label >= 0, 0);
    }

    private static int labelColumn(String where, List<String> header, List<String[]> cells, @Nullable String wanted) {
        OptionalInt named = CsvTable.column(where, header, wanted, LABEL_COLUMNS);
        if (named.isPresent()) {
            return named.getAsInt();
        }
        int last = header.size() - 1;
        return last > 0 && !cells.isEmpty() && numbers(cells, last) ? last : -1;
    }
}
