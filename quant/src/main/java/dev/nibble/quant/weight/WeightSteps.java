package dev.nibble.quant.weight;

/// Which steps of second-order rounding are taken; each can be left out, to see what it is worth.
///
/// @param searchScales scales by the error at the layer's output instead of the weight's own
/// @param retarget round towards the least-squares weights for the quantized inputs instead of the given ones
/// @param feedback round column by column and let the following columns make up for each error (GPTQ)
/// @param descend change single codes while that lowers the error
/// @param refit fit scales to the codes in closed form
/// @param bias correct the bias for the error that is left in the mean
/// @param damping what is added to the diagonal of the covariance, as a share of its mean
/// @param candidates scales that are compared for each row or block
/// @param sweeps over a row's codes at most, while codes change
public record WeightSteps(
        boolean searchScales,
        boolean retarget,
        boolean feedback,
        boolean descend,
        boolean refit,
        boolean bias,
        double damping,
        int candidates,
        int sweeps) {
    public static final int CANDIDATES = 24;
    public static final int SWEEPS = 6;

    /// Where a few hundred samples fill a covariance of hundreds of inputs, less than this fits the samples and not the
    /// network; where they are many, nothing between 0.001 and this makes a difference.
    public static final double DAMPING = 0.05;

    public static final WeightSteps ALL =
            new WeightSteps(true, true, true, true, true, true, DAMPING, CANDIDATES, SWEEPS);

    public WeightSteps {
        if (!(damping > 0 && damping <= 1)) {
            throw new IllegalArgumentException("damping must be above 0 and at most 1, but was " + damping);
        }
        if (candidates < 2 || sweeps < 1) {
            throw new IllegalArgumentException("too few candidates or sweeps: " + candidates + ", " + sweeps);
        }
    }

    /// The same with biases left as they are.
    public WeightSteps withFixedBias() {
        return new WeightSteps(searchScales, retarget, feedback, descend, refit, false, damping, candidates, sweeps);
    }

    /// The same with the scales left as they are.
    public WeightSteps withFixedScales() {
        return new WeightSteps(false, retarget, feedback, descend, false, bias, damping, candidates, sweeps);
    }
}
