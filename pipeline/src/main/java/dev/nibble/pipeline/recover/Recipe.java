package dev.nibble.pipeline.recover;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.pipeline.recover.Algorithm.Choice;
import dev.nibble.pipeline.recover.Algorithm.Setting;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.weight.Scope;
import dev.nibble.quant.weight.WeightSteps;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What is done to get accuracy back after ranges are known: an ordered list of steps.
///
/// @param name of a named recipe or a file; empty for a list given on the command line
/// @param steps each algorithm once, in the order of [Algorithm]
public record Recipe(String name, List<Step> steps) {
    /// Ranges and rounding to nearest, nothing else.
    public static final Recipe PLAIN = of("plain");

    /// What `quantize` does where nothing is said, but see [#standard].
    public static final Recipe DEFAULT = of("", Algorithm.CORRECT_BIAS);

    private static final Recipe DEFAULT_W8A8 = of("", Algorithm.ROTATE_KEYS, Algorithm.CORRECT_BIAS);

    /// Second-order rounding with everything that goes with it.
    public static final Recipe W4 = of(
            "w4",
            Algorithm.RETARGET,
            Algorithm.SEQUENTIAL_MSE,
            Algorithm.GPTQ,
            Algorithm.COORDINATE_DESCENT,
            Algorithm.REFIT_SCALES,
            Algorithm.CORRECT_BIAS);

    private static final Recipe DEFAULT_W4 = new Recipe("", W4.steps());

    /// As [#W4], with the channels' ranges balanced first: for weights with one scale a tensor.
    public static final Recipe ENHANCED = of(
            "enhanced",
            Algorithm.ZERO_CONSTANT_CHANNELS,
            Algorithm.EQUALIZE,
            Algorithm.RETARGET,
            Algorithm.SEQUENTIAL_MSE,
            Algorithm.GPTQ,
            Algorithm.COORDINATE_DESCENT,
            Algorithm.REFIT_SCALES,
            Algorithm.CORRECT_BIAS);

    /// An algorithm on the operators in a scope, with numbers of its own.
    ///
    /// @param settings what was said; the rest has its standard value
    /// @param choices what was said; the rest has its standard word
    public record Step(Algorithm algorithm, Scope scope, Map<Setting, Double> settings, Map<Choice, String> choices) {
        /// @throws NibbleException where a setting or a choice is not the algorithm's, out of range or unknown
        public Step {
            choices = Map.copyOf(choices);
            choices.forEach((choice, word) -> {
                if (!algorithm.choices().contains(choice)) {
                    throw new NibbleException("'%s' has no %s".formatted(algorithm.id(), choice.id()), "leave it out");
                }
                choice.require(word);
            });
            settings = Map.copyOf(settings);
            settings.forEach((setting, value) -> {
                if (!algorithm.settings().contains(setting)) {
                    throw new NibbleException(
                            "'%s' has no %s".formatted(algorithm.id(), setting.id()),
                            algorithm.settings().isEmpty()
                                    ? "it takes no numbers"
                                    : "it takes "
                                            + String.join(
                                                    ", ",
                                                    algorithm.settings().stream()
                                                            .map(Setting::id)
                                                            .toList()));
                }
                setting.require(value);
            });
        }

        /// With standard words.
        public Step(Algorithm algorithm, Scope scope, Map<Setting, Double> settings) {
            this(algorithm, scope, settings, Map.of());
        }

        /// On every operator, with standard numbers.
        public Step(Algorithm algorithm) {
            this(algorithm, Scope.ALL, Map.of(), Map.of());
        }

        double value(Setting setting) {
            return settings.getOrDefault(setting, setting.standard());
        }

        String word(Choice choice) {
            return choices.getOrDefault(choice, choice.standard());
        }

        /// `gptq(damping=0.05) on Conv`.
        @Override
        public String toString() {
            TreeMap<String, Object> sorted = new TreeMap<>();
            settings.forEach((setting, value) -> sorted.put(setting.id(), value));
            choices.forEach((choice, word) -> sorted.put(choice.id(), word));
            return algorithm.id()
                    + (sorted.isEmpty()
                            ? ""
                            : sorted.toString().replace('{', '(').replace('}', ')'))
                    + (scope.equals(Scope.ALL) ? "" : " on " + scope);
        }
    }

    /// @throws NibbleException where an algorithm stands twice or out of order
    public Recipe {
        steps = List.copyOf(steps);
        EnumSet<Algorithm> seen = EnumSet.noneOf(Algorithm.class);
        for (int i = 0; i < steps.size(); i++) {
            Algorithm algorithm = steps.get(i).algorithm();
            if (!seen.add(algorithm)) {
                throw new NibbleException(
                        "step '%s' stands twice".formatted(algorithm.id()),
                        "each step runs once; name it once, with all of its scope");
            }
            if (i > 0 && algorithm.compareTo(steps.get(i - 1).algorithm()) < 0) {
                throw new NibbleException(
                        "'%s' comes after '%s', but has to run before it"
                                .formatted(
                                        algorithm.id(),
                                        steps.get(i - 1).algorithm().id()),
                        "the order is " + String.join(", ", Algorithm.names()));
            }
        }
    }

    /// What `quantize` does at `precision` where nothing is said. Weights of 4 bits need their codes decided: to nearest they
    /// ruin many models. Keys are turned for activations of 8 bits: 16 bits leave nothing to gain, and weights of 4 bits lose
    /// more, since turned rows mix outliers into their neighbours.
    ///
    /// @param samples whether there are any: deciding codes takes some
    public static Recipe standard(Precision precision, boolean samples) {
        if (precision.activationBits().isEmpty()) {
            return DEFAULT;
        }
        if (precision.weightBits() < 8) {
            return samples ? DEFAULT_W4 : DEFAULT;
        }
        return precision.activationBits().getAsInt() <= 8 ? DEFAULT_W8A8 : DEFAULT;
    }

    /// Whether this is what [#standard] gives at some precision.
    public boolean isStandard() {
        return equals(DEFAULT) || equals(DEFAULT_W8A8) || equals(DEFAULT_W4);
    }

    /// Of `algorithms`, on every operator.
    static Recipe of(String name, Algorithm... algorithms) {
        return new Recipe(name, Arrays.stream(algorithms).map(Step::new).toList());
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
        return of("", named.toArray(Algorithm[]::new));
    }

    public boolean has(Algorithm algorithm) {
        return step(algorithm).isPresent();
    }

    /// The step of `algorithm`, if it is taken.
    public Optional<Step> step(Algorithm algorithm) {
        return steps.stream().filter(step -> step.algorithm() == algorithm).findFirst();
    }

    /// Refuses scopes that hold none of the graph's operators.
    ///
    /// @throws NibbleException naming the scope and the nearest names
    public void requireScopes(Graph graph) {
        for (Step step : steps) {
            String where = "step '%s'".formatted(step.algorithm().id());
            step.scope().requireMatches(graph, name.isEmpty() ? where : where + " of recipe '" + name + "'");
        }
    }

    /// Whether any step decides the codes of weights.
    public boolean decidesWeights() {
        return steps.stream().anyMatch(step -> step.algorithm().decidesWeights());
    }

    /// The steps that decide the weight of `node`; empty where none of the steps is for it.
    public Optional<WeightSteps> weights(Node node) {
        EnumSet<Algorithm> taken = EnumSet.noneOf(Algorithm.class);
        steps.stream()
                .filter(step -> step.algorithm().decidesWeights() || step.algorithm() == Algorithm.CORRECT_BIAS)
                .filter(step -> step.scope().includes(node))
                .forEach(step -> taken.add(step.algorithm()));
        if (taken.isEmpty()) {
            return Optional.empty();
        }
        // Both use one factor of the covariance, whose damping GPTQ's step may set.
        Setting damping = Setting.DAMPING;
        double damped = taken.contains(Algorithm.GPTQ) && setting(Algorithm.GPTQ, damping) != damping.standard()
                ? setting(Algorithm.GPTQ, damping)
                : setting(Algorithm.RETARGET, damping);
        return Optional.of(new WeightSteps(
                taken.contains(Algorithm.SEQUENTIAL_MSE),
                taken.contains(Algorithm.RETARGET),
                taken.contains(Algorithm.GPTQ),
                taken.contains(Algorithm.COORDINATE_DESCENT),
                taken.contains(Algorithm.REFIT_SCALES),
                taken.contains(Algorithm.CORRECT_BIAS),
                damped,
                (int) setting(Algorithm.SEQUENTIAL_MSE, Setting.CANDIDATES),
                (int) setting(Algorithm.COORDINATE_DESCENT, Setting.SWEEPS)));
    }

    private double setting(Algorithm algorithm, Setting setting) {
        return step(algorithm).map(step -> step.value(setting)).orElse(setting.standard());
    }

    /// The first `count` steps.
    public Recipe first(int count) {
        return count == steps.size() ? this : new Recipe("", steps.subList(0, count));
    }

    /// `seqmse,gptq on Conv`; `none` where there is no step.
    public String shown() {
        return steps.isEmpty()
                ? "none"
                : String.join(",", steps.stream().map(Step::toString).toList());
    }
}
