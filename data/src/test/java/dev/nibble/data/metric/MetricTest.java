package dev.nibble.data.metric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.Label;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The metrics by their definitions.
class MetricTest {
    @Test
    void topKCountsStrictlyBetterClassesAndTiesByIndex() {
        TopK top1 = new TopK(1);
        TopK top2 = new TopK(2);
        Tensor scores = Tensor.of(Shape.of(4, 3), 1, 3, 2, 5, 5, 0, 0, 0, 0, Float.NaN, 9, 0);
        List<Label> labels = List.of(Label.of(2), Label.of(1), Label.of(0), Label.of(1));
        top1.add(scores, labels);
        top2.add(scores, labels);
        assertEquals(0.25, top1.result().value());
        assertEquals(0.75, top2.result().value());
        assertEquals(4, top1.result().n());
        assertEquals(1, top1.scores().score(2));
        assertEquals(2, top1.predictedClasses());
        assertThrows(NibbleException.class, () -> top1.add(scores, List.of(Label.of(3))));
        assertThrows(NibbleException.class, () -> top1.add(scores, List.of(Label.of("cat"))));
        assertThrows(
                NibbleException.class, () -> top1.add(Tensor.of(Shape.of(1, 2, 2), 1, 2, 3, 4), labels.subList(0, 1)));
    }

    @Test
    void paddingRowsAreLeftAlone() {
        TopK top1 = new TopK(1);
        top1.add(Tensor.of(Shape.of(2, 2, 1, 1), 1, 0, 0, 1), List.of(Label.of(0)));
        assertEquals(1, top1.result().n());
    }

    @Test
    void aModelThatGuessesIsAtChance() {
        TopK top1 = new TopK(1);
        Random random = new Random(3);
        for (int i = 0; i < 1_000; i++) {
            top1.add(Tensor.of(Shape.of(1, 10), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), List.of(Label.of(random.nextInt(10))));
        }
        assertTrue(top1.atChance());
        assertEquals(1, top1.predictedClasses());
    }

    @Test
    void ctcMergesRepeatsAndDropsBlanks() {
        CtcDecoder decoder = CtcDecoder.blankFirst(List.of("a", "b"));
        // a a - a b b -
        int[] path = {1, 1, 0, 1, 2, 2, 0};
        float[] scores = new float[path.length * 3];
        for (int step = 0; step < path.length; step++) {
            scores[step * 3 + path[step]] = 1;
        }
        Tensor output = Tensor.of(Shape.of(1, path.length, 3), scores);
        assertEquals("aab", decoder.decode(output, 0));
        assertThrows(
                NibbleException.class, () -> CtcDecoder.blankFirst(List.of("a")).decode(output, 0));
        TextAccuracy words = new TextAccuracy(TextAccuracy.Unit.WORD, decoder);
        TextAccuracy characters = new TextAccuracy(TextAccuracy.Unit.CHARACTER, decoder);
        words.add(output, List.of(Label.of("aab")));
        characters.add(output, List.of(Label.of("aabb")));
        assertEquals(1, words.result().value());
        assertEquals(0.75, characters.result().value());
    }

    @Test
    void editDistanceIsAMetric() {
        assertEquals(3, EditDistance.between("kitten", "sitting"));
        assertEquals(1, EditDistance.between("a😀b", "ab"));
        assertEquals(1, TextAccuracy.characterAccuracy("", ""));
        Random random = new Random(4);
        for (int i = 0; i < 500; i++) {
            String a = word(random);
            String b = word(random);
            String c = word(random);
            assertEquals(EditDistance.between(a, b), EditDistance.between(b, a));
            assertTrue(EditDistance.between(a, c) <= EditDistance.between(a, b) + EditDistance.between(b, c));
            assertEquals(a.equals(b), EditDistance.between(a, b) == 0);
            assertTrue(EditDistance.between(a, b) >= Math.abs(a.length() - b.length()));
        }
    }

    private static String word(Random random) {
        StringBuilder word = new StringBuilder();
        for (int i = random.nextInt(6); i > 0; i--) {
            word.append((char) ('a' + random.nextInt(3)));
        }
        return word.toString();
    }

    @Test
    void outputsAreComparedByTheirDefinitions() {
        OutputComparison comparison = new OutputComparison();
        Tensor reference = Tensor.of(Shape.of(2, 2), 3, 4, 1, 0);
        Tensor output = Tensor.of(Shape.of(2, 2), 3, 3, 0, 1);
        comparison.add(reference, output, 2);
        assertEquals(10 * Math.log10(26.0 / 3), comparison.sqnrDb().value(), 1e-12);
        assertEquals((21 / Math.sqrt(25 * 18.0) + 0) / 2, comparison.cosine().value(), 1e-12);
        // Sample 0 ties, which the first class wins; sample 1 disagrees.
        assertEquals(0, comparison.argmaxAgreement().value());
        double p = 1 / (1 + Math.exp(1));
        double first = p * Math.log(p / 0.5) + (1 - p) * Math.log((1 - p) / 0.5);
        // The second sample's outputs sum to 1 and are probabilities: KL((1, 0) ‖ (0, 1)), the floor being 1e-12.
        double second = Math.log(1 / 1e-12);
        assertEquals((first + second) / 2, comparison.klNats().value(), 1e-9);
    }

    @Test
    void equalOutputsAreInfinitelyCloseAndNanIsNeverAveragedAway() {
        OutputComparison same = new OutputComparison();
        Tensor tensor = Tensor.of(Shape.of(3, 4), 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6);
        same.add(tensor, tensor, 3);
        assertEquals(Double.POSITIVE_INFINITY, same.sqnrDb().value());
        assertEquals(1, same.cosine().value(), 1e-15);
        assertEquals(0, same.klNats().value());
        assertEquals(1, same.argmaxAgreement().value());
        OutputComparison broken = new OutputComparison();
        broken.add(tensor, Tensor.of(Shape.of(3, 4), 1, 2, 3, 4, 5, Float.NaN, 7, 8, 9, 8, 7, 6), 3);
        assertTrue(Double.isNaN(broken.sqnrDb().value()));
        assertTrue(Double.isNaN(broken.cosine().value()));
        assertTrue(Double.isNaN(broken.klNats().value()));
        assertEquals(2 / 3.0, broken.argmaxAgreement().value());
    }

    @Test
    void batchingChangesNothing() {
        Random random = new Random(5);
        float[] a = new float[200];
        float[] b = new float[200];
        for (int i = 0; i < 200; i++) {
            a[i] = (float) random.nextGaussian();
            b[i] = a[i] + (float) random.nextGaussian() * 0.01f;
        }
        OutputComparison whole = new OutputComparison();
        whole.add(Tensor.of(Shape.of(20, 10), a), Tensor.of(Shape.of(20, 10), b), 20);
        OutputComparison single = new OutputComparison();
        for (int i = 0; i < 20; i++) {
            single.add(
                    Tensor.of(Shape.of(1, 10), java.util.Arrays.copyOfRange(a, i * 10, i * 10 + 10)),
                    Tensor.of(Shape.of(1, 10), java.util.Arrays.copyOfRange(b, i * 10, i * 10 + 10)),
                    1);
        }
        assertEquals(whole.results(), single.results());
        MetricResult sqnr = whole.sqnrDb();
        // Noise of one hundredth: 40 dB, and the interval holds the value.
        assertEquals(40, sqnr.value(), 2);
        assertTrue(sqnr.ci95().contains(sqnr.value()));
    }

    @Test
    void pairedRealScoresFindARealDifferenceOnly() {
        Random random = new Random(6);
        double[] first = new double[400];
        double[] noise = new double[400];
        double[] worse = new double[400];
        for (int i = 0; i < 400; i++) {
            first[i] = random.nextDouble();
            noise[i] = first[i] + random.nextGaussian() * 0.05;
            worse[i] = noise[i] - 0.05;
        }
        Comparison even = Comparison.of("x", new Scores.Real(first), new Scores.Real(noise));
        Comparison lower = Comparison.of("x", new Scores.Real(first), new Scores.Real(worse));
        assertTrue(even.ci95().contains(0) && even.pValue() > 0.05, even.toString());
        assertFalse(lower.ci95().contains(0));
        assertTrue(lower.pValue() < 0.01 && lower.difference() < 0);
    }
}
