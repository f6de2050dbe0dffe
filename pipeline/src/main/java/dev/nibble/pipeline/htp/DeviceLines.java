package dev.nibble.pipeline.htp;

import dev.nibble.target.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What to type to run a compiled model on a device.
final class DeviceLines {
    private static final String FOLDER = "/data/local/tmp/nibble";

    private DeviceLines() {}

    /// @param binary the file name of a context binary or DLC
    /// @param wrapper the file name of the ONNX file around a binary; null for a DLC
    /// @param codes whether the model takes codes in place of floats
    static List<String> of(Target target, String binary, @Nullable String wrapper, boolean codes) {
        String generation = target.arch().value().name().toUpperCase(Locale.ROOT);
        List<String> lines = new ArrayList<>();
        if (wrapper != null) {
            lines.add("# ONNX Runtime for Android (onnxruntime-android-qnn), both files in one folder:");
            lines.add("options.addQnn(Map.of(\"backend_path\", \"libQnnHtp.so\"));");
            lines.add("env.createSession(\"%s\", options);".formatted(wrapper));
        }
        lines.add("# Qualcomm's own runner, from the folder of the QAIRT SDK:");
        lines.add("adb shell mkdir -p " + FOLDER);
        List<String> libraries = new ArrayList<>(List.of(
                "bin/aarch64-android/qnn-net-run",
                "lib/aarch64-android/libQnnHtp.so",
                "lib/aarch64-android/libQnnSystem.so",
                "lib/aarch64-android/libQnnHtp%sStub.so".formatted(generation),
                "lib/hexagon-%s/unsigned/libQnnHtp%sSkel.so"
                        .formatted(generation.toLowerCase(Locale.ROOT), generation)));
        if (wrapper == null) {
            libraries.add("lib/aarch64-android/libQnnHtpPrepare.so");
            libraries.add("lib/aarch64-android/libQnnModelDlc.so");
        }
        lines.add("adb push %s %s".formatted(String.join(" ", libraries), FOLDER));
        lines.add("adb push %s inputs.txt %s".formatted(binary, FOLDER));
        lines.add(("adb shell 'cd %s && LD_LIBRARY_PATH=. ADSP_LIBRARY_PATH=. ./qnn-net-run %s"
                        + " --backend libQnnHtp.so --input_list inputs.txt%s'")
                .formatted(
                        FOLDER,
                        wrapper == null
                                ? "--model libQnnModelDlc.so --dlc_path " + binary
                                : "--retrieve_context " + binary,
                        codes ? " --use_native_input_files --use_native_output_files" : ""));
        return lines;
    }
}
