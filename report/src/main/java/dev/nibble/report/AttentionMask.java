package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A mask of attention that was found, and what it does to the range of what Softmax reads.
///
/// @param mask the constant that gives the mask its depth, or the computed value
/// @param constant whether its depth is a constant, which the graph tells; else the gap in its values told
/// @param fill what masked places got in the model as given; absent where that is −∞
/// @param written what they get in the file that was written
/// @param scores the masked scores, which only Softmax reads
/// @param softmax the operators that read them
/// @param least of the scores that are not masked, as observed
/// @param most of the scores, as observed
/// @param min where the range of the scores begins; what is masked counts as this
/// @param max where it ends
/// @param zeroBelow a score this far below its row's largest comes out of Softmax as 0: less than half a step of its output
public record AttentionMask(
        String mask,
        boolean constant,
        @Nullable Double fill,
        double written,
        String scores,
        List<String> softmax,
        double least,
        double most,
        double min,
        double max,
        double zeroBelow) {
    public AttentionMask {
        Values.present("masks[].mask", mask);
        Values.present("masks[].scores", scores);
        fill = Values.finite(fill);
        softmax = Values.list(softmax);
    }
}
