package dev.nibble.target;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// What an HTP accepts: operator × types of activation and weight × granularity × shape, as rules. The first
/// rule that fits decides; where none fits, the operator is accepted.
///
/// A pre-flight, learned from one-operator models put to Qualcomm's own compiler: the compiler is the
/// judge.
public final class Legality {
    private final List<Rule> rules;

    private Legality(List<Rule> rules) {
        this.rules = List.copyOf(rules);
    }

    /// @param ops operator types; `*` is all
    /// @param types patterns over `activation/weight/granularity`, such as `u16/s8/pc`, with `*` and `?`
    /// @param traits what must hold of the operator
    /// @param archs generations in lower case; none is all
    private record Rule(
            List<String> ops,
            List<Pattern> types,
            Set<String> traits,
            Set<String> archs,
            boolean accepted,
            String reason) {}

    /// What is asked about.
    ///
    /// @param types `activation/weight/granularity`: `u8`, `s16`, `f32`; `-` where there is no weight; `pt`,
    ///     `pc` or `block32`
    /// @param traits of `bias`, `depthwise`, `fused`, `1x1`, `3d`, `dilated`, `rank5`, `rank6`, `computed16`,
    ///     `notLinear`, `notFloor`, `notExponent`
    public record Query(String op, String types, Set<String> traits) {
        public Query {
            traits = Set.copyOf(traits);
        }
    }

    /// @param reason empty where it is accepted
    public record Verdict(boolean accepted, String reason) {}

    /// The rules that come with Nibble.
    public static Legality htp() {
        try (InputStream in = Legality.class.getResourceAsStream("legality.json")) {
            if (in == null) {
                throw new IllegalStateException("the legality rules are not in the program");
            }
            return read(new String(in.readAllBytes(), StandardCharsets.UTF_8), "legality.json");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Legality read(String json, String name) {
        List<Rule> rules = new ArrayList<>();
        for (Json rule : Json.parse(json, name).allow("rules").list("rules")) {
            rule.allow("ops", "types", "traits", "archs", "accepted", "reason");
            rules.add(new Rule(
                    rule.strings("ops"),
                    rule.strings("types").stream().map(Legality::glob).toList(),
                    Set.copyOf(rule.strings("traits")),
                    Set.copyOf(rule.strings("archs")),
                    rule.flag("accepted").orElse(false),
                    rule.text("reason").orElse("")));
        }
        return new Legality(rules);
    }

    private static Pattern glob(String text) {
        return Pattern.compile(text.replace("?", ".").replace("*", ".*"));
    }

    /// Whether `arch` accepts what `query` describes.
    public Verdict check(HtpArch arch, Query query) {
        String generation = arch.name().toLowerCase(Locale.ROOT);
        for (Rule rule : rules) {
            boolean fits = (rule.ops().contains("*") || rule.ops().contains(query.op()))
                    && (rule.archs().isEmpty() || rule.archs().contains(generation))
                    && query.traits().containsAll(rule.traits())
                    && rule.types().stream()
                            .anyMatch(t -> t.matcher(query.types()).matches());
            if (fits) {
                return new Verdict(rule.accepted(), rule.reason());
            }
        }
        return new Verdict(true, "");
    }
}
