package dev.nibble.pipeline.recover;

import dev.nibble.graph.NibbleException;
import dev.nibble.quant.weight.WeightSteps;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/// What is done to get accuracy back after ranges are known: an ordered list of steps.
///
/// @param name of a named recipe or a file; empty for a list given on the command line
/// @param steps each once, in the order of [Algorithm]
/// @param damping share of the mean diagonal that is added to covariances
public record Recipe(String name, List<Algorithm> steps, double damping) {
    /// Ranges and rounding to nearest, nothing else.
    public static final Recipe PLAIN = new Recipe("plain", List.of(), WeightSteps.DAMPING);

    /// What `quantize` does where nothing is said.
    public static final Recipe DEFAULT = new Recipe("", List.of(Algorithm.CORRECT_BIAS), WeightSteps.DAMPING);

    /// Second-order rounding with everything that goes with it.
    public static final Recipe W4 = new Recipe(
            "w4",
            List.of(
                    Algorithm.SEQUENTIAL_MSE,
                    Algorithm.RETARGET,
                    Algorithm.GPTQ,
                    Algorithm.COORDINATE_DESCENT,
                    Algorithm.REFIT_SCALES,
                    Algorithm.CORRECT_BIAS),
            WeightSteps.DAMPING);

    /// As [#W4], with the channels' ranges balanced first: for weights with one scale a tensor.
    public static final Recipe ENHANCED = new Recipe("enhanced", List.of(Algorithm.values()), WeightSteps.DAMPING);

    public Recipe {
        steps = List.copyOf(steps);
        if (new HashSet<>(steps).size() < steps.size()) {
            throw new NibbleException("a step stands twice: " + shown(steps), "each step runs once; name it once");
        }
        for (int i = 1; i < steps.size(); i++) {
            if (steps.get(i).compareTo(steps.get(i - 1)) < 0) {
                throw new NibbleException(
                        "'%s' comes after '%s', but has to run before it"
                                .formatted(steps.get(i).id(), steps.get(i - 1).id()),
                        "the order is " + String.join(", ", Algorithm.names()));
            }
        }
        if (!(damping > 0 && damping <= 1)) {
            throw new NibbleException(
                    "damping must be above 0 and at most 1, but was " + damping, "use 0.01, or leave it out");
        }
    }

    /// The recipe of algorithms that were named in any order; `none` alone is none.
    ///
    /// @throws NibbleException where a name is unknown, or `none` stands beside others
    public static Recipe ofAlgorithms(List<String> names) {
        if (names.contains("none")) {
            if (names.size() > 1) {
                throw new NibbleException(
                        "--algorithms names 'none' and others: " + String.join(", ", names), "'none' stands alone");
            }
            return PLAIN;
        }
        EnumSet<Algorithm> named = EnumSet.noneOf(Algorithm.class);
        names.forEach(name -> named.add(Algorithm.named(name)));
        return new Recipe("", new ArrayList<>(named), WeightSteps.DAMPING);
    }

    public boolean has(Algorithm algorithm) {
        return steps.contains(algorithm);
    }

    /// The steps that decide weights; empty where none does.
    public Optional<WeightSteps> weights() {
        if (steps.stream().noneMatch(Algorithm::decidesWeights)) {
            return Optional.empty();
        }
        return Optional.of(new WeightSteps(
                has(Algorithm.SEQUENTIAL_MSE),
                has(Algorithm.RETARGET),
                has(Algorithm.GPTQ),
                has(Algorithm.COORDINATE_DESCENT),
                has(Algorithm.REFIT_SCALES),
                has(Algorithm.CORRECT_BIAS),
                damping));
    }

    /// `seqmse, gptq`; `none` where there is no step.
    public String shown() {
        return steps.isEmpty() ? "none" : shown(steps);
    }

    private static String shown(List<Algorithm> steps) {
        return String.join(",", steps.stream().map(Algorithm::id).toList());
    }
}
