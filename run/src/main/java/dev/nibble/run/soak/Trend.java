package dev.nibble.run.soak;

/// A line through points, with a 95 % interval of its slope.
///
/// Neighbouring measurements resemble each other (memory comes in pages, clocks drift), so the standard error is
/// widened by √((1 + r) / (1 − r)), r being the correlation of neighbouring residuals.
///
/// @param slope change of y for one of x
/// @param low lower end of the interval
/// @param high upper end of the interval
public record Trend(double slope, double low, double high) {
    private static final double MOST_CORRELATION = 0.95;

    /// @param x not all equal
    /// @param y as many; at least 3
    public static Trend of(double[] x, double[] y) {
        int n = x.length;
        if (n != y.length || n < 3) {
            throw new IllegalArgumentException("a trend takes at least 3 points, but there are " + n);
        }
        double mx = 0;
        double my = 0;
        for (int i = 0; i < n; i++) {
            mx += x[i] / n;
            my += y[i] / n;
        }
        double sxx = 0;
        double sxy = 0;
        for (int i = 0; i < n; i++) {
            sxx += (x[i] - mx) * (x[i] - mx);
            sxy += (x[i] - mx) * (y[i] - my);
        }
        if (!(sxx > 0)) {
            throw new IllegalArgumentException("all points stand at one place");
        }
        double slope = sxy / sxx;
        double squares = 0;
        double neighbours = 0;
        double before = 0;
        for (int i = 0; i < n; i++) {
            double residual = y[i] - my - slope * (x[i] - mx);
            squares += residual * residual;
            neighbours += i == 0 ? 0 : residual * before;
            before = residual;
        }
        double correlation = squares > 0 ? Math.clamp(neighbours / squares, 0, MOST_CORRELATION) : 0;
        double error = Math.sqrt(squares / (n - 2) / sxx * (1 + correlation) / (1 - correlation));
        double t = 1.96 + 2.4 / (n - 2); // Student's t within 5 % from 5 points on
        return new Trend(slope, slope - t * error, slope + t * error);
    }
}
