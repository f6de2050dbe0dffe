package dev.nibble.htp;

import java.util.LinkedHashMap;
import java.util.Map;

/// The options that ONNX Runtime's QNN plugin is given.
final class QnnOptions {
    private QnnOptions() {}

    /// For compiling and running on the emulator of `soc`. Quantize and Dequantize at the model's edges run there as well:
    /// by default they would run on the CPU.
    static Map<String, String> provider(HtpLibraries libraries, Soc soc) {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("backend_path", libraries.backend().toString());
        options.put("soc_model", Integer.toString(soc.id()));
        options.put("offload_graph_io_quantization", "0");
        return options;
    }
}
