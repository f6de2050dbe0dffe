package dev.nibble.bench;

import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import java.util.List;

/// Number formats of a row.
///
/// @param name as the tables show it
/// @param parameters what the command line takes for these weights
/// @param recipe what is done to get accuracy back
public record Setting(String name, Precision precision, RangeSearch parameters, Recipe recipe) {
    /// Every row of a model. Weights of 4 bits with bias correction alone: what recipes add has a table of its own.
    public static final List<Setting> ALL = List.of(
            new Setting("W8A8 per channel", Precision.of(8, WeightGranularity.CHANNEL, 8), new RangeSearch.MinMax()),
            new Setting("W8A8 per tensor", Precision.of(8, WeightGranularity.TENSOR, 8), new RangeSearch.MinMax()),
            new Setting("W8A16 per channel", Precision.of(8, WeightGranularity.CHANNEL, 16), new RangeSearch.MinMax()),
            new Setting(
                    "W4A8 per channel",
                    Precision.of(4, WeightGranularity.CHANNEL, 8),
                    new RangeSearch.Mse(),
                    Recipe.DEFAULT));

    /// Every row of a model on the HTP.
    public static final List<Setting> HTP = List.of(
            ALL.get(0),
            ALL.get(2),
            ALL.get(3),
            new Setting(
                    "W4A16 per channel",
                    Precision.of(4, WeightGranularity.CHANNEL, 16),
                    new RangeSearch.Mse(),
                    Recipe.DEFAULT));

    /// With the recipe that the command line takes where nothing is said.
    public Setting(String name, Precision precision, RangeSearch parameters) {
        this(name, precision, parameters, Recipe.standard(precision, true));
    }

    /// Whether this is the row that limits are set for.
    boolean isHeadline() {
        return this == ALL.getFirst();
    }
}
