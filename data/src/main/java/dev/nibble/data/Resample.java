package dev.nibble.data;

import dev.nibble.graph.NibbleException;

/// Resizing and cropping of pictures.
///
/// Resizing is bilinear with antialiasing: a triangle filter whose support widens with the reduction, on pixel
/// centres, rows before columns, weights summing to one (Pillow's `BILINEAR`, torchvision's `antialias=True`), kept as
/// float: nothing is rounded to bytes in between.
final class Resample {
    private static final long MOST_VALUES = 1L << 28;

    private Resample() {}

    /// The size after resizing the shorter side to `side`: the longer one is `side·longer/shorter`, rounded down, as
    /// torchvision's `Resize`.
    static int[] resized(int height, int width, int side) {
        return height <= width
                ? new int[] {side, Math.toIntExact((long) side * width / height)}
                : new int[] {Math.toIntExact((long) side * height / width), side};
    }

    /// Resizes `planes` pictures of height×width×`channels`, one after the other.
    static float[] bilinear(float[] in, int planes, int height, int width, int channels, int newHeight, int newWidth) {
        long values = (long) planes * newHeight * newWidth * channels;
        long between = (long) planes * height * newWidth * channels;
        if (values > MOST_VALUES || between > MOST_VALUES) {
            throw new NibbleException(
                    "resizing %d×%d to %d×%d takes too much memory".formatted(height, width, newHeight, newWidth),
                    "use a smaller --resize, or crop the pictures first");
        }
        float[] rows = width == newWidth ? in : pass(in, planes * height, width, channels, newWidth);
        return height == newHeight ? rows : pass(rows, planes, height, newWidth * channels, newHeight);
    }

    /// Resamples the middle axis of outer×size×inner values.
    private static float[] pass(float[] in, int outer, int size, int inner, int newSize) {
        float[] out = new float[outer * newSize * inner];
        double ratio = (double) size / newSize;
        double stretch = Math.max(ratio, 1);
        float[] weights = new float[(int) Math.ceil(stretch) * 2 + 1];
        for (int to = 0; to < newSize; to++) {
            double center = (to + 0.5) * ratio;
            int first = Math.max(0, (int) (center - stretch + 0.5));
            int last = Math.min(size, (int) (center + stretch + 0.5));
            double sum = 0;
            for (int i = first; i < last; i++) {
                double weight = Math.max(0, 1 - Math.abs((i - center + 0.5) / stretch));
                weights[i - first] = (float) weight;
                sum += weight;
            }
            for (int i = first; i < last; i++) {
                weights[i - first] /= (float) sum;
            }
            for (int o = 0; o < outer; o++) {
                int target = (o * newSize + to) * inner;
                for (int i = first; i < last; i++) {
                    float weight = weights[i - first];
                    int source = (o * size + i) * inner;
                    for (int k = 0; k < inner; k++) {
                        out[target + k] += weight * in[source + k];
                    }
                }
            }
        }
        return out;
    }

    /// The square of `side` around the centre; a half pixel goes to the even offset, as torchvision's `CenterCrop`.
    static float[] crop(float[] in, int planes, int height, int width, int channels, int side) {
        int top = (int) Math.rint((height - side) / 2.0);
        int left = (int) Math.rint((width - side) / 2.0);
        float[] out = new float[planes * side * side * channels];
        for (int plane = 0; plane < planes; plane++) {
            for (int y = 0; y < side; y++) {
                System.arraycopy(
                        in,
                        ((plane * height + top + y) * width + left) * channels,
                        out,
                        (plane * side + y) * side * channels,
                        side * channels);
            }
        }
        return out;
    }
}
