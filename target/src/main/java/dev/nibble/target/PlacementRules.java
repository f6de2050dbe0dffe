package dev.nibble.target;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;

/// Where a target wants quantizers: the content of a quantsim configuration file (AIMET's grammar) with what
/// that grammar cannot say.
///
/// [QuantSimConfig] reads these from JSON. What is not said by an operator's own rule is answered by the
/// defaults.
///
/// @param name where the rules came from: `htp-v75`, or a file's name
/// @param params rules for `weight` and `bias`
/// @param operators rules by ONNX operator type
/// @param supergroupPasses patterns that need code: `MatmulAdd`, `LayerNormalization`, `RMSNormalization`
/// @param supergroups operator types that follow each other without quantizers in between
/// @param inputQuantized whether graph inputs are quantized
/// @param outputQuantized whether graph outputs are quantized; empty: as their operator's rule says
public record PlacementRules(
        String name,
        Defaults defaults,
        Map<String, ParamRule> params,
        SortedMap<String, OperatorRule> operators,
        List<String> supergroupPasses,
        List<List<String>> supergroups,
        boolean inputQuantized,
        Optional<Boolean> outputQuantized,
        Extensions extensions) {

    /// What holds unless an operator's rule says otherwise.
    ///
    /// @param hwVersion `V73`; empty where the file does not say
    public record Defaults(
            boolean outputQuantized,
            boolean outputSymmetric,
            boolean paramQuantized,
            boolean paramSymmetric,
            boolean strictSymmetric,
            boolean unsignedSymmetric,
            boolean perChannel,
            String hwVersion,
            List<Kernel> supportedKernels) {
        public Defaults {
            supportedKernels = List.copyOf(supportedKernels);
        }
    }

    /// A pair of types that a kernel takes (`supported_kernels`).
    public record Kernel(KernelType activation, Optional<KernelType> param) {}

    /// @param type `int` or `float`
    public record KernelType(int bitwidth, String type) {}

    /// What is said of a weight or bias.
    public record ParamRule(Optional<Boolean> quantized, Optional<Boolean> symmetric) {}

    /// What is said of one operator type. Empty: not said.
    public record OperatorRule(
            Optional<Boolean> inputQuantized,
            Optional<Boolean> outputQuantized,
            Optional<Boolean> symmetric,
            Optional<Boolean> perChannel,
            Map<String, ParamRule> params,
            List<Kernel> supportedKernels,
            Optional<Constraint> constraint) {
        public OperatorRule {
            params = Map.copyOf(params);
            supportedKernels = List.copyOf(supportedKernels);
        }

        static final OperatorRule NOTHING = new OperatorRule(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                List.of(),
                Optional.empty());
    }

    /// The range that an operator's output always has (`encoding_constraints`).
    ///
    /// @param max empty: the data's
    public record Constraint(double min, Optional<Double> max) {
        /// Whether both ends are fixed.
        public boolean isRange() {
            return max.isPresent();
        }

        /// `min == −max`: the encoding is symmetric.
        public boolean isSymmetric() {
            return max.isPresent() && max.get() == -min;
        }
    }

    /// What AIMET's grammar cannot say and its tool has in code; under the key `extensions` in our own rule
    /// files.
    ///
    /// @param gridPreserving operators whose output only rearranges or selects input values: they pass the
    ///     encoding on
    /// @param tied operators whose inputs and output share one encoding
    /// @param floatOperators operators that stay in float, with the reason
    /// @param fixedEncodings output encodings that the target's kernels have built in, by operator and bit
    ///     width
    /// @param paramSchemes how the parameters of normalizations are quantized
    /// @param secondOperand how the second, computed operand of MatMul is quantized, by activation width;
    ///     absent: as any activation
    /// @param depthwiseSupergroups whether depthwise and 3-D convolutions take part in supergroups
    public record Extensions(
            Set<String> gridPreserving,
            Set<String> tied,
            SortedMap<String, String> floatOperators,
            Map<String, Map<Integer, FixedEncoding>> fixedEncodings,
            Map<String, ParamScheme> paramSchemes,
            Map<Integer, Operand> secondOperand,
            boolean depthwiseSupergroups) {}

    /// An encoding that does not depend on data; unsigned codes.
    public record FixedEncoding(double scale, int zeroPoint) {}

    /// How an operator's weight is quantized where it is not by the general rule.
    ///
    /// @param bitwidth by activation width
    /// @param symmetric whether it is symmetric at every width
    /// @param symmetricBitwidths the widths of its own at which it is symmetric even so
    public record ParamScheme(
            Map<Integer, Integer> bitwidth, boolean symmetric, Set<Integer> symmetricBitwidths, boolean perChannel) {
        public ParamScheme {
            bitwidth = Map.copyOf(bitwidth);
            symmetricBitwidths = Set.copyOf(symmetricBitwidths);
        }

        /// Whether it is symmetric where it has `bits` bits.
        public boolean isSymmetric(int bits) {
            return symmetric || symmetricBitwidths.contains(bits);
        }
    }

    /// @param bitwidth the operand's width
    public record Operand(int bitwidth, boolean symmetric) {}

    public PlacementRules {
        params = Map.copyOf(params);
        operators = java.util.Collections.unmodifiableSortedMap(new java.util.TreeMap<>(operators));
        supergroupPasses = List.copyOf(supergroupPasses);
        supergroups = supergroups.stream().map(List::copyOf).toList();
    }

    private OperatorRule rule(String op) {
        return operators.getOrDefault(op, OperatorRule.NOTHING);
    }

    /// Whether the outputs of `op` are quantized.
    public boolean outputQuantized(String op) {
        return rule(op).outputQuantized().orElse(defaults.outputQuantized());
    }

    /// Whether the output of `op` is quantized symmetrically.
    public boolean outputSymmetric(String op) {
        return rule(op).symmetric().orElse(defaults.outputSymmetric());
    }

    /// Whether the weights of `op` have a scale for each channel.
    public boolean perChannel(String op) {
        return rule(op).perChannel().orElse(defaults.perChannel());
    }

    /// Whether parameter `param` (`weight`, `bias`) of `op` is quantized.
    public boolean paramQuantized(String op, String param) {
        return Optional.ofNullable(rule(op).params().get(param))
                .flatMap(ParamRule::quantized)
                .or(() -> Optional.ofNullable(params.get(param)).flatMap(ParamRule::quantized))
                .orElse(defaults.paramQuantized());
    }

    /// Whether parameter `param` of `op` is quantized symmetrically.
    public boolean paramSymmetric(String op, String param) {
        return Optional.ofNullable(rule(op).params().get(param))
                .flatMap(ParamRule::symmetric)
                .or(() -> Optional.ofNullable(params.get(param)).flatMap(ParamRule::symmetric))
                .orElse(defaults.paramSymmetric());
    }

    /// The range that the output of `op` always has, if it is said.
    public Optional<Constraint> constraint(String op) {
        return rule(op).constraint();
    }
}
