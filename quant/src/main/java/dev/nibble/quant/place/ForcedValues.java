package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.PlacementRules.FixedEncoding;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// What is forced on values, brought to the values that hold the encodings: several that share one encoding must not be
/// told different things.
final class ForcedValues {
    private final Map<String, Forced> byName = new LinkedHashMap<>();
    private Map<String, Claim> byRoot = new LinkedHashMap<>();
    private Map<String, Claim> bySource = new LinkedHashMap<>();

    /// What is forced, and the tensor that it was said of.
    private record Claim(String said, Forced forced) {
        int bits() {
            return switch (forced) {
                case Forced.Range(Encoding encoding) -> encoding.grid().bits();
                case Forced.Width(int bits, var _) -> bits;
                case Forced.InFloat(int bits) -> bits;
                case Forced.Scales(var encoding) -> encoding.bits();
            };
        }
    }

    ForcedValues(Overrides overrides) {
        overrides.tensors().forEach((name, forced) -> {
            if (overrides.places(name)) {
                byName.put(name, forced);
            }
        });
    }

    /// The values at which a quantizer has to stand.
    List<String> values() {
        return List.copyOf(byName.keySet());
    }

    /// Brings what was said to the values whose encodings are passed on.
    ///
    /// @throws NibbleException where two values that share an encoding are told different things
    void setRoots(UnaryOperator<String> root) {
        Map<String, Claim> claims = new LinkedHashMap<>();
        byName.forEach((name, forced) -> merge(claims, root.apply(name), new Claim(name, forced)));
        byRoot = claims;
    }

    /// As [#setRoots], for values that the target ties; after it.
    void setTies(UnaryOperator<String> tied) {
        Map<String, Claim> claims = new LinkedHashMap<>();
        byRoot.forEach((root, claim) -> merge(claims, tied.apply(root), claim));
        bySource = claims;
    }

    private static void merge(Map<String, Claim> claims, String at, Claim claim) {
        Claim other = claims.putIfAbsent(at, claim);
        if (other == null) {
            return;
        }
        boolean same = other.forced().equals(claim.forced());
        boolean fits = other.bits() == claim.bits()
                && (other.forced() instanceof Forced.Width || claim.forced() instanceof Forced.Width);
        if (!same && !fits) {
            throw new NibbleException(
                    "the overrides contradict each other: '%s' is to be %s, and '%s' %s, but both have the encoding of '%s'"
                            .formatted(other.said(), shown(other), claim.said(), shown(claim), at),
                    "operators that only move values, and those whose inputs and outputs are tied (Concat), have one"
                            + " encoding: give both the same, or name only one");
        }
        if (claim.forced() instanceof Forced.Range) {
            claims.put(at, claim);
        }
    }

    private static String shown(Claim claim) {
        return switch (claim.forced()) {
            case Forced.Range(Encoding e) ->
                "%s with scale %s and zero point %d".formatted(e.grid(), e.scale(), e.zeroPoint());
            case Forced.Width _, Forced.InFloat _, Forced.Scales _ -> claim.bits() + "-bit";
        };
    }

    /// The width that is forced on the value `root`, ties apart.
    Optional<Integer> bits(String root) {
        return Optional.ofNullable(byRoot.get(root)).map(Claim::bits);
    }

    /// The widths of values that hold encodings.
    Map<String, Integer> tiedBits() {
        Map<String, Integer> bits = new LinkedHashMap<>();
        bySource.forEach((source, claim) -> bits.put(source, claim.bits()));
        return bits;
    }

    /// The encodings that are given, by the value that holds them.
    Map<String, Encoding> ranges() {
        Map<String, Encoding> ranges = new LinkedHashMap<>();
        bySource.forEach((source, claim) -> {
            if (claim.forced() instanceof Forced.Range(Encoding encoding)) {
                ranges.put(source, encoding.grid().signed() ? encoding.flippedSign() : encoding);
            }
        });
        return ranges;
    }

    Optional<Symmetry> symmetry(String source) {
        Claim claim = bySource.get(source);
        return claim != null && claim.forced() instanceof Forced.Width(int _, Optional<Symmetry> symmetry)
                ? symmetry
                : Optional.empty();
    }

    /// @throws NibbleException where a kernel of the target has another encoding built in
    void checkBuiltIn(String value, Encoding encoding, Graph graph, PlacementRules rules) {
        Node producer = graph.producer(value).filter(Node::isStandard).orElse(null);
        if (producer == null) {
            return;
        }
        FixedEncoding builtIn = rules.extensions()
                .fixedEncodings()
                .getOrDefault(producer.opType(), Map.of())
                .get(encoding.grid().bits());
        if (builtIn == null) {
            return;
        }
        // Tools derive 1/65535 from the range 0…1 where the kernel has 1/65536.
        boolean near = Math.abs(encoding.scale() / builtIn.scale() - 1) < 0.01
                && Math.abs(encoding.zeroPoint() - builtIn.zeroPoint()) <= 1;
        if (!near) {
            throw new NibbleException(
                    "'%s' cannot have scale %s and zero point %d: by the rules of %s, %s at %d bits always has scale %s and"
                                    .formatted(
                                            value,
                                            encoding.scale(),
                                            encoding.zeroPoint(),
                                            rules.name(),
                                            producer.opType(),
                                            encoding.grid().bits(),
                                            builtIn.scale())
                            + " zero point " + builtIn.zeroPoint(),
                    "leave '" + value + "' out of the overrides");
        }
    }
}
