package dev.nibble.quant.weight;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;

/// A damped covariance `H + k I` with its Cholesky factor, its rows and columns in ascending order of the diagonal:
/// rounding goes from the last column to the first, so from the inputs that vary most to those that vary least.
final class Factor {
    private final int size;
    private final int[] order;
    private final double share;
    private final double damping;
    private final double[] damped;
    private final double[] lower;
    private final double[] upper;

    private Factor(int size, int[] order, double share, double mean, double[] damped, double[] lower) {
        this.size = size;
        this.order = order;
        this.share = share;
        this.damping = share * mean;
        this.damped = damped;
        this.lower = lower;
        this.upper = new double[size * size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j <= i; j++) {
                upper[j * size + i] = lower[i * size + j];
            }
        }
    }

    /// The factor of `h` (`size × size`), damped by `share` of its mean diagonal, and by ten times as much again as long
    /// as it is not positive definite; empty where no input varies or a number is not finite.
    static Optional<Factor> of(double[] h, int size, double share) {
        double mean = 0;
        for (int i = 0; i < size; i++) {
            mean += h[i * size + i] / size;
        }
        if (!(mean > 0 && Double.isFinite(mean))) {
            return Optional.empty();
        }
        int[] order = IntStream.range(0, size)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> h[i * size + i]))
                .mapToInt(Integer::intValue)
                .toArray();
        for (double part = share; part <= 1; part *= 10) {
            double[] damped = h.clone();
            for (int i = 0; i < size; i++) {
                damped[i * size + i] += part * mean;
            }
            DMatrixRMaj permuted = new DMatrixRMaj(size, size);
            for (int i = 0; i < size; i++) {
                for (int j = 0; j < size; j++) {
                    permuted.data[i * size + j] = damped[order[i] * size + order[j]];
                }
            }
            CholeskyDecomposition_F64<DMatrixRMaj> cholesky = DecompositionFactory_DDRM.chol(size, true);
            if (cholesky.decompose(permuted)) {
                double[] lower = cholesky.getT(null).data.clone();
                if (Arrays.stream(lower).allMatch(Double::isFinite)) {
                    return Optional.of(new Factor(size, order, part, mean, damped, lower));
                }
            }
        }
        return Optional.empty();
    }

    /// The same as a share of the diagonal's mean: more than was asked for where `H` alone could not be factored.
    double share() {
        return share;
    }

    /// What was added to the diagonal.
    double damping() {
        return damping;
    }

    /// `H + k I`, in the columns' own order.
    double[] damped() {
        return damped;
    }

    /// The column at `place` of the order.
    int column(int place) {
        return order[place];
    }

    /// The number on the factor's diagonal at `place`.
    double pivot(int place) {
        return lower[place * size + place];
    }

    /// Adds `factor` times row `place` of the lower factor, up to the diagonal, to `into`; both in ascending order.
    void addRow(int place, double factor, double[] into) {
        int row = place * size;
        for (int j = 0; j < place; j++) {
            into[j] += factor * lower[row + j];
        }
    }

    /// `(H + k I)⁻¹ b`, in the columns' own order.
    double[] solve(double[] b) {
        double[] x = new double[size];
        for (int i = 0; i < size; i++) {
            x[i] = b[order[i]];
        }
        for (int i = 0; i < size; i++) {
            double value = x[i] / lower[i * size + i];
            x[i] = value;
            int row = i * size;
            for (int k = i + 1; k < size; k++) {
                x[k] -= value * upper[row + k];
            }
        }
        for (int i = size - 1; i >= 0; i--) {
            double value = x[i] / lower[i * size + i];
            x[i] = value;
            addRow(i, -value, x);
        }
        double[] result = new double[size];
        for (int i = 0; i < size; i++) {
            result[order[i]] = x[i];
        }
        return result;
    }
}
