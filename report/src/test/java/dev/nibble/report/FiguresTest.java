package dev.nibble.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiguresTest {
    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '|',
            delimiter = ';',
            value = {"0.917; 91.70 %", "0; 0.00 %", "1; 100.00 %", "-0.012; −1.20 %", "-0.000001; 0.00 %"})
    void percentages(double fraction, String text) {
        assertEquals(text, Figures.percent(fraction));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {"-0.0003; −0.03", "0.0015; +0.15", "0; ±0.00", "-0.00001; ±0.00"})
    void points(double difference, String text) {
        assertEquals(text, Figures.points(difference));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "0; 0 B",
                "999; 999 B",
                "1000; 1.00 kB",
                "10856000; 10.9 MB",
                "999600; 1.00 MB",
                "712345600; 712 MB",
                "2800000000; 2.80 GB"
            })
    void bytes(long bytes, String text) {
        assertEquals(text, Figures.bytes(bytes));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "0; 0.0 ms",
                "0.0421; 42 ms",
                "0.0042; 4.2 ms",
                "4.207; 4.21 s",
                "42.07; 42.1 s",
                "59.97; 1 min 00 s",
                "125; 2 min 05 s",
                "0.0996; 0.10 s"
            })
    void seconds(double seconds, String text) {
        assertEquals(text, Figures.seconds(seconds));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "0.0235294117; 0.02353",
                "-3.91699; −3.917",
                "0; 0",
                "1.2e-7; 1.20e−07",
                "250; 250",
                "12345; 12,345",
                "1000; 1,000",
                "0.5; 0.5",
                "NaN; –"
            })
    void numbers(double value, String text) {
        assertEquals(text, Figures.number(value));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {"38.249; 38.2 dB", "300; exact", "-1.3; −1.3 dB", "-0.01; 0.0 dB"})
    void decibels(double value, String text) {
        assertEquals(text, Figures.decibels(value));
    }

    @Test
    void whatIsAbsentIsADash() {
        assertEquals("–", Figures.percent((Double) null));
        assertEquals("–", Figures.points((Interval) null));
        assertEquals("–", Figures.decibels(null));
        assertEquals("–", Figures.bytes(null));
        assertEquals("–", Figures.seconds(null));
    }

    @Test
    void countsAndAmounts() {
        assertEquals("5,000 samples", Figures.count(5000, "sample"));
        assertEquals("1 sample", Figures.count(1, "sample"));
        assertEquals("125 M", Figures.amount(125_485_706L));
        assertEquals("4.23 M", Figures.amount(4_231_976L));
        assertEquals("999", Figures.amount(999L));
    }

    @Test
    void aCosineNearOneKeepsFiveDigits() {
        assertEquals("0.99987", Figures.cosine(0.999871));
        assertEquals("0.9812", Figures.cosine(0.98121));
    }
}
