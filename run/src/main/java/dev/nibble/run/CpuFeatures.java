package dev.nibble.run;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// What matters of this machine's processor when integer kernels run on it.
///
/// @param architecture as Java names it, such as `amd64`
/// @param model the processor's name; empty where the system does not tell
/// @param flags instruction sets as Linux names them; empty where it does not tell
public record CpuFeatures(String architecture, String model, Set<String> flags) {
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");

    public CpuFeatures {
        flags = Set.copyOf(flags);
    }

    /// This machine's.
    public static CpuFeatures here() {
        String architecture = System.getProperty("os.arch", "");
        if (!Files.isReadable(CPUINFO)) {
            return new CpuFeatures(architecture, "", Set.of());
        }
        try {
            return of(architecture, Files.readString(CPUINFO));
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(CPUINFO, e.getMessage()), "check that /proc is mounted", e);
        }
    }

    static CpuFeatures of(String architecture, String cpuinfo) {
        return new CpuFeatures(
                architecture,
                entry(cpuinfo, "model name").orElse(""),
                entry(cpuinfo, "flags").or(() -> entry(cpuinfo, "Features")).stream()
                        .flatMap(flags -> Arrays.stream(flags.split("\\s+")))
                        .filter(flag -> !flag.isEmpty())
                        .collect(Collectors.toSet()));
    }

    private static Optional<String> entry(String cpuinfo, String key) {
        return cpuinfo.lines()
                .filter(line -> line.startsWith(key) && line.contains(":"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst();
    }

    /// Whether products of 8-bit integers are summed without overflow by one instruction: VNNI on x86. Empty where
    /// that is not known.
    public Optional<Boolean> vnni() {
        return flags.isEmpty() || !x86()
                ? Optional.empty()
                : Optional.of(flags.stream().anyMatch(f -> f.endsWith("vnni")));
    }

    /// Whether ONNX Runtime's u8 × s8 kernels saturate here: on x86 without VNNI, pairs of products are summed in 16
    /// bits (`VPMADDUBSW`), so that large weights with large activations give other results than the model says.
    public boolean saturatesU8S8() {
        return vnni().map(has -> !has).orElse(false);
    }

    /// What to tell a user whose W8A8 model was run here; empty where there is nothing to tell.
    public Optional<String> caution() {
        return saturatesU8S8()
                ? Optional.of(
                        "this processor has no VNNI: ONNX Runtime's u8×s8 kernels saturate at 16 bits, so results "
                                + "with graph optimization may be worse here than on the device")
                : Optional.empty();
    }

    private boolean x86() {
        return architecture.equals("amd64") || architecture.equals("x86_64") || architecture.equals("x86");
    }
}
