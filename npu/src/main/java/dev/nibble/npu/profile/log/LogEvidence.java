package dev.nibble.npu.profile.log;

import java.util.List;

/// What a log says about nodes that did not go to the accelerator.
///
/// @param nodes refused or left on the CPU, each once
/// @param placements where the nodes of each session ended
/// @param errors numbers and names of errors, each once
/// @param signs other lines that mean something
/// @param lines how many the log has
public record LogEvidence(
        String file,
        List<Refused> nodes,
        List<Placement> placements,
        List<Error> errors,
        List<Sign> signs,
        long lines) {
    public LogEvidence {
        nodes = List.copyOf(nodes);
        placements = List.copyOf(placements);
        errors = List.copyOf(errors);
        signs = List.copyOf(signs);
    }

    /// @param reason as the log gives it; the validator's own words where they are there
    /// @param requested the data types that the node asked for, such as `in[0] SFIXED_POINT_16`; empty where not logged
    /// @param supported the sets that would be taken, of the same length; empty where not logged
    /// @param times how often it was refused: once a pass
    public record Refused(
            String name,
            String op,
            String reason,
            List<String> requested,
            List<String> supported,
            String advice,
            long times,
            long line) {
        public Refused {
            requested = List.copyOf(requested);
            supported = List.copyOf(supported);
        }
    }

    /// @param session from 1: a log may hold several
    /// @param nodes their names, the first hundred
    public record Placement(int session, String provider, long count, List<String> nodes) {
        public Placement {
            nodes = List.copyOf(nodes);
        }
    }

    /// @param name empty for a number that is not in QNN's headers
    public record Error(int code, String name, String meaning, String advice, long times, long line) {}

    /// @param text of the first line of its kind
    public record Sign(String text, String advice, long times, long line) {}
}
