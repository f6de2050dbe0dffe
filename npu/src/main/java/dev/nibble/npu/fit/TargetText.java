package dev.nibble.npu.fit;

import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.target.Sourced;
import dev.nibble.target.Target;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;

/// A target as the text of its file.
final class TargetText {
    private TargetText() {}

    /// `target` with the calibration of `machine`.
    static String with(Target target, Machine machine, SortedMap<String, Double> extras, String source) {
        StringBuilder text = new StringBuilder(
                "# %s. Every number says where it comes from: published, measured,".formatted(target.marketing()));
        text.append(" calibrated or assumed.\n");
        text.append("name = ").append(quoted(target.name())).append('\n');
        text.append("marketing = ").append(quoted(target.marketing())).append('\n');
        List<String> aliases = target.aliases().stream().map(TargetText::quoted).toList();
        text.append("aliases = [").append(String.join(", ", aliases)).append("]\n");
        section(text, "arch", quoted(target.arch().value().name().toLowerCase(Locale.ROOT)), target.arch());
        section(text, "soc_id", target.socId().value().toString(), target.socId());
        section(text, "vtcm_mb", target.vtcmMb().value().toString(), target.vtcmMb());
        section(text, "float16", target.float16().value().toString(), target.float16());
        target.rates().forEach((name, rate) -> section(text, name, rate.value().toString(), rate));
        text.append("\n[calibration]\nstatus = \"calibrated\"\nsource = ")
                .append(quoted(source))
                .append('\n');
        for (Parameter parameter : Parameter.values()) {
            if (parameter != Parameter.INT4_TOPS) {
                text.append(line(parameter.key(), machine.get(parameter)));
            }
        }
        extras.forEach((key, value) -> text.append(line(key, value)));
        return text.toString();
    }

    private static void section(StringBuilder text, String name, String value, Sourced<?> fact) {
        text.append("\n[%s]\nvalue = %s\nstatus = %s\nsource = %s\n"
                .formatted(name, value, quoted(fact.status().name().toLowerCase(Locale.ROOT)), quoted(fact.source())));
    }

    private static String line(String key, double value) {
        return String.format(Locale.ROOT, "%s = %.6f%n", key, value).replace("\r", "");
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
