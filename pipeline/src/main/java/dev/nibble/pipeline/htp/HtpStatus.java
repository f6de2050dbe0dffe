package dev.nibble.pipeline.htp;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.List;

/// `htp status`: whether Qualcomm's libraries are there, and for which chips they work.
///
/// @param found whether all that is needed is there
/// @param version of the package; empty where it is not known
/// @param path the folder that is looked into
/// @param socs the targets that can be compiled for; empty where the libraries are not there
/// @param missing what is needed and not there, or not whole
public record HtpStatus(boolean found, String version, String path, List<String> socs, List<String> missing) {
    public HtpStatus {
        socs = List.copyOf(socs);
        missing = List.copyOf(missing);
    }

    /// The libraries where `libraries` looks for them.
    public static HtpStatus of(HtpLibraries libraries) {
        List<String> missing = libraries.missing();
        boolean found = missing.isEmpty();
        return new HtpStatus(
                found,
                libraries.version(),
                libraries.root().toString(),
                found
                        ? Targets.all().stream()
                                .filter(target -> target.socId().value() > 0)
                                .map(Target::name)
                                .toList()
                        : List.of(),
                missing);
    }
}
