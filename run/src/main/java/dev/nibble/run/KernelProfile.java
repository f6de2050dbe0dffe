package dev.nibble.run;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What ONNX Runtime really ran: the kernels that its rewriting of a graph led to, as its profile tells (Chrome's trace
/// format, events of category `Node`).
///
/// @param kernels in the order in which they ran; a kernel that ran several times stands there several times
public record KernelProfile(List<Kernel> kernels) {
    private static final String KERNEL = "_kernel_time";

    /// One run of one kernel.
    ///
    /// @param node the node's name in the rewritten graph
    /// @param op the operator that ran, such as `QLinearConv`
    /// @param provider such as `CPUExecutionProvider`
    /// @param micros how long it took, in microseconds
    public record Kernel(String node, String op, String provider, long micros) {}

    public KernelProfile {
        kernels = List.copyOf(kernels);
    }

    /// Reads a session profile.
    ///
    /// @throws NibbleException where the file cannot be read or is no such profile
    public static KernelProfile of(Path file) {
        try {
            return parse(Files.readString(file), "'" + file + "'");
        } catch (IOException e) {
            throw new NibbleException(
                    "profile '%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path", e);
        }
    }

    static KernelProfile parse(String json, String name) {
        try {
            JsonNode events = JsonMapper.shared().readTree(json);
            if (!events.isArray()) {
                throw notOne(name, "it is no list of events", null);
            }
            List<Kernel> kernels = new ArrayList<>();
            for (JsonNode event : events) {
                String label = event.path("name").asString("");
                if (event.path("cat").asString("").equals("Node") && label.endsWith(KERNEL)) {
                    JsonNode args = event.path("args");
                    kernels.add(new Kernel(
                            label.substring(0, label.length() - KERNEL.length()),
                            args.path("op_name").asString(""),
                            args.path("provider").asString(""),
                            event.path("dur").asLong(0)));
                }
            }
            return new KernelProfile(kernels);
        } catch (JacksonException e) {
            throw notOne(name, ParserMessage.plain(e.getOriginalMessage()), e);
        }
    }

    private static NibbleException notOne(String name, String why, @Nullable Throwable cause) {
        String message = "%s is no profile of ONNX Runtime: %s".formatted(name, why);
        String hint = "profile the session again; it must end before its profile is read";
        return cause == null ? new NibbleException(message, hint) : new NibbleException(message, hint, cause);
    }

    /// How many kernels of each operator ran.
    public Map<String, Integer> counts() {
        Map<String, Integer> counts = new TreeMap<>();
        kernels.forEach(k -> counts.merge(k.op(), 1, Integer::sum));
        return counts;
    }

    /// Microseconds in each operator's kernels.
    public Map<String, Long> micros() {
        Map<String, Long> micros = new TreeMap<>();
        kernels.forEach(k -> micros.merge(k.op(), k.micros(), Long::sum));
        return micros;
    }
}
