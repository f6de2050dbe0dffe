package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.OperatorInputs.WeightAxes;
import dev.nibble.quant.place.WeightQuantizer.Role;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.PlacementRules.ParamScheme;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Chooses how a constant is quantized, by its operator, the rules and what is wanted.
final class WeightSchemes {
    private final PlacementRules rules;
    private final Precision precision;
    private final Map<String, String> renamed;

    WeightSchemes(PlacementRules rules, Precision precision) {
        this(rules, precision, Map.of());
    }

    /// @param renamed split constants: new name to the name that overrides use
    WeightSchemes(PlacementRules rules, Precision precision, Map<String, String> renamed) {
        this.rules = rules;
        this.precision = precision;
        this.renamed = renamed;
    }

    /// What was chosen, and why it is not what was asked for (null where it is).
    record Choice(
            Scheme.Integer scheme, Role role, @Nullable String deviation) {
        Choice with(Forced.Width width) {
            Symmetry symmetry = width.symmetry().orElse(scheme.symmetry());
            return new Choice(new Scheme.Integer(width.bits(), symmetry, scheme.granularity()), role, null);
        }
    }

    /// The scheme of the constant at input `index` of `node`; empty where it stays in float.
    Optional<Choice> choose(Graph graph, Node node, int index) {
        Shape shape = graph.shape(node.input(index)).orElse(Shape.SCALAR);
        Role role = OperatorInputs.role(node, index);
        if (precision.activationBits().isEmpty() && role == Role.OPERAND && isTable(node, index, shape)) {
            role = Role.TABLE;
        }
        if (precision.activationBits().isEmpty() && role != Role.WEIGHT && role != Role.TABLE) {
            return Optional.empty();
        }
        int activationBits = precision.activationBits().orElse(16);
        String name = node.input(index);
        Forced forced =
                precision.overrides().of(renamed.getOrDefault(name, name)).orElse(null);
        return switch (forced) {
            case null -> byRules(node, shape, role, activationBits);
            case Forced.Width width ->
                byRules(node, shape, role, activationBits).map(choice -> choice.with(width));
            case Forced.Scales(TensorEncoding.Affine encoding) -> Optional.of(new Choice(scheme(encoding), role, null));
            case Forced.Range _, Forced.InFloat _ -> Optional.empty();
        };
    }

    private static Scheme.Integer scheme(TensorEncoding.Affine encoding) {
        IntegerGrid grid = encoding.grid();
        Symmetry symmetry =
                grid.strict() ? Symmetry.STRICT_SYMMETRIC : grid.signed() ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC;
        return new Scheme.Integer(grid.bits(), symmetry, encoding.granularity());
    }

    private Optional<Choice> byRules(Node node, Shape shape, Role role, int activationBits) {
        return switch (role) {
            case WEIGHT -> rules.paramQuantized(node.opType(), "weight") ? weight(node, shape) : Optional.empty();
            case TABLE -> rules.paramQuantized(node.opType(), "weight") ? table(node, shape) : Optional.empty();
            case PARAMETER -> Optional.of(new Choice(parameter(node, activationBits), role, null));
            case OPERAND ->
                Optional.of(new Choice(
                        new Scheme.Integer(activationBits, Symmetry.ASYMMETRIC, Granularity.PER_TENSOR), role, null));
        };
    }

    private Scheme.Integer parameter(Node node, int activationBits) {
        ParamScheme special = rules.extensions().paramSchemes().get(node.opType());
        if (special == null) {
            return new Scheme.Integer(Math.max(8, activationBits), Symmetry.ASYMMETRIC, Granularity.PER_TENSOR);
        }
        int bits = special.bitwidth().getOrDefault(activationBits, 8);
        return new Scheme.Integer(
                bits, special.isSymmetric(bits) ? symmetric() : Symmetry.ASYMMETRIC, Granularity.PER_TENSOR);
    }

    private Symmetry symmetric() {
        return rules.defaults().strictSymmetric() ? Symmetry.STRICT_SYMMETRIC : Symmetry.SYMMETRIC;
    }

    private Optional<Choice> weight(Node node, Shape shape) {
        String op = node.opType();
        Symmetry symmetry = precision
                .weightSymmetry()
                .orElse(rules.paramSymmetric(op, "weight") ? symmetric() : Symmetry.ASYMMETRIC);
        int bits = precision.weightBits();
        String deviation = null;
        boolean convolution = node.isAny("Conv", "ConvTranspose");
        if (convolution && shape.rank() == 5 && bits != 8) {
            deviation = "3-D convolutions take 8-bit weights only, not %d-bit".formatted(bits);
            bits = 8;
        }
        WeightAxes axes = OperatorInputs.axes(node, shape.rank()).orElse(null);
        Granularity granularity = Granularity.PER_TENSOR;
        boolean channels = axes != null && rules.perChannel(op) && !depthwiseTransposed(node, shape);
        if (!(precision.granularity() instanceof WeightGranularity.PerTensor) && axes != null) {
            if (channels) {
                granularity = new Granularity.PerChannel(axes.channel());
            } else {
                deviation = "one scale for the weight: the target has none by channel here";
            }
            if (precision.granularity() instanceof WeightGranularity.PerBlock(int size)) {
                String obstacle = blockObstacle(node, shape, axes, size);
                if (obstacle == null) {
                    granularity = new Granularity.PerBlock(axes.block(), size);
                } else {
                    deviation =
                            (channels ? "scales by channel, not by block: " : "one scale, not by block: ") + obstacle;
                }
            }
        }
        return Optional.of(new Choice(new Scheme.Integer(bits, symmetry, granularity), Role.WEIGHT, deviation));
    }

    /// Whether `node` looks up rows of a matrix at input `index`.
    private static boolean isTable(Node node, int index, Shape shape) {
        return index == 0 && node.is("Gather") && shape.rank() == 2 && node.intAttribute("axis", 0) == 0;
    }

    /// A scale for each row, or for each block of a row.
    private Optional<Choice> table(Node node, Shape shape) {
        Symmetry symmetry = precision
                .weightSymmetry()
                .orElse(rules.paramSymmetric(node.opType(), "weight") ? symmetric() : Symmetry.ASYMMETRIC);
        String deviation = null;
        Granularity granularity = new Granularity.PerChannel(0);
        switch (precision.granularity()) {
            case WeightGranularity.PerTensor _ -> granularity = Granularity.PER_TENSOR;
            case WeightGranularity.PerChannel _ -> {}
            case WeightGranularity.PerBlock(int size) -> {
                if (shape.dim(1) % size == 0) {
                    granularity = new Granularity.PerBlock(1, size);
                } else {
                    deviation = "scales by row, not by block: rows of %d values are no multiple of %d"
                            .formatted(shape.dim(1), size);
                }
            }
        }
        return Optional.of(
                new Choice(new Scheme.Integer(precision.weightBits(), symmetry, granularity), Role.TABLE, deviation));
    }

    private static boolean depthwiseTransposed(Node node, Shape shape) {
        return node.is("ConvTranspose") && node.intAttribute("group", 1) > 1 && shape.dim(1) == 1;
    }

    private @Nullable String blockObstacle(Node node, Shape shape, WeightAxes axes, int size) {
        if (precision.activationBits().orElse(16) != 16) {
            return "blocked weights need 16-bit activations";
        }
        if (node.is("ConvTranspose")) {
            return "ConvTranspose takes no blocked weights";
        }
        if (node.is("Conv") && shape.product(2, shape.rank()) != 1) {
            return "only 1×1 convolutions take blocked weights";
        }
        if (shape.rank() > 2 && !node.is("Conv")) {
            return "only matrices take blocked weights";
        }
        if (shape.dim(axes.block()) % size != 0) {
            return "%d input channels are not a multiple of %d".formatted(shape.dim(axes.block()), size);
        }
        return null;
    }
}
