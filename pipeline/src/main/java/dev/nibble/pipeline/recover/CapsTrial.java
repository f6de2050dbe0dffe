package dev.nibble.pipeline.recover;

import dev.nibble.graph.Model;

/// Tries out what a float model is worth once it is quantized.
public interface CapsTrial {
    /// The signal to noise at the outputs of `candidate`, quantized, against `model`, in dB.
    ///
    /// @param model the float model that `candidate` came from
    double sqnrDb(Model model, Model candidate);

    /// What the figure depends on beside the models and the samples.
    String follows();
}
