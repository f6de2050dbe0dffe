package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpInstall;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.htp.HtpStatus;
import dev.nibble.pipeline.htp.LicenceText;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `htp install` and `htp status`: Qualcomm's own compiler and emulator.
@Command(
        name = "htp",
        description = {
            "Get Qualcomm's own HTP compiler and emulator (install), or say whether they are there (status).",
            "",
            "They come from the package onnxruntime-qnn under Qualcomm's AI Stack License, which is not Nibble's. Nothing"
                    + " is fetched unless asked for, and everything else works without them. With them, 'evaluate --on htp'"
                    + " and 'compare --on htp' measure a model in the HTP's own arithmetic."
        },
        optionListHeading = "%nOptions:%n")
final class HtpCommand extends NibbleCommand {
    /// Says yes to the licence for whoever sets it to 1.
    static final String ACCEPTED = "NIBBLE_ACCEPT_QUALCOMM_LICENSE";

    @Parameters(paramLabel = "install|status", description = "What to do.")
    private Action action;

    @Option(
            order = 1,
            names = "--accept-license",
            description = "Qualcomm's licence is accepted; without this, install prints it and stops.")
    private boolean accepted;

    @Option(
            order = 2,
            names = "--wheel",
            paramLabel = "FILE",
            description = "Install from this wheel instead of asking pip.")
    private @Nullable Path wheel;

    @Option(
            order = 3,
            names = "--from",
            paramLabel = "DIR",
            description = "Install from the folder that pip installed onnxruntime-qnn into (site-packages).")
    private @Nullable Path from;

    @Option(
            order = 4,
            names = "--python",
            paramLabel = "PROGRAM",
            defaultValue = "",
            description = "The Python whose pip is asked (default: python3, else python, pip3 or pip).")
    private String python;

    /// What to do.
    enum Action {
        INSTALL,
        STATUS
    }

    @Override
    protected ExitCode run() {
        HtpLibraries libraries = HtpLibraries.of(terminal().environment());
        return switch (action) {
            case INSTALL -> install(libraries);
            case STATUS -> status(libraries);
        };
    }

    private ExitCode install(HtpLibraries libraries) {
        if (wheel != null && from != null) {
            throw new NibbleException("--wheel and --from are two sources", "give one of them");
        }
        HtpInstall.Source source = wheel != null
                ? new HtpInstall.Source.Wheel(terminal().resolve(wheel))
                : from != null
                        ? new HtpInstall.Source.Folder(terminal().resolve(from))
                        : new HtpInstall.Source.Pip(python);
        boolean yes = accepted || "1".equals(terminal().environment().get(ACCEPTED));
        try (HtpInstall.Offer offer =
                HtpInstall.prepare(source, libraries.root(), everywhere().force())) {
            if (!yes) {
                String text = LicenceText.of(offer.staged().licence());
                terminal().out().println(text);
                throw new NibbleException(
                        "Qualcomm's licence, printed above, was not accepted, so nothing was installed",
                        "read it, and add --accept-license where you accept it");
            }
            HtpLibraries installed = offer.accept();
            HtpStatus status = HtpStatus.of(installed);
            print(
                    status,
                    () -> text(status) + "Their use is subject to Qualcomm's licence: " + installed.licence() + "\n");
            return ExitCode.DONE;
        }
    }

    private ExitCode status(HtpLibraries libraries) {
        HtpStatus status = HtpStatus.of(libraries);
        print(status, () -> text(status));
        return ExitCode.DONE;
    }

    private static String text(HtpStatus status) {
        if (status.found()) {
            return "Qualcomm's HTP compiler and emulator: onnxruntime-qnn %s in %s%nThey compile for %s.%n"
                    .formatted(status.version(), status.path(), String.join(", ", status.socs()));
        }
        StringBuilder text = new StringBuilder(
                "Qualcomm's HTP compiler and emulator are not in %s; missing:%n".formatted(status.path()));
        status.missing().forEach(file -> text.append("  ").append(file).append('\n'));
        return text.append("With them, Nibble measures models in the HTP's own arithmetic.\n")
                .append("nibble htp install --accept-license gets them from PyPI under Qualcomm's licence.\n")
                .toString();
    }
}
