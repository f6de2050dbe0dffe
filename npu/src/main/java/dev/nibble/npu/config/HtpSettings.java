package dev.nibble.npu.config;

import dev.nibble.graph.NibbleException;
import dev.nibble.target.Target;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// The settings of one model on one chip, and the files and options that say so.
///
/// @param graphNames as the device knows the graphs; the device ignores settings of any other name without a word
/// @param vtcmMb on-chip memory to take, MB; 0 is all that the chip has
/// @param hvxThreads vector threads
/// @param optimization how hard the compiler tries: 1, 2 or 3
/// @param dlbc whether activations that spill are compressed
public record HtpSettings(
        Target target,
        List<String> graphNames,
        Scenario scenario,
        PerfProfile profile,
        int vtcmMb,
        int hvxThreads,
        int optimization,
        boolean dlbc) {
    /// The names of the two files.
    public static final String EXTENSIONS_FILE = "backend_extensions.json";

    public static final String HTP_FILE = "htp_config.json";

    /// What QAIRT takes where nothing is said.
    public static final int DEFAULT_HVX_THREADS = 4;

    public static final int DEFAULT_OPTIMIZATION = 2;

    private static final Pattern GRAPH_NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    public HtpSettings {
        graphNames = List.copyOf(graphNames);
        int most = target.vtcmMb().value();
        if (vtcmMb < 0 || vtcmMb > most) {
            throw new NibbleException(
                    "%d MB of VTCM were asked for, but %s has %d".formatted(vtcmMb, target.name(), most),
                    "give --vtcm-mb 1 to %d, or 0 or nothing for all of it".formatted(most));
        }
        int threads = mostThreads(target);
        if (hvxThreads < 1 || hvxThreads > threads) {
            throw new NibbleException(
                    "%d HVX threads were asked for, but %s has %d".formatted(hvxThreads, target.name(), threads),
                    "give --hvx-threads 1 to " + threads);
        }
        if (optimization < 1 || optimization > 3) {
            throw new NibbleException(
                    "there is no optimization " + optimization, "use --optimization 1, 2 (the default) or 3");
        }
        if (graphNames.isEmpty()
                || !graphNames.stream().allMatch(n -> GRAPH_NAME.matcher(n).matches())) {
            throw new NibbleException(
                    "no graph can be called " + graphNames,
                    "graph names are letters, digits and _: give --graph NAME as the DLC or context binary has it");
        }
    }

    private static int mostThreads(Target target) {
        return Optional.ofNullable(target.rates().get("hvx_threads"))
                .map(r -> r.value().intValue())
                .orElse(DEFAULT_HVX_THREADS);
    }

    /// The graph's name that QAIRT's converters make of a file's: what is no letter or digit becomes `_`.
    public static String graphName(String file) {
        String stem = file.replaceFirst("\\.[A-Za-z0-9]+$", "").replaceAll("[^A-Za-z0-9_]", "_");
        return stem.isEmpty() || Character.isDigit(stem.charAt(0)) ? "_" + stem : stem;
    }

    /// The file that names the library and the other file.
    public Map<String, Object> extensionsFile() {
        return Map.of(
                "backend_extensions",
                ordered("shared_library_path", "libQnnHtpNetRunExtensions.so", "config_file_path", HTP_FILE));
    }

    /// The HTP's own settings.
    public Map<String, Object> htpFile() {
        Map<String, Object> graph =
                ordered("graph_names", graphNames, "vtcm_mb", vtcmMb, "hvx_threads", hvxThreads, "O", optimization);
        if (dlbc) {
            graph.put("dlbc", 1);
        }
        Map<String, Object> core = ordered(
                "core_id", 0, "perf_profile", profile.key(), "rpc_control_latency", scenario.controlLatencyMicros());
        if (profile.rpcPollingMicros() > 0) {
            core.put("rpc_polling_time", profile.rpcPollingMicros());
        }
        Map<String, Object> device = ordered(
                "soc_model",
                target.socId().value(),
                "dsp_arch",
                arch(),
                "pd_session",
                "unsigned",
                "cores",
                List.of(core));
        return ordered(
                "graphs", List.of(graph), "devices", List.of(device), "memory", ordered("mem_type", "shared_buffer"));
    }

    private String arch() {
        return target.arch().value().name().toLowerCase(java.util.Locale.ROOT);
    }

    /// The lines to run, in order: what makes the context binary, and what runs it on the device.
    ///
    /// @param model the DLC, or the name that it is going to have
    public List<String> commands(String model) {
        String binary = graphNames.getFirst() + "." + target.name();
        String profiling = scenario.profiling().equals("off") ? "" : " --profiling_level " + scenario.profiling();
        return List.of(
                "qnn-context-binary-generator --backend libQnnHtp.so --dlc_path %s --binary_file %s --config_file %s"
                        .formatted(model, binary, EXTENSIONS_FILE),
                ("qnn-net-run --backend libQnnHtp.so --retrieve_context output/%s.bin --input_list input_list.txt"
                                + " --output_dir results --config_file %s --perf_profile %s --shared_buffer%s")
                        .formatted(binary, EXTENSIONS_FILE, profile.key(), profiling));
    }

    /// The same for ONNX Runtime's QNN provider.
    public Map<String, String> onnxRuntimeOptions() {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("backend_path", "libQnnHtp.so");
        options.put("soc_model", String.valueOf(target.socId().value()));
        options.put("htp_arch", arch().substring(1));
        options.put("vtcm_mb", String.valueOf(vtcmMb));
        options.put("htp_performance_mode", profile.onnxRuntime());
        options.put("htp_graph_finalization_optimization_mode", String.valueOf(optimization));
        options.put("rpc_control_latency", String.valueOf(scenario.controlLatencyMicros()));
        options.put("profiling_level", scenario.profiling());
        options.put("enable_htp_shared_memory_allocator", "1");
        return options;
    }

    private static Map<String, Object> ordered(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return map;
    }
}
