package dev.nibble.quant;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import java.util.Arrays;
import java.util.List;

/// How a tensor's numbers are stored: what was chosen for it.
public sealed interface TensorEncoding {
    /// The ONNX type of the stored numbers.
    DataType dataType();

    Granularity granularity();

    /// Bits an element takes, without scales.
    default int bits() {
        return dataType().bits();
    }

    /// IEEE half precision: no scale.
    record Float16() implements TensorEncoding {
        @Override
        public DataType dataType() {
            return DataType.FLOAT16;
        }

        @Override
        public Granularity granularity() {
            return Granularity.PER_TENSOR;
        }
    }

    /// Integer codes on one grid, with a scale and zero point for each group of a [Granularity].
    final class Affine implements TensorEncoding {
        private final IntegerGrid grid;
        private final Granularity granularity;
        private final float[] scales;
        private final int[] zeroPoints;

        /// @param scales one for each group, in the row-major order of ONNX's scale tensor
        /// @param zeroPoints as many, on the grid
        public Affine(IntegerGrid grid, Granularity granularity, float[] scales, int[] zeroPoints) {
            if (scales.length != zeroPoints.length) {
                throw new IllegalArgumentException("as many zero points as scales are needed, but there are %d and %d"
                        .formatted(zeroPoints.length, scales.length));
            }
            if (granularity instanceof Granularity.PerTensor && scales.length != 1) {
                throw new IllegalArgumentException("per tensor needs one scale, but there are " + scales.length);
            }
            this.grid = grid;
            this.granularity = granularity;
            this.scales = scales.clone();
            this.zeroPoints = zeroPoints.clone();
            for (int i = 0; i < scales.length; i++) {
                var _ = at(i);
            }
        }

        /// One encoding for the whole tensor.
        public static Affine of(Encoding encoding) {
            return of(Granularity.PER_TENSOR, List.of(encoding));
        }

        /// One encoding for each group. Where grids differ (unsigned symmetric: some groups have negative values),
        /// use one symmetry for all.
        ///
        /// @throws IllegalArgumentException where the grids differ or there is no group
        public static Affine of(Granularity granularity, List<Encoding> groups) {
            if (groups.isEmpty()) {
                throw new IllegalArgumentException("at least one group is needed");
            }
            IntegerGrid grid = groups.getFirst().grid();
            float[] scales = new float[groups.size()];
            int[] zeroPoints = new int[scales.length];
            for (int i = 0; i < scales.length; i++) {
                Encoding encoding = groups.get(i);
                if (!encoding.grid().equals(grid)) {
                    throw new IllegalArgumentException(
                            "all groups must share one grid, but there are %s and %s".formatted(grid, encoding.grid()));
                }
                scales[i] = encoding.scale();
                zeroPoints[i] = encoding.zeroPoint();
            }
            return new Affine(grid, granularity, scales, zeroPoints);
        }

        public IntegerGrid grid() {
            return grid;
        }

        @Override
        public Granularity granularity() {
            return granularity;
        }

        @Override
        public DataType dataType() {
            return grid.dataType();
        }

        /// How many groups there are.
        public int groups() {
            return scales.length;
        }

        /// The mapping of group `group`.
        public Encoding at(int group) {
            return new Encoding(scales[group], zeroPoints[group], grid);
        }

        public float scale(int group) {
            return scales[group];
        }

        public int zeroPoint(int group) {
            return zeroPoints[group];
        }

        /// A copy of the scales.
        public float[] scales() {
            return scales.clone();
        }

        /// A copy of the zero points.
        public int[] zeroPoints() {
            return zeroPoints.clone();
        }

        /// Whether every zero point is the code that a symmetric scheme gives: 0 signed, 2ᵇ⁻¹ unsigned.
        public boolean isSymmetric() {
            int centre = grid.signed() ? 0 : 1 << (grid.bits() - 1);
            return Arrays.stream(zeroPoints).allMatch(z -> z == centre);
        }

        /// This granularity over `shape`.
        ///
        /// @throws IllegalArgumentException where `shape` does not have as many groups
        public Groups over(Shape shape) {
            Groups over = granularity.over(shape);
            if (over.size() != scales.length) {
                throw new IllegalArgumentException("a tensor of shape %s has %d groups %s, but there are %d scales"
                        .formatted(shape, over.size(), granularity, scales.length));
            }
            return over;
        }

        /// The same mapping with the scale of `group` replaced.
        public Affine withScale(int group, float scale) {
            float[] changed = scales.clone();
            changed[group] = scale;
            return new Affine(grid, granularity, changed, zeroPoints);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Affine that
                    && grid.equals(that.grid)
                    && granularity.equals(that.granularity)
                    && Arrays.equals(scales, that.scales)
                    && Arrays.equals(zeroPoints, that.zeroPoints);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(scales) * 31 + Arrays.hashCode(zeroPoints);
        }

        @Override
        public String toString() {
            return scales.length == 1
                    ? "%s scale %s zero point %d".formatted(grid, scales[0], zeroPoints[0])
                    : "%s %s, %d scales".formatted(grid, granularity, scales.length);
        }
    }
}
