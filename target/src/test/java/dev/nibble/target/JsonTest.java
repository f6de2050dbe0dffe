package dev.nibble.target;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nibble.graph.NibbleException;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void aFileThatIsCutSaysWhereItEndsAndNothingOfTheParser() {
        NibbleException cut = assertThrows(NibbleException.class, () -> Json.parse("{\n\"a\": [1, 2", "'cut.json'"));
        assertEquals(
                "'cut.json' is not JSON: Unexpected end-of-input: expected close marker for Array", cut.getMessage());
        assertEquals("see line 2, column 11", cut.hint());
    }
}
