package dev.nibble.cli;

import java.util.Map;

/// Accepts underscores in option names, and Qualcomm's names (QAIRT's converter) beside ours.
final class Spellings {
    /// QAIRT's name, with dashes, to ours.
    private static final Map<String, String> OURS = Map.ofEntries(
            Map.entry("--act-bw", "--act-bitwidth"),
            Map.entry("--weight-bw", "--weights-bitwidth"),
            Map.entry("--weights-bw", "--weights-bitwidth"),
            Map.entry("--weight-bitwidth", "--weights-bitwidth"),
            Map.entry("--param-bitwidth", "--weights-bitwidth"),
            Map.entry("--bias-bw", "--bias-bitwidth"),
            Map.entry("--act-quantizer", "--act-calibration"),
            Map.entry("--act-quantizer-calibration", "--act-calibration"),
            Map.entry("--act-quantizer-schema", "--act-schema"),
            Map.entry("--param-quantizer", "--param-calibration"),
            Map.entry("--param-quantizer-calibration", "--param-calibration"),
            Map.entry("--param-quantizer-schema", "--param-schema"),
            Map.entry("--input-list", "--data"));

    /// QAIRT's flags that take no value, with the option and value they stand for.
    private static final Map<String, String> FLAGS = Map.of(
            "--use-per-channel-quantization", "--weight-granularity=channel",
            "--use-per-row-quantization", "--weight-granularity=channel");

    private Spellings() {}

    /// Our spelling of the arguments. What follows `--` is left alone.
    static String[] normalize(String... arguments) {
        String[] ours = arguments.clone();
        boolean compile = ours.length > 0 && ours[0].equals("compile");
        for (int i = 0; i < ours.length && !ours[i].equals("--"); i++) {
            ours[i] = normalize(ours[i]);
            if (compile && i + 1 < ours.length && ours[i].equals("--format") && isArtifact(ours[i + 1])) {
                ours[i] = "--as";
            } else if (compile
                    && ours[i].startsWith("--format=")
                    && isArtifact(ours[i].substring("--format=".length()))) {
                ours[i] = ours[i].replace("--format=", "--as=");
            }
        }
        return ours;
    }

    /// Whether the value of `compile --format` says what is compiled, and not how the outcome is printed.
    private static boolean isArtifact(String value) {
        return value.equalsIgnoreCase("context") || value.equalsIgnoreCase("dlc");
    }

    /// Our name of an option, given with its dashes: `--act_bw` is `--act-bitwidth`.
    static String option(String name) {
        String dashed = name.replace('_', '-');
        return OURS.getOrDefault(dashed, dashed);
    }

    private static String normalize(String argument) {
        if (!argument.startsWith("--")) {
            return argument;
        }
        int equals = argument.indexOf('=');
        String name = option(equals < 0 ? argument : argument.substring(0, equals));
        return equals < 0 ? FLAGS.getOrDefault(name, name) : name + argument.substring(equals);
    }
}
