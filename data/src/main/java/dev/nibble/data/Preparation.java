package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Turns stored samples into one input of the model: resize, crop, `(x·scale − mean)/std`, channels moved, type
/// converted. Keeps scratch memory of one sample, so each thread needs one of its own.
final class Preparation {
    private final InputSpec input;
    private final boolean picture;
    private final @Nullable Layout layout;
    private final DataOptions options;
    private final boolean floats;
    private float[] loaded = new float[0];
    private float[] turned = new float[0];
    private @Nullable Fit fit;
    private long[] fitted = new long[0];
    private @Nullable Tensor whole;

    /// What is known of the sample that was prepared last.
    ///
    /// @param low least stored value; NaN where any is; for whole-number inputs as for the others
    /// @param high greatest stored value
    record Outcome(Fit fit, float low, float high) {
        boolean finite() {
            return Float.isFinite(low) && Float.isFinite(high);
        }
    }

    Preparation(InputSpec input, Samples.Field field, DataOptions options) {
        if (!Elements.isFloat(input.type()) && !Elements.isWhole(input.type())) {
            throw new NibbleException(
                    "input '%s' takes %s, which samples cannot be turned into"
                            .formatted(input.name(), input.type().onnxName()),
                    "use a model whose inputs are numbers of 8 to 64 bits");
        }
        this.input = input;
        this.picture = field.picture();
        this.layout = picture ? Layout.NHWC : options.layout();
        this.options = options;
        this.floats = Elements.isFloat(input.type());
    }

    /// Prepares `stored` and hands back how it fits; [#write] then writes it.
    Outcome prepare(Tensor stored, String where) {
        long elements = stored.elements();
        if (elements == 0 || elements > 1 << 28) {
            throw new NibbleException(
                    "%s has shape %s".formatted(where, stored.shape()), "a sample needs 1 to 2^28 values");
        }
        Tensor grey = picture ? Grey.where(input).convert(stored) : stored;
        int count = (int) grey.elements();
        if (loaded.length < count) {
            loaded = new float[count];
        }
        Elements.toFloats(grey, loaded);
        float low = loaded[0];
        float high = loaded[0];
        for (int i = 0; i < count; i++) {
            low = Math.min(low, loaded[i]);
            high = Math.max(high, loaded[i]);
        }
        long[] dims = grey.shape().dims();
        float[] values = loaded;
        boolean spatial = isSpatial(dims);
        if (spatial) {
            values = resize(values, dims, where);
        }
        Fit fit = fit(dims, where);
        int size = (int) Shape.of(dims).elements();
        if (turned.length < size) {
            turned = new float[size];
        }
        if (floats) {
            normalizeAndTurn(values, dims, fit);
        } else {
            this.whole = spatial ? null : grey;
            turn(values, dims, fit.order());
        }
        return new Outcome(fit, low, high);
    }

    /// Writes the sample that was prepared last.
    void write(Outcome outcome, MemorySegment into, String where) {
        int size = (int) Shape.of(outcome.fit.dims()).elements();
        if (floats) {
            Elements.writeFloats(turned, size, input.type(), into);
            return;
        }
        Tensor exact = whole;
        if (exact != null && outcome.fit.order() == Fit.Order.KEEP) {
            // Straight from the stored numbers: 64-bit ids do not survive a float.
            if (exact.type() == input.type() && input.type() != DataType.BOOL) {
                MemorySegment.copy(exact.data(), 0, into, 0, exact.data().byteSize());
                return;
            }
            for (int i = 0; i < size; i++) {
                Elements.writeWhole(Elements.whole(exact, i, where), input.type(), into, i, where);
            }
            return;
        }
        for (int i = 0; i < size; i++) {
            double value = exact == null ? Math.rint(turned[i]) : turned[i];
            Elements.writeWhole(Elements.whole(value, where), input.type(), into, i, where);
        }
    }

    private boolean isSpatial(long[] dims) {
        if (options.resize() == null && options.crop() == null) {
            return false;
        }
        return picture || layout != null && dims.length == 3 || dims.length == 2 && layout != null;
    }

    /// Resizes and crops; changes `dims` to the outcome's.
    private float[] resize(float[] values, long[] dims, String where) {
        boolean last = layout == Layout.NHWC;
        int rank = dims.length;
        int planes = rank == 3 && !last ? (int) dims[0] : 1;
        int channels = rank == 3 && last ? (int) dims[2] : 1;
        int y = rank == 3 && !last ? 1 : 0;
        int height = (int) dims[y];
        int width = (int) dims[y + 1];
        Integer side = options.resize();
        if (side != null) {
            int[] size = Resample.resized(height, width, side);
            values = Resample.bilinear(values, planes, height, width, channels, size[0], size[1]);
            height = size[0];
            width = size[1];
        }
        Integer square = options.crop();
        if (square != null) {
            if (square > height || square > width) {
                throw new NibbleException(
                        "%s is %d×%d, smaller than --crop %d".formatted(where, height, width, square),
                        "add --resize %d or crop less".formatted(square));
            }
            values = Resample.crop(values, planes, height, width, channels, square);
            height = square;
            width = square;
        }
        dims[y] = height;
        dims[y + 1] = width;
        return values;
    }

    private Fit fit(long[] dims, String where) {
        Fit known = fit;
        if (known == null || !Arrays.equals(dims, fitted)) {
            known = Fit.of(dims, input, layout, where);
            fit = known;
            fitted = dims.clone();
        }
        return known;
    }

    private void normalizeAndTurn(float[] values, long[] dims, Fit fit) {
        if (!options.normalizes()) {
            turn(values, dims, fit.order());
            return;
        }
        List<Double> mean = options.mean();
        List<Double> std = options.std();
        int channels = Math.max(1, Math.max(mean.size(), std.size()));
        int outer = 1;
        int inner = (int) Shape.of(dims).elements();
        boolean channelsLast = false;
        if (channels > 1) {
            int axis = channelAxis(dims, channels);
            channelsLast = axis == dims.length - 1;
            outer = (int) Shape.of(dims).product(0, axis);
            inner = (int) Shape.of(dims).product(axis + 1, dims.length);
        }
        double scale = options.scale() == null ? 1 : options.scale();
        for (int c = 0; c < channels; c++) {
            double m = mean.isEmpty() ? 0 : mean.get(mean.size() == 1 ? 0 : c);
            double s = std.isEmpty() ? 1 : std.get(std.size() == 1 ? 0 : c);
            if (channelsLast && fit.order() == Fit.Order.CHANNELS_FIRST) {
                // The common case in one pass: pixels of a file's picture into planes.
                for (int i = 0, from = c, to = c * outer; i < outer; i++, from += channels, to++) {
                    turned[to] = (float) ((values[from] * scale - m) / s);
                }
                continue;
            }
            for (int o = 0; o < outer; o++) {
                int start = (o * channels + c) * inner;
                for (int i = start; i < start + inner; i++) {
                    values[i] = (float) ((values[i] * scale - m) / s);
                }
            }
        }
        if (!(channelsLast && channels > 1 && fit.order() == Fit.Order.CHANNELS_FIRST)) {
            turn(values, dims, fit.order());
        }
    }

    private int channelAxis(long[] dims, int channels) {
        int axis = -1;
        if (dims.length == 3 && layout != null) {
            axis = layout == Layout.NHWC ? 2 : 0;
        } else if (dims.length > 0) {
            axis = dims[0] == channels ? 0 : dims.length - 1;
        }
        if (axis < 0 || dims[axis] != channels) {
            throw new NibbleException(
                    "--mean and --std name %d channels, but samples for '%s' have shape %s"
                            .formatted(channels, input.name(), InputSpec.text(dims, false)),
                    "give one value, or one a channel, and name the --layout of the samples");
        }
        return axis;
    }

    private void turn(float[] values, long[] dims, Fit.Order order) {
        int size = (int) Shape.of(dims).elements();
        if (order == Fit.Order.KEEP) {
            System.arraycopy(values, 0, turned, 0, size);
            return;
        }
        int channels = (int) (order == Fit.Order.CHANNELS_FIRST ? dims[2] : dims[0]);
        int pixels = size / channels;
        for (int c = 0; c < channels; c++) {
            if (order == Fit.Order.CHANNELS_FIRST) {
                for (int i = 0; i < pixels; i++) {
                    turned[c * pixels + i] = values[i * channels + c];
                }
            } else {
                for (int i = 0; i < pixels; i++) {
                    turned[i * channels + c] = values[c * pixels + i];
                }
            }
        }
    }
}
