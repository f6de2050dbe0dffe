package dev.nibble.npu.profile;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The stations of a model's life on the device.
public enum Section {
    INIT,
    COMPOSE,
    FINALIZE,
    /// What the compiler expects of the device, written while it finalizes.
    ESTIMATES,
    EXECUTE,
    DEINIT;

    /// The section that a word such as `BACKEND_FINALIZE` or `De-Init` names; null where it names none.
    public static @Nullable Section named(String word) {
        String lower = word.toLowerCase(Locale.ROOT);
        if (lower.contains("deinit") || lower.contains("de-init")) {
            return DEINIT;
        }
        if (lower.contains("finalize")) {
            return FINALIZE;
        }
        if (lower.contains("compose")) {
            return COMPOSE;
        }
        if (lower.contains("execute") || lower.contains("inference")) {
            return EXECUTE;
        }
        return lower.contains("init") || lower.contains("create") || lower.contains("load") ? INIT : null;
    }
}
