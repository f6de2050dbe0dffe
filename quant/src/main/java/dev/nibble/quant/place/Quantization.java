package dev.nibble.quant.place;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.QuantizedTensor;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// What was chosen for the tensors of a model: encodings of values, and codes of constants. Exporters,
/// encodings files and reports all read this.
///
/// @param activations encodings of values by name, each quantizer of the plan
/// @param weights codes and encodings of constants by initializer name
/// @param biases codes and encodings of biases by initializer name
/// @param conversions encodings on single edges, by `value → node` (see [#edge])
/// @param renamed names of this model's tensors that the user's model calls otherwise
public record Quantization(
        SortedMap<String, Encoding> activations,
        SortedMap<String, QuantizedTensor> weights,
        SortedMap<String, QuantizedTensor> biases,
        SortedMap<String, Encoding> conversions,
        SortedMap<String, String> renamed) {
    public static final Quantization EMPTY =
            new Quantization(new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>());

    public Quantization {
        activations = copy(activations);
        weights = copy(weights);
        biases = copy(biases);
        conversions = copy(conversions);
        renamed = copy(renamed);
    }

    private static <V> SortedMap<String, V> copy(Map<String, V> map) {
        return Collections.unmodifiableSortedMap(new TreeMap<>(map));
    }

    /// The encoding of value `name`.
    public Optional<Encoding> activation(String name) {
        return Optional.ofNullable(activations.get(name));
    }

    /// The codes of constant `name`, weight or bias.
    public Optional<QuantizedTensor> constant(String name) {
        return Optional.ofNullable(weights.get(name)).or(() -> Optional.ofNullable(biases.get(name)));
    }

    /// The key of a conversion in [#conversions].
    public static String edge(PlacementPlan.Conversion conversion) {
        return conversion.value() + " → " + conversion.node() + " #" + conversion.input();
    }
}
