package dev.nibble.bench;

import dev.nibble.cli.Version;
import dev.nibble.run.CpuFeatures;
import dev.nibble.run.OrtExecutor;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What figures depend on beside the code.
///
/// @param nibble version and revision
public record Facts(String nibble, String machine, String versions) {
    static Facts here() {
        CpuFeatures cpu = CpuFeatures.here();
        String instructions = Stream.of("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
                .filter(cpu.flags()::contains)
                .map(flag -> flag.replace('_', '-').toUpperCase(Locale.ROOT))
                .collect(Collectors.joining(", "));
        String nibble = Version.current().full();
        return new Facts(
                nibble,
                "%s (%s), %d processors, %s"
                        .formatted(
                                cpu.model().isEmpty() ? cpu.architecture() : cpu.model(),
                                instructions,
                                Runtime.getRuntime().availableProcessors(),
                                System.getProperty("os.name")),
                "Nibble %s, ONNX Runtime %s, Java %s"
                        .formatted(nibble, new OrtExecutor().version(), Runtime.version()));
    }
}
