package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `tune`: what would make a model faster, and what was done.
///
/// @param precision at which the gains are estimated
/// @param beforeMicros estimated, of the model as it was read
/// @param afterMicros estimated, with every rewrite that pays
/// @param gains by estimated gain, largest first
/// @param rejected what was considered, and why it was not done
/// @param proof how the written model was proved; null where nothing was written
/// @param verified the compiler's own estimate beside; null without `--verify`
/// @param output the file that was written; null without `--apply`
public record TuneDocument(
        int schemaVersion,
        String nibble,
        ModelInfo model,
        String target,
        String precision,
        double beforeMicros,
        double afterMicros,
        List<Gain> gains,
        List<Rejected> rejected,
        @Nullable Proof proof,
        @Nullable Verified verified,
        @Nullable FileRecord output,
        List<Finding> findings,
        List<String> said)
        implements Document {
    public TuneDocument {
        Values.present("nibble", nibble);
        Values.present("model", model);
        gains = Values.list(gains);
        rejected = Values.list(rejected);
        findings = Values.list(findings);
        said = Values.list(said);
    }

    /// One kind of change, at all places where it pays.
    ///
    /// @param code as `nibble explain` takes it
    /// @param gainMicros estimated, before less after; 0 where it cannot be said
    /// @param share of the run before
    /// @param evidence what was seen, with figures
    /// @param fix what to do where it is not applied
    /// @param nodes where
    /// @param state `applied`, `applicable` (with --apply), `advice` (nothing that Nibble can do safely), or `refused`
    ///     (it was tried, and the outputs differ)
    /// @param difference the largest difference of an output over its largest value, where it was tried
    /// @param compilerGainMicros the compiler's estimate, with `--verify`
    public record Gain(
            String code,
            String title,
            double gainMicros,
            double share,
            String evidence,
            String fix,
            List<String> nodes,
            String state,
            @Nullable Double difference,
            @Nullable Double compilerGainMicros) {
        public Gain {
            nodes = Values.list(nodes);
            difference = Values.finite(difference);
        }
    }

    /// A change that was considered.
    ///
    /// @param gainMicros estimated; below 0 where it would cost; null where it was not estimated
    public record Rejected(
            String code, String node, @Nullable Double gainMicros, String reason) {}

    /// Both models were run on the same inputs.
    ///
    /// @param tolerance of an output, as a fraction of its largest value
    /// @param compared what was compared
    public record Proof(long seed, double tolerance, List<Compared> compared) {
        public Proof {
            compared = Values.list(compared);
        }
    }

    /// @param value the output, or what an ArgMax that is the output reads
    public record Compared(String value, double maxAbsolute, double maxRelative) {}

    /// The compiler's own estimate.
    ///
    /// @param target the chip that it is for; it offers estimates for few
    /// @param precision what was compiled
    /// @param afterMicros null where it does not compile the model with all changes
    /// @param gainMicros null where `afterMicros` is
    /// @param ourGainMicros our estimate for the same chip and precision
    /// @param agree whether both have the same sign
    /// @param codes each kind of change alone
    public record Verified(
            String target,
            String precision,
            double beforeMicros,
            @Nullable Double afterMicros,
            @Nullable Double gainMicros,
            double ourGainMicros,
            boolean agree,
            List<CodeGain> codes) {
        public Verified {
            codes = Values.list(codes);
        }
    }

    /// One code alone, by both estimates, for the chip and precision that were compiled.
    ///
    /// @param compilerGainMicros null where it does not compile the changed model
    /// @param failure why not, in its words; null where it does
    public record CodeGain(
            String code,
            double ourGainMicros,
            @Nullable Double compilerGainMicros,
            boolean agree,
            @Nullable String failure) {
        /// Whether both estimates see a gain.
        public boolean confirmed() {
            return ourGainMicros > 0 && compilerGainMicros != null && compilerGainMicros > 0;
        }
    }
}
