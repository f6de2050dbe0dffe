package dev.nibble.quant.observe;

import dev.nibble.quant.Extremes;
import java.util.ArrayList;
import java.util.List;

/// The extremes of each index of one axis of a tensor. Merges; the order does not matter.
///
/// @param channels the extremes of each channel, NaN and infinities included; empty where nothing was seen
public record ChannelExtremes(List<Extremes> channels) {
    public static final ChannelExtremes NONE = new ChannelExtremes(List.of());

    public ChannelExtremes {
        channels = List.copyOf(channels);
    }

    /// The extremes over both.
    ///
    /// @throws IllegalArgumentException where the numbers of channels differ
    public ChannelExtremes merge(ChannelExtremes other) {
        if (channels.isEmpty() || other.channels.isEmpty()) {
            return channels.isEmpty() ? other : this;
        }
        if (channels.size() != other.channels.size()) {
            throw new IllegalArgumentException(
                    "%d channels cannot be merged with %d".formatted(channels.size(), other.channels.size()));
        }
        List<Extremes> merged = new ArrayList<>(channels.size());
        for (int i = 0; i < channels.size(); i++) {
            merged.add(channels.get(i).merge(other.channels.get(i)));
        }
        return new ChannelExtremes(merged);
    }
}
