package dev.nibble.quant.encodings;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.encodings.EncodingEntry.Width;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.BiasQuantizer;
import dev.nibble.quant.place.Forced;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.WeightQuantizer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// Lays a file of overrides, or the encodings of another tool's run, over a model: which tensor each entry means, and
/// whether the target can honour it.
///
/// A key is a tensor's name; where no tensor has it, `*` and `?` make it a pattern. A name beats a pattern, a later
/// pattern an earlier one. Patterns mean weights (`param_encodings`) and quantized values (`activation_encodings`) only.
public final class ResolveOverrides {
    private static final List<Integer> ACTIVATION_BITS = List.of(8, 16);
    private static final List<Integer> WEIGHT_BITS = List.of(4, 8, 16);
    private static final int SHOWN = 5;

    private final PlacementPlan plan;
    private final Graph graph;
    private final Encodings file;
    private final Map<String, String> renamed;
    private final Set<String> original;
    private final Map<String, WeightQuantizer> weights;
    private final Map<String, BiasQuantizer> biases;
    private final List<NibbleException> problems = new ArrayList<>();
    private final Map<String, Forced> forced = new TreeMap<>();
    private final Map<String, LowPowerBlocks> lowPower = new TreeMap<>();
    private final Map<String, EncodingEntry> givenBiases = new TreeMap<>();

    /// @param overrides for [dev.nibble.quant.place.Precision#with]
    /// @param lowPower the weights whose scales are multiples of a channel's, as the file has them
    /// @param biases the biases that the file has entries for
    public record Result(
            Overrides overrides, Map<String, LowPowerBlocks> lowPower, Map<String, EncodingEntry> biases) {}

    private ResolveOverrides(
            PlacementPlan plan, Encodings file, Map<String, String> renamed, Collection<String> original) {
        this.plan = plan;
        this.graph = plan.model().graph();
        this.file = file;
        this.renamed = renamed;
        this.original = Set.copyOf(original);
        this.weights = plan.weightsByName();
        this.biases = plan.biasesByName();
    }

    /// What `file` forces on the tensors of `plan`.
    ///
    /// @param plan of the model without overrides
    /// @param renamed values of the user's model that go by another name in the plan's
    /// @param original names in the user's model
    /// @throws NibbleException where an entry means no tensor, does not fit its tensor, or asks for what the target
    ///     cannot do; names the nearest tensors, quotes the rule
    public static Result over(
            PlacementPlan plan, Encodings file, Map<String, String> renamed, Collection<String> original) {
        ResolveOverrides run = new ResolveOverrides(plan, file, renamed, original);
        Result result = run.resolve();
        if (!run.problems.isEmpty()) {
            throw run.problems.getFirst();
        }
        return result;
    }

    /// What keeps [#over] from doing its work, entry by entry; empty where nothing does.
    public static List<NibbleException> problems(
            PlacementPlan plan, Encodings file, Map<String, String> renamed, Collection<String> original) {
        ResolveOverrides run = new ResolveOverrides(plan, file, renamed, original);
        var _ = run.resolve();
        return run.problems;
    }

    private Result resolve() {
        Map<String, EncodingEntry> exact = new LinkedHashMap<>();
        Map<String, EncodingEntry> matched = new LinkedHashMap<>();
        List<String> unknown = new ArrayList<>();
        boolean one = file.isOneList();
        read(file.activations(), values(), one ? weightNames() : List.of(), exact, matched, unknown);
        read(file.params(), weightNames(), List.of(), exact, matched, unknown);
        if (!unknown.isEmpty()) {
            problems.add(unknown(unknown));
        }
        matched.forEach(this::force);
        exact.forEach(this::force);
        checkInputs();
        return new Result(new Overrides(new TreeMap<>(forced), file.supergroups()), lowPower, givenBiases);
    }

    /// The values that a pattern may mean.
    private List<String> values() {
        return plan.activations().stream()
                .filter(ActivationQuantizer::inEncodings)
                .map(ActivationQuantizer::name)
                .toList();
    }

    /// The weights that a pattern may mean.
    private List<String> weightNames() {
        Set<String> names = new LinkedHashSet<>();
        plan.weights().stream()
                .filter(ResolveOverrides::isStored)
                .forEach(weight -> names.add(plan.renamed().getOrDefault(weight.name(), weight.name())));
        return List.copyOf(names);
    }

    private void read(
            Map<String, EncodingEntry> entries,
            List<String> candidates,
            List<String> more,
            Map<String, EncodingEntry> exact,
            Map<String, EncodingEntry> matched,
            List<String> unknown) {
        entries.forEach((key, entry) -> {
            String name = renamed.getOrDefault(key, key);
            if (graph.names().contains(name)) {
                EncodingEntry other = exact.put(name, entry);
                if (other != null) {
                    throw new NibbleException(
                            "'" + key + "' and '" + other.name() + "' are one tensor, '" + name + "'",
                            "keep one entry");
                }
            } else if (Glob.isGlob(key)) {
                Glob glob = Glob.of(key);
                List<String> all = new ArrayList<>(glob.among(candidates));
                all.addAll(glob.among(more));
                if (all.isEmpty()) {
                    problems.add(noMatch(key, candidates));
                }
                all.forEach(match -> matched.put(match, entry));
            } else {
                unknown.add(key);
            }
        });
    }

    private NibbleException noMatch(String key, List<String> candidates) {
        List<String> some = candidates.subList(0, Math.min(SHOWN, candidates.size()));
        List<String> elsewhere = Glob.of(key).among(graph.names());
        return elsewhere.isEmpty()
                ? new NibbleException(
                        "the overrides' pattern '" + key + "' matches no tensor",
                        some.isEmpty()
                                ? "the section has no such tensors"
                                : "names are like " + String.join(", ", some))
                : new NibbleException(
                        "the overrides' pattern '%s' matches tensors without a quantizer only, '%s' first"
                                .formatted(key, elsewhere.getFirst()),
                        "patterns mean weights in param_encodings and quantized values in activation_encodings; name others in full");
    }

    private NibbleException unknown(List<String> unknown) {
        int all = file.activations().size() + file.params().size();
        if (unknown.size() * 2 > all && all > 1) {
            return new NibbleException(
                    "the encodings are for another model: %d of %d tensors are not in this one: %s%s"
                            .formatted(
                                    unknown.size(),
                                    all,
                                    String.join(", ", unknown.subList(0, Math.min(SHOWN, unknown.size()))),
                                    unknown.size() > SHOWN ? ", …" : ""),
                    "use the model that was written beside the encodings (model.float.onnx)");
        }
        String name = unknown.getFirst();
        if (original.contains(name)) {
            return new NibbleException(
                    "tensor '" + name
                            + "' of the overrides is gone once the model is prepared: an operator was folded into"
                            + " another",
                    Nearest.didYouMean(
                            name,
                            graph.names(),
                            "name the tensor behind it; nibble overrides init MODEL lists those that stay"));
        }
        return new NibbleException(
                "there is no tensor '%s' in the model%s"
                        .formatted(
                                name,
                                unknown.size() > 1
                                        ? ", nor %d others of the overrides".formatted(unknown.size() - 1)
                                        : ""),
                Nearest.didYouMean(
                        name, graph.names(), "nibble overrides init MODEL lists the tensors that have quantizers"));
    }

    private void force(String name, EncodingEntry entry) {
        try {
            forceOne(name, entry);
        } catch (NibbleException e) {
            problems.add(e);
        }
    }

    private void forceOne(String name, EncodingEntry entry) {
        boolean constant = graph.constant(name).isPresent();
        WeightQuantizer weight = weights.get(name);
        Optional<Forced> what;
        if (biases.containsKey(name) || constant && isBias(name)) {
            what = bias(name, entry);
            if (entry instanceof Affine) {
                givenBiases.put(name, CompleteEncodings.entry(graph, entry));
            }
        } else if (weight != null) {
            what = Optional.of(weight(weight, entry));
        } else if (constant) {
            what = unquantized(name, entry);
        } else {
            what = Optional.of(value(name, entry));
        }
        what.ifPresent(f -> forced.put(name, f));
    }

    private boolean isBias(String name) {
        return graph.consumers(name).stream()
                .anyMatch(n ->
                        n.isAny("Conv", "ConvTranspose", "Gemm") && n.input(2).equals(name));
    }

    private Optional<Forced> unquantized(String name, EncodingEntry entry) {
        if (entry instanceof FloatingPoint) {
            return Optional.empty();
        }
        String reader =
                graph.consumers(name).stream().findFirst().map(Node::toString).orElse("nothing");
        throw new NibbleException(
                "constant '%s' takes no encoding: %s reads it, and the rules of %s leave it as it is"
                        .formatted(name, reader, plan.rules()),
                "take it out of the overrides");
    }

    private Optional<Forced> bias(String name, EncodingEntry entry) {
        return switch (entry) {
            case FloatingPoint(String _, int bits) -> Optional.of(new Forced.InFloat(bits));
            case Affine affine
            when affine.bits() == 32 && biases.containsKey(name) ->
                Optional.of(new Forced.Scales(ResolveEncodings.weight(graph, affine, file.version())));
            case Affine affine when affine.bits() == 32 -> Optional.empty();
            case Width width when width.bits() == 32 -> Optional.empty();
            case Affine affine -> throw biasWidth(name, affine.bits());
            case Width width -> throw biasWidth(name, width.bits());
            case LowPowerBlocks blocks -> throw biasWidth(name, blocks.compressedBits());
        };
    }

    private static NibbleException biasWidth(String name, int bits) {
        return new NibbleException(
                "bias '%s' cannot have %d bits: biases are int32, at the scale of their accumulator"
                        .formatted(name, bits),
                "take it out of the overrides");
    }

    private Forced weight(WeightQuantizer weight, EncodingEntry entry) {
        String name = weight.name();
        return switch (entry) {
            case FloatingPoint(String _, int bits) -> new Forced.InFloat(bits);
            case Width(String _, int bits, Optional<Boolean> symmetric) -> {
                checkWeight(weight, bits);
                yield new Forced.Width(
                        bits,
                        symmetric
                                .filter(s -> !s || weight.scheme().symmetry() == Symmetry.ASYMMETRIC)
                                .map(s -> s ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC));
            }
            case Affine affine -> {
                checkWeight(weight, affine.bits());
                yield new Forced.Scales(ResolveEncodings.weight(graph, named(affine, name), file.version()));
            }
            case LowPowerBlocks blocks -> {
                checkWeight(weight, blocks.compressedBits());
                LowPowerBlocks own = new LowPowerBlocks(
                        name,
                        blocks.bits(),
                        blocks.compressedBits(),
                        blocks.blockSize(),
                        blocks.channelScales(),
                        blocks.blockScales(),
                        blocks.axis(),
                        blocks.nesting());
                if (CompleteEncodings.entry(graph, own) instanceof LowPowerBlocks complete) {
                    lowPower.put(name, complete);
                }
                yield new Forced.Scales(ResolveEncodings.blocks(graph, own));
            }
        };
    }

    /// The entry of a pattern as that of one of its tensors.
    private static Affine named(Affine entry, String name) {
        return new Affine(
                name,
                entry.bits(),
                entry.symmetric(),
                entry.layout(),
                entry.scales(),
                entry.offsets(),
                entry.axis(),
                entry.blockSize(),
                entry.nesting());
    }

    /// A weight, or a table of rows: not a constant in the place of an activation.
    private static boolean isStored(WeightQuantizer weight) {
        return weight.role() == WeightQuantizer.Role.WEIGHT || weight.role() == WeightQuantizer.Role.TABLE;
    }

    private void checkWeight(WeightQuantizer weight, int bits) {
        List<Integer> allowed = isStored(weight) ? WEIGHT_BITS : ACTIVATION_BITS;
        if (!allowed.contains(bits)) {
            throw new NibbleException(
                    "'%s' cannot have %d bits: by the rules of %s, %s of %s have %s bits"
                            .formatted(
                                    weight.name(),
                                    bits,
                                    plan.rules(),
                                    isStored(weight) ? "weights" : "constant operands",
                                    weight.consumers().isEmpty()
                                            ? "its operator"
                                            : weight.consumers().getFirst().opType(),
                                    listed(allowed)),
                    "use one of these widths, or float");
        }
    }

    private static String listed(List<Integer> widths) {
        return String.join(
                        ", ",
                        widths.subList(0, widths.size() - 1).stream()
                                .map(String::valueOf)
                                .toList()) + " or " + widths.getLast();
    }

    private Forced value(String name, EncodingEntry entry) {
        if (plan.precision().activationBits().isEmpty() && !(entry instanceof FloatingPoint)) {
            throw new NibbleException(
                    "the overrides give value '" + name + "' an encoding, but activations are to stay in float",
                    "use --act-bitwidth 8 or 16, or take the activations out of the overrides");
        }
        graph.type(name).filter(type -> type != DataType.FLOAT).ifPresent(type -> {
            throw new NibbleException(
                    "value '%s' takes no encoding: it holds %s, and only float is quantized"
                            .formatted(name, type.onnxName()),
                    "take it out of the overrides");
        });
        return switch (entry) {
            case FloatingPoint(String _, int bits) -> new Forced.InFloat(bits);
            case Width(String _, int bits, Optional<Boolean> symmetric) -> {
                checkValue(name, bits);
                yield new Forced.Width(bits, symmetric.map(s -> s ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC));
            }
            case Affine affine -> {
                checkValue(name, affine.bits());
                Encoding encoding = ResolveEncodings.activation(named(affine, name));
                yield new Forced.Range(encoding);
            }
            case LowPowerBlocks _ ->
                throw new NibbleException("'" + name + "' has blocks, but is no weight", "only weights have blocks");
        };
    }

    private void checkValue(String name, int bits) {
        if (!ACTIVATION_BITS.contains(bits)) {
            throw new NibbleException(
                    "value '%s' cannot have %d bits: by the rules of %s, activations have %s bits"
                            .formatted(name, bits, plan.rules(), listed(ACTIVATION_BITS)),
                    "use int8, int16 or float; 4 bits are for weights");
        }
    }

    /// An input stays in float only where whatever reads it does.
    private void checkInputs() {
        forced.forEach((name, what) -> {
            if (!(what instanceof Forced.InFloat) || !graph.isInput(name)) {
                return;
            }
            for (Node reader : graph.consumers(name)) {
                boolean inFloat = reader.outputs().stream().anyMatch(this::isInFloat)
                        || reader.inputs().stream()
                                .anyMatch(i -> graph.constant(i).isPresent() && isInFloat(i));
                if (!inFloat) {
                    problems.add(new NibbleException(
                            "input '%s' cannot stay in float: %s reads it, and that is quantized"
                                    .formatted(name, reader),
                            "keep the output of that operator in float too, or take the input out of the overrides"));
                }
            }
        });
    }

    private boolean isInFloat(String name) {
        return forced.get(name) instanceof Forced.InFloat;
    }
}
