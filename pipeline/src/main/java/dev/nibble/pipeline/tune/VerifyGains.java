package dev.nibble.pipeline.tune;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Precision;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.htp.CompilerEstimate;
import dev.nibble.report.Finding;
import dev.nibble.report.FindingCatalog;
import dev.nibble.report.TuneDocument;
import dev.nibble.report.TuneDocument.CodeGain;
import dev.nibble.report.TuneDocument.Gain;
import dev.nibble.report.TuneDocument.Verified;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A second opinion on gains: Qualcomm's compiler makes the model as it was and as it became, in float, for a chip that
/// it has costs for, and its own estimates are set beside those of the latency model for the same chip.
public final class VerifyGains {
    /// IQ-9075: the chip with costs that most was measured on.
    private static final String PREFERRED = "qcs9075";

    /// The code of turned inputs and outputs.
    private static final String LAYOUT = "N302";

    /// The code of what need not run.
    private static final String PREPARED = "N315";

    private VerifyGains() {}

    /// The chip that a second opinion is for: `asked` where the compiler has costs for it.
    static Target target(Target asked) {
        if (CompilerEstimate.isOffered(asked)) {
            return asked;
        }
        Target preferred = Targets.find(PREFERRED);
        return CompilerEstimate.isOffered(preferred)
                ? preferred
                : Targets.find(CompilerEstimate.targets().getFirst());
    }

    /// `document` with the compiler's figures.
    ///
    /// @param options by which `document` was made; nothing is written again
    /// @throws NibbleException where the HTP does not take the whole model, or the libraries are not there
    public static TuneDocument of(
            TuneDocument document, TuneModel.Options options, Target asked, HtpLibraries libraries, Progress progress) {
        return with(document, verified(options, asked, libraries, progress));
    }

    /// Both estimates of what `tune` gains by `options`; nothing is written.
    ///
    /// @throws NibbleException as [#of]
    public static Verified verified(
            TuneModel.Options options, Target asked, HtpLibraries libraries, Progress progress) {
        Target target = target(asked);
        Machines machines = Machines.of(target);
        Estimator estimator = new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1);
        LayerPrecisions floating = LayerPrecisions.uniform(Precision.FP16);
        TuneModel.Result inFloat = TuneModel.run(
                new TuneModel.Options(
                        options.model(),
                        estimator,
                        Optional.of(Precision.FP16),
                        options.shapes(),
                        options.without(),
                        false,
                        Optional.empty(),
                        true,
                        options.seed(),
                        false,
                        options.version()),
                progress);
        Map<String, Double> ours = new TreeMap<>();
        inFloat.document().gains().stream()
                .filter(g -> !g.state().equals("advice"))
                .forEach(g -> ours.merge(g.code(), g.gainMicros(), Double::sum));
        List<CodeGain> codes = new ArrayList<>();
        double before;
        Double after;
        try (Progress.Stage stage = progress.begin("compiling", inFloat.byCode().size() + 3L)) {
            Compiling compiling = new Compiling(target, libraries, stage);
            before = compiling.micros(inFloat.before());
            Attempt prepared = compiling.attempt(inFloat.prepared());
            Attempt changed = compiling.attempt(inFloat.after());
            after = changed.micros();
            for (Map.Entry<String, Model> one : inFloat.byCode().entrySet()) {
                String code = one.getKey();
                // Layouts are turned on top of the other changes, so that is what they are held against.
                Attempt without =
                        code.equals(PREPARED) ? new Attempt(before, null) : code.equals(LAYOUT) ? changed : prepared;
                Attempt with = code.equals(PREPARED) ? prepared : compiling.attempt(one.getValue());
                codes.add(gain(code, ours.getOrDefault(code, 0.0), without, with));
            }
        }
        double ourGain = estimator.totalMicros(inFloat.before(), floating)
                - inFloat.document().afterMicros();
        if (options.channelsLast()) {
            ourGain += ours.getOrDefault(LAYOUT, 0.0);
            Optional<CodeGain> layout =
                    codes.stream().filter(c -> c.code().equals(LAYOUT)).findFirst();
            if (after != null && layout.isPresent()) {
                Double gained = layout.get().compilerGainMicros();
                after = gained == null ? null : Double.valueOf(after - gained);
            }
        }
        Double gain = after == null ? null : Double.valueOf(before - after);
        return new Verified(
                target.name(),
                Precision.FP16.label(),
                before,
                after,
                gain,
                ourGain,
                gain != null && agree(ourGain, gain),
                codes);
    }

    private static CodeGain gain(String code, double our, Attempt without, Attempt with) {
        Double base = without.micros();
        Double changed = with.micros();
        if (base == null || changed == null) {
            String failure = changed == null ? with.failure() : without.failure();
            return new CodeGain(code, our, null, false, failure);
        }
        return new CodeGain(code, our, base - changed, agree(our, base - changed), null);
    }

    /// No gain and no loss agree with anything that is less than a microsecond.
    private static boolean agree(double ours, double theirs) {
        return Math.signum(ours) == Math.signum(theirs) || Math.abs(ours) < 1 && Math.abs(theirs) < 1;
    }

    /// What the compiler said of a model: its estimate, or why it does not compile it.
    private record Attempt(
            @Nullable Double micros, @Nullable String failure) {}

    /// @param stage goes on by one with each model
    private record Compiling(Target target, HtpLibraries libraries, Progress.Stage stage) {
        double micros(Model model) {
            double micros = CompilerEstimate.of(model, target, libraries)
                    .orElseThrow(() -> new NibbleException(
                            "the compiler gave no estimate for " + target.name(),
                            "nibble htp status says what is there"))
                    .estimate()
                    .micros();
            stage.advance();
            return micros;
        }

        /// A changed model may be refused where the one before was not: that is a result.
        Attempt attempt(Model model) {
            try {
                return new Attempt(micros(model), null);
            } catch (NibbleException e) {
                stage.advance();
                return new Attempt(null, e.getMessage());
            }
        }
    }

    private static TuneDocument with(TuneDocument d, Verified verified) {
        Map<String, Double> theirs = new TreeMap<>();
        List<Finding> findings = new ArrayList<>(d.findings());
        for (CodeGain code : verified.codes()) {
            Double compiler = code.compilerGainMicros();
            if (compiler == null) {
                findings.add(finding(
                        "N316",
                        "%s: the compiler makes no such model: %s (%s, %s)"
                                .formatted(code.code(), code.failure(), verified.target(), verified.precision())));
                continue;
            }
            theirs.put(code.code(), compiler);
            if (!code.agree()) {
                findings.add(finding(
                        "N312",
                        String.format(
                                Locale.ROOT,
                                "%s: the latency model gains %.1f µs, the compiler's estimate %.1f µs (%s, %s)",
                                code.code(),
                                code.ourGainMicros(),
                                compiler,
                                verified.target(),
                                verified.precision())));
            }
        }
        List<Gain> gains = d.gains().stream()
                .map(g -> g.state().equals("advice") ? g : with(g, theirs.get(g.code())))
                .toList();
        return new TuneDocument(
                d.schemaVersion(),
                d.nibble(),
                d.model(),
                d.target(),
                d.precision(),
                d.beforeMicros(),
                d.afterMicros(),
                gains,
                d.rejected(),
                d.proof(),
                verified,
                d.output(),
                findings,
                d.said());
    }

    private static Finding finding(String code, String text) {
        return new Finding(
                code,
                Finding.Severity.WARNING,
                text,
                FindingCatalog.find(code).map(FindingCatalog.Entry::fix).orElse(""));
    }

    private static Gain with(Gain g, @Nullable Double compiler) {
        return new Gain(
                g.code(),
                g.title(),
                g.gainMicros(),
                g.share(),
                g.evidence(),
                g.fix(),
                g.nodes(),
                g.state(),
                g.difference(),
                compiler);
    }
}
