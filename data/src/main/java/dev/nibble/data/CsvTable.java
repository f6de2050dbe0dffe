package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.dataformat.csv.CsvMapper;
import tools.jackson.dataformat.csv.CsvReadFeature;

/// What every table of comma-separated values has: rows of cells, and columns found by their names.
final class CsvTable {
    private CsvTable() {}

    /// The rows of `text`, empty lines left out; a header is a row like any other.
    ///
    /// @throws NibbleException where quotes do not match
    static List<String[]> rows(String text, String where) {
        try {
            return CsvMapper.builder()
                    .enable(CsvReadFeature.WRAP_AS_ARRAY)
                    .enable(CsvReadFeature.SKIP_EMPTY_LINES)
                    .build()
                    .readerForListOf(String[].class)
                    .readValue(text);
        } catch (JacksonException e) {
            throw new NibbleException(
                    "%s is no readable CSV: %s".formatted(where, ParserMessage.plain(e.getOriginalMessage())),
                    "check the quotes near line "
                            + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()),
                    e);
        }
    }

    /// Where the column called `wanted` is; without a name, the first of `known` that there is, in any case.
    ///
    /// @throws NibbleException where a column is wanted that is not there
    static OptionalInt column(String where, List<String> header, @Nullable String wanted, List<String> known) {
        if (wanted == null) {
            return firstOf(header, known);
        }
        int index = header.indexOf(wanted);
        if (index < 0) {
            throw new NibbleException(
                    "%s has no column '%s'".formatted(where, wanted),
                    Suggestion.of(wanted, header) + "its columns are " + String.join(", ", header));
        }
        return OptionalInt.of(index);
    }

    /// Where the first of `known` is that is among the columns, in any case.
    static OptionalInt firstOf(List<String> header, List<String> known) {
        for (String name : known) {
            for (int i = 0; i < header.size(); i++) {
                if (header.get(i).equalsIgnoreCase(name)) {
                    return OptionalInt.of(i);
                }
            }
        }
        return OptionalInt.empty();
    }
}
