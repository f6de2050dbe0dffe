package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.quant.observe.Scaling;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Values that are another one times a positive constant, as attention's scaled scores are: what is to be known of them
/// follows from what is seen of the other, so they need not be fetched.
///
/// @param of the value that is scaled
/// @param scaling what becomes of each of its elements
record ScaledValues(String of, Scaling scaling) {
    /// Those of `values` that follow from another of `values`, by name.
    static Map<String, ScaledValues> find(Graph graph, Collection<String> values) {
        Set<String> seen = new HashSet<>(values);
        Map<String, ScaledValues> scaled = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            if (node.isAny("Mul", "Div") && seen.contains(node.output(0))) {
                of(graph, node)
                        .filter(found -> seen.contains(found.of()) && !scaled.containsKey(found.of()))
                        .ifPresent(found -> scaled.put(node.output(0), found));
            }
        }
        return scaled;
    }

    /// What the output of `node`, a Mul or Div, is a multiple of; empty where it multiplies by something else than a positive
    /// constant.
    static Optional<ScaledValues> of(Graph graph, Node node) {
        boolean divides = node.is("Div");
        for (int constant = divides ? 1 : 0; constant < 2; constant++) {
            Optional<Float> number = graph.initializer(node.input(constant)).flatMap(ScaledValues::number);
            if (number.isPresent()) {
                return Optional.of(new ScaledValues(node.input(1 - constant), new Scaling(number.get(), divides)));
            }
        }
        return Optional.empty();
    }

    /// How many times the other value it is.
    double factor() {
        return scaling.divides() ? 1.0 / scaling.constant() : scaling.constant();
    }

    private static Optional<Float> number(Initializer constant) {
        if (constant.typeCode() != DataType.FLOAT.code()
                || !constant.hasData()
                || constant.tensor().elements() != 1) {
            return Optional.empty();
        }
        float number = constant.tensor().floatAt(0);
        return number > 0 && Float.isFinite(number) ? Optional.of(number) : Optional.empty();
    }
}
