package dev.nibble.report.html;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.RangeChoice;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SampleDocuments;
import dev.nibble.report.SamplePicture;
import dev.nibble.report.TensorHistogram;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class ShapesTest {
    /// Sums of at most a few hundred doubles.
    private static final double ROUNDING = 1e-9;

    @Test
    void binsOfAnyWidthKeepTheirCounts() {
        TensorHistogram histogram = new TensorHistogram(
                "t",
                null,
                List.of(0.0, 0.001, 0.5, 1.0, 2.0, 4.0, 8.0),
                List.of(10L, 20L, 30L, 40L, 50L, 60L),
                new RangeChoice("mse", 0, 4, null),
                List.of(),
                null);
        double[] counts = HistogramView.rebin(histogram, -1, 8);
        assertEquals(210, Arrays.stream(counts).sum(), ROUNDING);
        // Below zero lies nothing; 4 … 8 holds 60, spread evenly over 4/9 of the bins.
        assertEquals(0, counts[0]);
        assertEquals(60.0 / (4.0 / 9 * HistogramView.BINS), counts[HistogramView.BINS - 1], ROUNDING);
    }

    @Test
    void whatIsClippedIsSaid() {
        HistogramView view = HistogramView.of(new TensorHistogram(
                "t",
                null,
                List.of(0.0, 1.0, 2.0),
                List.of(900L, 100L),
                new RangeChoice("mse", 0, 1.5, null),
                List.of(),
                null));
        assertEquals("5.00 % clipped", view.clipped());
        assertEquals("75.000", view.chosen().width());
        assertTrue(view.bars().stream().anyMatch(HistogramView.Bar::outside));
    }

    @Test
    void aRangeOfOnePointIsDrawn() {
        HistogramView view = HistogramView.of(new TensorHistogram(
                "t", null, List.of(), List.of(), new RangeChoice("min-max", 3, 3, null), List.of(), null));
        assertTrue(view.high() > view.low());
        assertEquals("", view.clipped());
        assertEquals(List.of(), view.bars());
    }

    @Test
    void coloursRunFromBlueForCleanToYellowForNoisy() {
        assertEquals("#00224e", Strip.color(50));
        assertEquals("#00224e", Strip.color(300));
        assertEquals("#fee838", Strip.color(5));
        assertEquals("#fee838", Strip.color(-300));
    }

    @Test
    void theWorstLayersAreThoseThatAddTheMostThemselves() {
        Strip strip = Strip.of(SampleDocuments.degraded().layers());
        assertEquals(
                List.of(31, 29, 30),
                strip.worst().subList(0, 3).stream().map(Strip.Named::number).toList());
        // Three neighbours share a place: one number is enough.
        assertEquals(
                List.of("31", "", ""),
                strip.worst().subList(0, 3).stream().map(Strip.Named::marker).toList());
    }

    @Test
    void samplesThatOnlyTheQuantizedModelGetsWrongComeFirst() {
        Page page = Page.of(SampleDocuments.degraded(), Assets.load(false));
        assertEquals("test/00000.png", page.pictures().getFirst().name());
        assertTrue(page.pictures().stream()
                .limit(3)
                .allMatch(p -> Boolean.TRUE.equals(p.floatAnswer().right())
                        && Boolean.FALSE.equals(p.quantizedAnswer().right())));
    }

    @Test
    void onlySmallPicturesShowTheirPixels() {
        assertEquals(List.of(true), pixelated(SampleDocuments.degraded()));
        assertEquals(List.of(false), pixelated(SampleDocuments.unlabelled()));
    }

    private static List<Boolean> pixelated(ResultDocument document) {
        return document.pictures().stream()
                .map(SamplePicture::image)
                .filter(Objects::nonNull)
                .map(Page::pixelated)
                .distinct()
                .toList();
    }

    @Test
    void theSameReasonIsSaidOnce() {
        Page page = Page.of(SampleDocuments.healthy(), Assets.load(false));
        assertEquals(
                List.of(List.of("Softmax_301"), List.of("Shape_12", "Shape_14"), List.of("Gather_15")),
                page.skipped().stream().map(Page.SkippedGroup::nodes).toList());
    }
}
