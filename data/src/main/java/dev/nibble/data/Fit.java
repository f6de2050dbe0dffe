package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// How a sample of certain dimensions is laid into a model's input.
///
/// @param dims the input's dimensions for one sample, without the batch; all of them where there is no batch dimension
/// @param batched whether the input has a batch dimension in front of `dims`
/// @param order whether the elements stay in order or a picture's channels move
record Fit(long[] dims, boolean batched, Order order) {
    /// Whether and how the channels of a picture move.
    enum Order {
        KEEP,
        /// Height, width, channels become channels, height, width.
        CHANNELS_FIRST,
        /// Channels, height, width become height, width, channels.
        CHANNELS_LAST
    }

    /// Finds the way, in this order: the layout turned to channels first, as stored, the layout turned to channels
    /// last, the same with missing axes of size 1 inserted if that can be done in one way only, and an input
    /// without a batch dimension.
    ///
    /// @param stored a sample's dimensions, after resizing
    /// @throws NibbleException where there is none
    static Fit of(long[] stored, InputSpec input, @Nullable Layout layout, String where) {
        long[] wanted = input.dims();
        if (wanted.length > 0) {
            long[] one = Arrays.copyOfRange(wanted, 1, wanted.length);
            Set<Order> orders = new LinkedHashSet<>();
            if (layout == Layout.NHWC && stored.length == 3) {
                orders.add(Order.CHANNELS_FIRST);
            }
            orders.add(Order.KEEP);
            if (layout == Layout.NCHW && stored.length == 3) {
                orders.add(Order.CHANNELS_LAST);
            }
            for (Order order : orders) {
                long[] turned = turn(stored, order);
                if (matches(turned, one)) {
                    return new Fit(turned, true, order);
                }
            }
            for (Order order : orders) {
                Set<String> ways = new LinkedHashSet<>();
                long[] filled = new long[one.length];
                insert(turn(stored, order), 0, one, 0, filled, ways);
                if (ways.size() == 1) {
                    return new Fit(parse(ways.iterator().next()), true, order);
                }
            }
        }
        if (matches(stored, wanted)) {
            return new Fit(stored.clone(), false, Order.KEEP);
        }
        throw misfit(stored, input, layout, where);
    }

    private static long[] turn(long[] dims, Order order) {
        return switch (order) {
            case KEEP -> dims.clone();
            case CHANNELS_FIRST -> new long[] {dims[2], dims[0], dims[1]};
            case CHANNELS_LAST -> new long[] {dims[1], dims[2], dims[0]};
        };
    }

    private static boolean matches(long[] dims, long[] wanted) {
        if (dims.length != wanted.length) {
            return false;
        }
        for (int i = 0; i < dims.length; i++) {
            if (wanted[i] != -1 && wanted[i] != dims[i]) {
                return false;
            }
        }
        return true;
    }

    /// Collects every way of filling `wanted[to…]` with `dims[from…]` and ones.
    private static void insert(long[] dims, int from, long[] wanted, int to, long[] filled, Set<String> ways) {
        if (ways.size() > 1 || dims.length - from > wanted.length - to) {
            return;
        }
        if (to == wanted.length) {
            ways.add(Arrays.toString(filled));
            return;
        }
        if (from < dims.length && (wanted[to] == -1 || wanted[to] == dims[from])) {
            filled[to] = dims[from];
            insert(dims, from + 1, wanted, to + 1, filled, ways);
        }
        if (wanted[to] == -1 || wanted[to] == 1) {
            filled[to] = 1;
            insert(dims, from, wanted, to + 1, filled, ways);
        }
    }

    private static long[] parse(String dims) {
        String inner = dims.substring(1, dims.length() - 1);
        return inner.isEmpty()
                ? new long[0]
                : Arrays.stream(inner.split(", ")).mapToLong(Long::parseLong).toArray();
    }

    private static NibbleException misfit(long[] stored, InputSpec input, @Nullable Layout layout, String where) {
        long[] wanted = input.dims();
        long[] one = wanted.length > 0 ? Arrays.copyOfRange(wanted, 1, wanted.length) : wanted;
        String hint;
        String use = layout == null ? "add" : "use";
        if (stored.length == 3 && layout != Layout.NHWC && matches(turn(stored, Order.CHANNELS_FIRST), one)) {
            hint = "the samples look like height×width×channels: " + use + " --layout nhwc";
        } else if (stored.length == 3 && layout != Layout.NCHW && matches(turn(stored, Order.CHANNELS_LAST), one)) {
            hint = "the samples look like channels×height×width: " + use + " --layout nchw";
        } else if (stored.length == 3 && one.length == 3) {
            boolean last = one[2] > 0 && one[2] <= 4 && (one[0] > 4 || one[0] == -1);
            long height = last ? one[0] : one[1];
            long width = last ? one[1] : one[2];
            hint = height > 0 && height == width
                    ? "bring the pictures to size with --resize %1$d --crop %1$d".formatted(height)
                            + (layout == null ? ", and name their --layout" : "")
                    : "prepare the samples in the input's size, or bind its open dimensions with --shape";
        } else {
            hint = "store each sample in the input's shape (the first axis of an array counts the samples)";
        }
        return new NibbleException(
                "%s has shape %s, which does not fit the input '%s' of shape %s"
                        .formatted(where, InputSpec.text(stored, false), input.name(), input.shapeText()),
                hint);
    }
}
