package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import org.junit.jupiter.api.Test;

/// What is done to get accuracy back where nobody says what.
class StandardRecipeTest {
    private static final Precision W4A8 = Precision.of(4, WeightGranularity.CHANNEL, 8);
    private static final Precision W4A16 = Precision.of(4, new WeightGranularity.PerBlock(32), 16);

    @Test
    void weightsOfFourBitsHaveTheirCodesDecided() {
        for (Precision precision : new Precision[] {W4A8, W4A16}) {
            Recipe standard = Recipe.standard(precision, true);
            assertEquals(Recipe.W4.steps(), standard.steps());
            assertTrue(standard.isStandard());
        }
        assertFalse(Recipe.W4.isStandard(), "a recipe that was named is repeated by the report's line");
    }

    @Test
    void withoutSamplesOrWithFloatActivationsNothingIsDecided() {
        assertEquals(Recipe.DEFAULT, Recipe.standard(W4A16, false));
        assertEquals(Recipe.DEFAULT, Recipe.standard(Precision.weightsOnly(4, WeightGranularity.CHANNEL), true));
        for (int bits : new int[] {8, 16}) {
            Precision precision = Precision.of(8, WeightGranularity.CHANNEL, bits);
            assertFalse(Recipe.standard(precision, true).decidesWeights(), precision::toString);
        }
    }
}
