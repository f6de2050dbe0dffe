package dev.nibble.target;

import dev.nibble.graph.NibbleException;
import dev.nibble.target.PlacementRules.Constraint;
import dev.nibble.target.PlacementRules.Defaults;
import dev.nibble.target.PlacementRules.Extensions;
import dev.nibble.target.PlacementRules.FixedEncoding;
import dev.nibble.target.PlacementRules.Kernel;
import dev.nibble.target.PlacementRules.KernelType;
import dev.nibble.target.PlacementRules.Operand;
import dev.nibble.target.PlacementRules.OperatorRule;
import dev.nibble.target.PlacementRules.ParamRule;
import dev.nibble.target.PlacementRules.ParamScheme;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Reads placement rules in the grammar of AIMET's quantsim configuration: `defaults`, `params`, `op_type`,
/// `supergroup_pass_list`, `supergroups`, `model_input`, `model_output`; booleans as `true` or `"True"`. Our
/// own files add `extensions`; a file without them gets those of its `hw_version`.
public final class QuantSimConfig {
    /// The architectures that have rules of their own.
    private static final List<String> ARCHITECTURES = List.of("v68", "v69", "v73", "v75", "v79", "v81");

    private QuantSimConfig() {}

    /// The rules for an HTP architecture.
    public static PlacementRules htp(HtpArch arch) {
        return resource(arch.name().toLowerCase(Locale.ROOT));
    }

    private static PlacementRules resource(String arch) {
        String file = "rules/htp_" + arch + ".json";
        try (InputStream in = QuantSimConfig.class.getResourceAsStream(file)) {
            if (in == null) {
                throw new IllegalStateException("the rules " + file + " are not in the program");
            }
            return read(new String(in.readAllBytes(), StandardCharsets.UTF_8), "htp-" + arch);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /// Reads the rules in `file`.
    ///
    /// @throws NibbleException where it cannot be read, is not JSON, or says something unknown
    public static PlacementRules read(Path file) {
        try {
            return read(Files.readString(file), file.getFileName().toString());
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path and its permissions", e);
        }
    }

    /// Reads the rules in `json`.
    ///
    /// @param name what messages call them
    /// @throws NibbleException where it is not JSON, or says something unknown
    public static PlacementRules read(String json, String name) {
        Json root = Json.parse(json, name);
        root.allow(
                "defaults",
                "params",
                "op_type",
                "supergroup_pass_list",
                "supergroups",
                "model_input",
                "model_output",
                "extensions");
        Defaults defaults = defaults(root.object("defaults"));
        List<List<String>> supergroups = new ArrayList<>();
        for (Json group : root.list("supergroups")) {
            group.allow("op_list");
            List<String> ops = group.strings("op_list");
            if (ops.size() < 2) {
                throw group.error("a supergroup needs at least two operators", "list them under 'op_list'");
            }
            supergroups.add(ops);
        }
        SortedMap<String, OperatorRule> operators = new TreeMap<>();
        for (Map.Entry<String, Json> entry : root.object("op_type").entries()) {
            operators.put(entry.getKey(), operator(entry.getValue()));
        }
        Json input = root.object("model_input").allow("is_input_quantized");
        Json output = root.object("model_output").allow("is_output_quantized");
        Extensions extensions = root.has("extensions")
                ? extensions(root.object("extensions"))
                : resource(nearestArchitecture(defaults.hwVersion())).extensions();
        return new PlacementRules(
                name,
                defaults,
                params(root.object("params")),
                operators,
                root.strings("supergroup_pass_list"),
                supergroups,
                input.flag("is_input_quantized").orElse(false),
                output.flag("is_output_quantized"),
                extensions);
    }

    private static String nearestArchitecture(String hwVersion) {
        String wanted = hwVersion.toLowerCase(Locale.ROOT);
        return switch (wanted) {
            case "v66" -> "v68";
            case "v85" -> "v81";
            default -> ARCHITECTURES.contains(wanted) ? wanted : "v73";
        };
    }

    private static Defaults defaults(Json json) {
        json.allow(
                "ops",
                "params",
                "strict_symmetric",
                "unsigned_symmetric",
                "per_channel_quantization",
                "hw_version",
                "supported_kernels");
        Json ops = json.object("ops").allow("is_output_quantized", "is_symmetric", "is_input_quantized");
        Json params = json.object("params").allow("is_quantized", "is_symmetric");
        return new Defaults(
                ops.flag("is_output_quantized").orElse(false),
                ops.flag("is_symmetric").orElse(false),
                params.flag("is_quantized").orElse(false),
                params.flag("is_symmetric").orElse(false),
                json.flag("strict_symmetric").orElse(false),
                json.flag("unsigned_symmetric").orElse(false),
                json.flag("per_channel_quantization").orElse(false),
                json.text("hw_version").orElse(""),
                kernels(json.list("supported_kernels")));
    }

    private static List<Kernel> kernels(List<Json> list) {
        List<Kernel> kernels = new ArrayList<>();
        for (Json kernel : list) {
            kernel.allow("activation", "param");
            Optional<KernelType> param =
                    kernel.has("param") ? Optional.of(kernelType(kernel.object("param"))) : Optional.empty();
            kernels.add(new Kernel(kernelType(kernel.object("activation")), param));
        }
        return kernels;
    }

    private static KernelType kernelType(Json json) {
        json.allow("bitwidth", "dtype");
        return new KernelType(json.integer("bitwidth"), json.text("dtype").orElse("int"));
    }

    private static Map<String, ParamRule> params(Json json) {
        Map<String, ParamRule> rules = new HashMap<>();
        for (Map.Entry<String, Json> entry : json.entries()) {
            Json rule = entry.getValue().allow("is_quantized", "is_symmetric");
            rules.put(entry.getKey(), new ParamRule(rule.flag("is_quantized"), rule.flag("is_symmetric")));
        }
        return rules;
    }

    private static OperatorRule operator(Json json) {
        json.allow(
                "is_input_quantized",
                "is_output_quantized",
                "is_symmetric",
                "per_channel_quantization",
                "params",
                "supported_kernels",
                "encoding_constraints");
        Optional<Constraint> constraint = Optional.empty();
        if (json.has("encoding_constraints")) {
            Json range = json.object("encoding_constraints").allow("min", "max");
            Optional<Double> max = range.has("max") ? Optional.of(range.number("max")) : Optional.empty();
            constraint = Optional.of(new Constraint(range.number("min"), max));
            if (max.isPresent() && !(max.get() > range.number("min"))) {
                throw range.error("'max' must be greater than 'min'", "correct the range");
            }
        }
        return new OperatorRule(
                json.flag("is_input_quantized"),
                json.flag("is_output_quantized"),
                json.flag("is_symmetric"),
                json.flag("per_channel_quantization"),
                params(json.object("params")),
                kernels(json.list("supported_kernels")),
                constraint);
    }

    private static Extensions extensions(Json json) {
        json.allow(
                "grid_preserving",
                "tied",
                "float_operators",
                "fixed_encodings",
                "param_schemes",
                "matmul_second_operand",
                "depthwise_supergroups");
        SortedMap<String, String> floats = new TreeMap<>();
        json.object("float_operators")
                .entries()
                .forEach(e -> floats.put(e.getKey(), e.getValue().asText()));
        Map<String, Map<Integer, FixedEncoding>> fixed = new HashMap<>();
        for (Map.Entry<String, Json> op : json.object("fixed_encodings").entries()) {
            Map<Integer, FixedEncoding> widths = new LinkedHashMap<>();
            for (Map.Entry<String, Json> width : op.getValue().entries()) {
                Json encoding = width.getValue().allow("scale", "zero_point");
                widths.put(
                        op.getValue().width(width.getKey()),
                        new FixedEncoding(encoding.number("scale"), encoding.integer("zero_point")));
            }
            fixed.put(op.getKey(), widths);
        }
        Map<String, ParamScheme> schemes = new HashMap<>();
        for (Map.Entry<String, Json> op : json.object("param_schemes").entries()) {
            Json scheme =
                    op.getValue().allow("bitwidth", "is_symmetric", "symmetric_bitwidths", "per_channel_quantization");
            Map<Integer, Integer> widths = new LinkedHashMap<>();
            Json byActivation = scheme.object("bitwidth");
            for (Map.Entry<String, Json> width : byActivation.entries()) {
                widths.put(byActivation.width(width.getKey()), byActivation.integer(width.getKey()));
            }
            schemes.put(
                    op.getKey(),
                    new ParamScheme(
                            widths,
                            scheme.flag("is_symmetric").orElse(false),
                            scheme.strings("symmetric_bitwidths").stream()
                                    .map(scheme::width)
                                    .collect(Collectors.toSet()),
                            scheme.flag("per_channel_quantization").orElse(false)));
        }
        Map<Integer, Operand> second = new LinkedHashMap<>();
        Json operands = json.object("matmul_second_operand");
        for (Map.Entry<String, Json> width : operands.entries()) {
            Json operand = width.getValue().allow("bitwidth", "is_symmetric");
            second.put(
                    operands.width(width.getKey()),
                    new Operand(
                            operand.integer("bitwidth"),
                            operand.flag("is_symmetric").orElse(false)));
        }
        Set<String> grid = new TreeSet<>(json.strings("grid_preserving"));
        Set<String> tied = new TreeSet<>(json.strings("tied"));
        return new Extensions(
                grid,
                tied,
                floats,
                fixed,
                schemes,
                second,
                json.flag("depthwise_supergroups").orElse(true));
    }
}
