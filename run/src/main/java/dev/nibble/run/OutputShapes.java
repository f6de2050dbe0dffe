package dev.nibble.run;

import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What shapes a model's results have for inputs of given shapes, learned from runs: each dimension is a constant, a
/// multiple or a part of a dimension of the inputs, differs from it by a constant, or is a multiple of the product of
/// two. Of the rules that hold for a dimension in every run seen, the first in that order is taken.
///
/// A prediction may be wrong; ONNX Runtime refuses memory of another shape than a result's.
///
/// Nothing is learned of models with many inputs, such as one that is cut everywhere: the rules that are possible grow with
/// the square of the inputs' dimensions.
final class OutputShapes {
    private static final int MOST_DIMENSIONS = 16;

    /// One dimension of a result, in terms of the inputs' dimensions.
    private sealed interface Rule {
        /// The dimension; negative where the rule gives none.
        long of(List<Long> inputs);
    }

    private record Constant(long value) implements Rule {
        @Override
        public long of(List<Long> inputs) {
            return value;
        }
    }

    private record Multiple(int input, long factor) implements Rule {
        @Override
        public long of(List<Long> inputs) {
            return inputs.get(input) * factor;
        }
    }

    private record Part(int input, long divisor) implements Rule {
        @Override
        public long of(List<Long> inputs) {
            return inputs.get(input) % divisor == 0 ? inputs.get(input) / divisor : -1;
        }
    }

    private record Difference(int input, long offset) implements Rule {
        @Override
        public long of(List<Long> inputs) {
            return inputs.get(input) + offset;
        }
    }

    private record Product(int first, int second, long factor) implements Rule {
        @Override
        public long of(List<Long> inputs) {
            return inputs.get(first) * inputs.get(second) * factor;
        }
    }

    private final Map<String, List<List<Rule>>> rules = new HashMap<>();
    private Map<String, Shape> first = Map.of();
    private boolean told;

    /// Takes in one run. Nothing is predicted before two runs with inputs of different shapes.
    void learn(Map<String, Shape> inputs, Map<String, Shape> results) {
        List<Long> from = dims(inputs);
        if (from.size() > MOST_DIMENSIONS) {
            return;
        }
        boolean begins = first.isEmpty();
        if (begins) {
            first = Map.copyOf(inputs);
        }
        told |= !inputs.equals(first);
        results.forEach((name, shape) -> {
            List<List<Rule>> known = rules.get(name);
            if (begins) {
                rules.put(name, possible(shape, from));
            } else if (known != null && known.size() == shape.rank()) {
                for (int d = 0; d < shape.rank(); d++) {
                    long dim = shape.dim(d);
                    known.get(d).removeIf(rule -> rule.of(from) != dim);
                }
            } else {
                rules.remove(name);
            }
        });
    }

    /// The shapes of the results that can be told, for inputs of these shapes.
    Map<String, Shape> of(Map<String, Shape> inputs) {
        Map<String, Shape> shapes = new HashMap<>();
        if (told && inputs.keySet().equals(first.keySet())) {
            List<Long> from = dims(inputs);
            rules.forEach((name, dims) -> shape(dims, from).ifPresent(shape -> shapes.put(name, shape)));
        }
        return shapes;
    }

    private static Optional<Shape> shape(List<List<Rule>> rules, List<Long> inputs) {
        long[] dims = new long[rules.size()];
        for (int d = 0; d < dims.length; d++) {
            dims[d] = rules.get(d).isEmpty() ? -1 : rules.get(d).getFirst().of(inputs);
            if (dims[d] < 0) {
                return Optional.empty();
            }
        }
        return Optional.of(Shape.of(dims));
    }

    private static List<List<Rule>> possible(Shape shape, List<Long> inputs) {
        List<List<Rule>> result = new ArrayList<>();
        for (int d = 0; d < shape.rank(); d++) {
            result.add(possible(shape.dim(d), inputs));
        }
        return result;
    }

    private static List<Rule> possible(long dim, List<Long> inputs) {
        List<Rule> rules = new ArrayList<>(List.of(new Constant(dim)));
        List<Rule> differences = new ArrayList<>();
        List<Rule> products = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            long input = inputs.get(i);
            if (input <= 0) {
                continue;
            }
            if (dim % input == 0) {
                rules.add(new Multiple(i, dim / input));
            } else if (dim > 0 && input % dim == 0) {
                rules.add(new Part(i, input / dim));
            }
            differences.add(new Difference(i, dim - input));
            for (int j = 0; j <= i; j++) {
                long both = input * inputs.get(j);
                if (both > 0 && dim % both == 0) {
                    products.add(new Product(j, i, dim / both));
                }
            }
        }
        rules.addAll(differences);
        rules.addAll(products);
        return rules;
    }

    private static List<Long> dims(Map<String, Shape> inputs) {
        List<Long> dims = new ArrayList<>();
        new TreeMap<>(inputs).values().forEach(shape -> {
            for (long dim : shape.dims()) {
                dims.add(dim);
            }
        });
        return dims;
    }
}
