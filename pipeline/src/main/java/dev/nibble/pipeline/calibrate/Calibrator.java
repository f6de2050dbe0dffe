package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.range.RangeSearch;
import java.util.ArrayList;
import java.util.List;

/// How the ranges of activations are chosen.
public sealed interface Calibrator {
    /// What `--act-calibration` takes.
    List<String> NAMES = List.of("auto", "min-max", "percentile", "mse", "sqnr", "entropy");

    /// One search for every tensor.
    record Single(RangeSearch search) implements Calibrator {}

    /// For each tensor, the search whose range puts the least error into the outputs of the layers that consume it.
    record Auto(List<RangeSearch> candidates) implements Calibrator {
        public Auto {
            candidates = List.copyOf(candidates);
        }
    }

    /// The calibrator named `name`.
    ///
    /// @param percent what `percentile` keeps on each side, above 50 and at most 100
    /// @throws NibbleException where there is none of that name, or `percent` is out of range
    static Calibrator named(String name, double percent) {
        if (!(percent > 50 && percent <= 100)) {
            throw new NibbleException(
                    "the percentile must be above 50 and at most 100, but was " + percent,
                    "use 99.99, which is what QAIRT takes");
        }
        return switch (name) {
            case "auto" -> new Auto(candidates(percent));
            case "min-max", "tf", "min_max" -> new Single(new RangeSearch.MinMax());
            case "percentile" -> new Single(new RangeSearch.Percentile(percent));
            case "mse" -> new Single(new RangeSearch.Mse());
            case "sqnr", "tf-enhanced", "tf_enhanced", "enhanced" -> new Single(new RangeSearch.Sqnr());
            case "entropy" -> new Single(new RangeSearch.Entropy());
            default ->
                throw new NibbleException(
                        "there is no calibration '" + name + "'",
                        Nearest.didYouMean(name, NAMES, "choose one of " + String.join(", ", NAMES)));
        };
    }

    /// Every method, and limits half an octave apart, down to a sixteenth of the largest magnitude.
    private static List<RangeSearch> candidates(double percent) {
        List<RangeSearch> all = new ArrayList<>(List.of(
                new RangeSearch.MinMax(),
                new RangeSearch.Percentile(percent),
                new RangeSearch.Mse(),
                new RangeSearch.Sqnr(),
                new RangeSearch.Entropy()));
        for (int half = 1; half <= 8; half++) {
            all.add(new RangeSearch.Limit(Math.pow(2, -half / 2.0)));
        }
        return all;
    }

    /// The name that a user writes.
    default String id() {
        return switch (this) {
            case Single(RangeSearch search) -> search.id();
            case Auto auto -> "auto";
        };
    }

    /// The searches whose results are wanted.
    default List<RangeSearch> searches() {
        return switch (this) {
            case Single(RangeSearch search) -> List.of(search);
            case Auto(List<RangeSearch> candidates) -> candidates;
        };
    }
}
