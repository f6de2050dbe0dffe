package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How stored samples are chosen, labelled and preprocessed. Null, or an empty list, means "not said": a `data.toml`
/// may say it, else the default holds.
///
/// Preprocessing of float inputs, in this order: resize, crop, `x' = (x·scale − mean)/std` on the stored range (0–255
/// for bytes). Choosing: skip the first `skip`, then keep one of each `every`, then at most `take`.
///
/// @param labels file of labels: `.npy`, `.csv`, or `.txt` with one a line
/// @param labelColumn column of a `.csv`; default: `label`, else the one after the file name
/// @param layout of the stored samples; pictures from files are always NHWC
/// @param resize length of a picture's shorter side after resizing; the aspect is kept
/// @param crop side of the square kept around the centre
/// @param mean one number, or one a channel; default 0
/// @param std one number, or one a channel, none of them 0; default 1
/// @param scale default 1
/// @param skip default 0
/// @param every default 1
/// @param take default: all
/// @param batch samples a batch; default 1
/// @param text how texts become token ids
public record DataOptions(
        @Nullable Path labels,
        @Nullable String labelColumn,
        @Nullable Layout layout,
        @Nullable Integer resize,
        @Nullable Integer crop,
        List<Double> mean,
        List<Double> std,
        @Nullable Double scale,
        @Nullable Long skip,
        @Nullable Long every,
        @Nullable Long take,
        @Nullable Integer batch,
        TextOptions text) {
    /// Nothing said.
    public static final DataOptions NONE = new DataOptions(
            null, null, null, null, null, List.of(), List.of(), null, null, null, null, null, TextOptions.NONE);

    /// @throws NibbleException where a number is out of its range
    public DataOptions {
        mean = List.copyOf(mean);
        std = List.copyOf(std);
        atLeast("resize", resize, 1, 65_536);
        atLeast("crop", crop, 1, 65_536);
        atLeast("skip", skip, 0, Long.MAX_VALUE);
        atLeast("every", every, 1, Long.MAX_VALUE);
        atLeast("take", take, 1, Long.MAX_VALUE);
        atLeast("batch", batch, 1, 65_536);
        for (double value : mean) {
            finite("mean", value);
        }
        for (double value : std) {
            finite("std", value);
            if (value == 0) {
                throw new NibbleException("std must not be 0", "leave --std out where nothing is to be divided");
            }
        }
        if (mean.size() > 1 && std.size() > 1 && mean.size() != std.size()) {
            throw new NibbleException(
                    "mean has %d values and std has %d".formatted(mean.size(), std.size()),
                    "give one value, or one a channel, to both");
        }
        if (scale != null) {
            finite("scale", scale);
            if (scale == 0) {
                throw new NibbleException("scale must not be 0", "use 0.00392157 (1/255) to bring bytes to 0–1");
            }
        }
    }

    /// These options, and where they say nothing, those of `base`.
    public DataOptions over(DataOptions base) {
        return new DataOptions(
                labels != null ? labels : base.labels,
                labelColumn != null ? labelColumn : base.labelColumn,
                layout != null ? layout : base.layout,
                resize != null ? resize : base.resize,
                crop != null ? crop : base.crop,
                mean.isEmpty() ? base.mean : mean,
                std.isEmpty() ? base.std : std,
                scale != null ? scale : base.scale,
                skip != null ? skip : base.skip,
                every != null ? every : base.every,
                take != null ? take : base.take,
                batch != null ? batch : base.batch,
                text.over(base.text));
    }

    public DataOptions withLabels(@Nullable Path labels, @Nullable String labelColumn) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withLayout(@Nullable Layout layout) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withResize(@Nullable Integer resize, @Nullable Integer crop) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withNormalization(@Nullable Double scale, List<Double> mean, List<Double> std) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withChoice(@Nullable Long skip, @Nullable Long every, @Nullable Long take) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withBatch(@Nullable Integer batch) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    public DataOptions withText(TextOptions text) {
        return new DataOptions(
                labels, labelColumn, layout, resize, crop, mean, std, scale, skip, every, take, batch, text);
    }

    /// Whether scale, mean or std was said.
    boolean normalizes() {
        return scale != null || !mean.isEmpty() || !std.isEmpty();
    }

    private static void atLeast(String name, @Nullable Number value, long least, long most) {
        if (value != null && (value.longValue() < least || value.longValue() > most)) {
            throw new NibbleException(
                    most == Long.MAX_VALUE
                            ? "%s must be at least %d, but was %s".formatted(name, least, value)
                            : "%s must be %d to %d, but was %s".formatted(name, least, most, value),
                    "correct --" + name);
        }
    }

    private static void finite(String name, double value) {
        if (!Double.isFinite(value)) {
            throw new NibbleException("%s must be finite, but was %s".formatted(name, value), "correct --" + name);
        }
    }
}
