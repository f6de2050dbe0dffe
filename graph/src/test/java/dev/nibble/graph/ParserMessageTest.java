package dev.nibble.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParserMessageTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            Unexpected end: (start marker at [Source: REDACTED (`X.Y` disabled); line: 3, column: 5]) | Unexpected end: (start marker at line 3, column 5)
            cut at [Source: (byte[])"…"; byte offset: #17] | cut at byte 17
            cut (start marker at [Source: UNKNOWN; byte offset: #UNKNOWN]) | cut
            leading zeroes not allowed: enable `F.ALLOW` to allow | leading zeroes not allowed
            plain | plain
            """)
    void saysItInWordsForPeople(String message, String expected) {
        assertEquals(expected, ParserMessage.plain(message));
    }
}
