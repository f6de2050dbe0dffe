package dev.nibble.report;

import java.util.List;

/// The largest magnitude of each output channel of a weight, before and after the channels were prepared, in the
/// order of the channels.
///
/// @param node the operator
public record ChannelRanges(String node, String weight, List<Double> before, List<Double> after) {
    public ChannelRanges {
        Values.present("channelRanges.node", node);
        Values.present("channelRanges.weight", weight);
        before = Values.list(before);
        after = Values.list(after);
        if (before.size() != after.size()) {
            throw new IllegalArgumentException(
                    "as many channels after as before, but there are " + after.size() + " and " + before.size());
        }
    }
}
