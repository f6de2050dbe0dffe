package dev.nibble.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
    private static final List<String> COMMANDS = List.of("quantize", "evaluate", "compare", "inspect", "targets");

    @ParameterizedTest
    @CsvSource({
        "abc,abc,0",
        "ABC,abc,0",
        "abc,acb,1",
        "abc,ab,1",
        "abc,abcd,1",
        "kitten,sitting,3",
        "'',abc,3",
        "ca,abc,3"
    })
    void distanceCountsInsertionsDeletionsReplacementsAndSwaps(String a, String b, int expected) {
        assertEquals(expected, Nearest.distance(a, b));
        assertEquals(expected, Nearest.distance(b, a));
    }

    @Test
    void suggestsTheCloseNameOnly() {
        assertEquals(Optional.of("quantize"), Nearest.to("quantise", COMMANDS));
        assertEquals(Optional.of("inspect"), Nearest.to("Inspekt", COMMANDS));
        assertEquals(Optional.empty(), Nearest.to("frobnicate", COMMANDS));
        assertEquals(Optional.empty(), Nearest.to("x", List.of()));
    }

    @Test
    void equallyCloseNamesGiveTheFirstInTheAlphabet() {
        assertEquals(Optional.of("sm8550"), Nearest.to("sm8x50", List.of("sm8650", "sm8550")));
    }
}
