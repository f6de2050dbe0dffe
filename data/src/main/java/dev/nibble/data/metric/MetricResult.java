package dev.nibble.data.metric;

/// A measured figure.
///
/// @param name `top1`, `top5`, `characterAccuracy`, `wordAccuracy`, `spearman`, `nextTokenLoss`, `perplexity`, `sqnrDb`, `cosine`, `klNats`, `argmaxAgreement`
/// @param value accuracies and agreements as a fraction (0 to 1); NaN where nothing was measured
/// @param n samples measured
/// @param ci95 Wilson's interval for shares of samples, bootstrap percentiles for the others
public record MetricResult(String name, double value, long n, Interval ci95) {}
