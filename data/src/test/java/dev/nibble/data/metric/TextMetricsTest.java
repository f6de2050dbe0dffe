package dev.nibble.data.metric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.Batch;
import dev.nibble.data.Label;
import dev.nibble.data.TextOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TextMetricsTest {
    /// Exact but for the order of a few additions.
    private static final double EXACT = 1e-12;

    private static int[] all(int n) {
        return IntStream.range(0, n).toArray();
    }

    /// The textbook case without ties: 1 − 6·Σd²/(n(n² − 1)), here 1 − 6·8/(5·24).
    @Test
    void spearmanIsTheFormula() {
        double[] a = {1, 2, 3, 4, 5};
        double[] b = {20, 10, 50, 30, 40};
        assertEquals(1 - 6.0 * 8 / 120, Spearman.of(a, b, all(5)), EXACT);
        assertEquals(1, Spearman.of(a, new double[] {1, 8, 27, 64, 125}, all(5)), EXACT);
        assertTrue(Double.isNaN(Spearman.of(a, new double[] {3, 3, 3, 3, 3}, all(5))));
    }

    /// Equal values share their mean rank: ranks 0.5, 0.5, 2 against 0, 1, 2 give √3/2.
    @Test
    void tiesShareTheirRank() {
        assertEquals(Math.sqrt(3) / 2, Spearman.of(new double[] {7, 7, 9}, new double[] {1, 2, 3}, all(3)), EXACT);
    }

    private static Batch batch(long first, Tensor ids, Label... labels) {
        return new Batch(first, (int) ids.shape().dim(0), Map.of("ids", ids), List.of(labels));
    }

    /// Two tokens of a vocabulary of 4: even scores cost ln 4 each, whatever comes next; padding costs nothing.
    @Test
    void evenScoresCostTheLogarithmOfTheVocabulary() {
        Tensor ids = Tensor.of(Shape.of(2, 3), 0L, 1L, 3L, 2L, 1L, 0L);
        Tensor scores = Tensor.of(Shape.of(2, 3, 4), new float[24]);
        NextTokenLoss loss = new NextTokenLoss(NextTokenLoss.Unit.NATS, "ids", i -> i == 0 ? 3 : 2);
        NextTokenLoss perplexity = new NextTokenLoss(NextTokenLoss.Unit.PERPLEXITY, "ids", i -> i == 0 ? 3 : 2);
        loss.add(scores, batch(0, ids));
        perplexity.add(scores, batch(0, ids));
        assertEquals(Math.log(4), loss.result().value(), EXACT);
        assertEquals(4, perplexity.result().value(), EXACT);
        assertEquals(2, loss.result().n());
    }

    /// The mean is over tokens, not over texts: 2 tokens at 0 and 1 at ln 4 make ln(4)/3.
    @Test
    void longTextsWeighMore() {
        float sure = 1000;
        Tensor longText = Tensor.of(Shape.of(1, 3), 0L, 1L, 2L);
        Tensor shortText = Tensor.of(Shape.of(1, 2), 0L, 1L);
        NextTokenLoss loss = new NextTokenLoss(NextTokenLoss.Unit.NATS, "ids", i -> i == 0 ? 3 : 2);
        loss.add(Tensor.of(Shape.of(1, 3, 4), 0f, sure, 0f, 0f, 0f, 0f, sure, 0f, 0f, 0f, 0f, 0f), batch(0, longText));
        loss.add(Tensor.of(Shape.of(1, 2, 4), new float[8]), batch(1, shortText));
        assertEquals(Math.log(4) / 3, loss.result().value(), EXACT);
    }

    @Test
    void anIdThatTheModelDoesNotKnowIsNamed() {
        NextTokenLoss loss = new NextTokenLoss(NextTokenLoss.Unit.NATS, "ids", i -> 2);
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> loss.add(
                        Tensor.of(Shape.of(1, 2, 4), new float[8]), batch(12, Tensor.of(Shape.of(1, 2), 0L, 30522L))));
        assertTrue(String.valueOf(e.getMessage()).contains("sample 12"), e.getMessage());
        assertTrue(String.valueOf(e.getMessage()).contains("30522"), e.getMessage());
    }

    /// Mean pooling leaves padding out, and takes the first token alone where that is asked for.
    @Test
    void pairsAreRankedByTheCosineOfTheirEmbeddings() {
        // Three pairs of two tokens and two features; the second token of each text is padding.
        float[] texts = {1, 0, 9, 9, 1, 0, -9, 9, 1, 0, 9, 9, 1, 1, 9, 9, 1, 0, 9, 9, 0, 1, 9, 9};
        Label[] labels = {Label.of("5"), Label.of("5"), Label.of("2.5"), Label.of("2.5"), Label.of("0"), Label.of("0")};
        Tensor ids = Tensor.of(Shape.of(6, 2), new long[12]);
        for (TextOptions.Pooling pooling : TextOptions.Pooling.values()) {
            SentencePairs pairs = new SentencePairs(pooling, i -> 1);
            pairs.add(Tensor.of(Shape.of(6, 2, 2), texts), batch(0, ids, labels));
            assertEquals(1, pairs.result().value(), EXACT);
            assertEquals(3, pairs.result().n());
        }
    }

    /// The same resamples are drawn for both runs, so equal runs differ by exactly nothing.
    @Test
    void comparisonsArePaired() {
        double[] wanted = IntStream.range(0, 50).mapToDouble(i -> i % 7).toArray();
        double[] values =
                IntStream.range(0, 50).mapToDouble(i -> i % 7 + Math.sin(i)).toArray();
        Scores.Ranking ranking = new Scores.Ranking(values, wanted);
        Comparison same = Comparison.of("spearman", ranking, new Scores.Ranking(values, wanted));
        assertEquals(0, same.difference());
        assertEquals(new Interval(0, 0), same.ci95());
        Scores.Ratio few = new Scores.Ratio(new double[] {3, 1, 2}, new double[] {3, 2, 1}, false);
        Scores.Ratio more = new Scores.Ratio(new double[] {6, 3, 3}, new double[] {3, 2, 1}, false);
        Comparison worse = Comparison.of("nextTokenLoss", few, more);
        assertEquals(1, worse.difference(), EXACT);
        assertTrue(worse.ci95().low() > 0, worse.ci95().toString());
    }
}
