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
        Map<String, Double> theirs = new TreeMap<>();
        double before;
        double after;
        try (Progress.Stage stage = progress.begin("compiling", inFloat.byCode().size() + 2L)) {
            before = compiled(inFloat.before(), target, libraries, stage);
            after = compiled(inFloat.after(), target, libraries, stage);
            for (Map.Entry<String, Model> one : inFloat.byCode().entrySet()) {
                // Layouts are turned on top of the other changes, so that is what they are held against.
                double without = one.getKey().equals(LAYOUT) ? after : before;
                theirs.put(one.getKey(), without - compiled(one.getValue(), target, libraries, stage));
            }
        }
        if (options.channelsLast()) {
            after -= theirs.getOrDefault(LAYOUT, 0.0);
        }
        inFloat.document().gains().stream()
                .filter(g -> theirs.containsKey(g.code()))
                .forEach(g -> ours.merge(g.code(), g.gainMicros(), Double::sum));
        double ourGain = estimator.totalMicros(inFloat.before(), floating)
                - inFloat.document().afterMicros()
                + (options.channelsLast() ? ours.getOrDefault(LAYOUT, 0.0) : 0);
        List<CodeGain> codes = new ArrayList<>();
        theirs.forEach((code, gain) -> {
            double our = ours.getOrDefault(code, 0.0);
            codes.add(new CodeGain(code, our, gain, agree(our, gain)));
        });
        return new Verified(
                target.name(),
                Precision.FP16.label(),
                before,
                after,
                before - after,
                ourGain,
                agree(ourGain, before - after),
                codes);
    }

    /// No gain and no loss agree with anything that is less than a microsecond.
    private static boolean agree(double ours, double theirs) {
        return Math.signum(ours) == Math.signum(theirs) || Math.abs(ours) < 1 && Math.abs(theirs) < 1;
    }

    private static double compiled(Model model, Target target, HtpLibraries libraries, Progress.Stage stage) {
        double micros = CompilerEstimate.of(model, target, libraries)
                .orElseThrow(() -> new NibbleException(
                        "the compiler gave no estimate for " + target.name(), "nibble htp status says what is there"))
                .estimate()
                .micros();
        stage.advance();
        return micros;
    }

    private static TuneDocument with(TuneDocument d, Verified verified) {
        Map<String, Double> theirs = new TreeMap<>();
        verified.codes().forEach(c -> theirs.put(c.code(), c.compilerGainMicros()));
        List<Finding> findings = new ArrayList<>(d.findings());
        for (CodeGain code : verified.codes()) {
            if (!code.agree()) {
                findings.add(new Finding(
                        "N312",
                        Finding.Severity.WARNING,
                        String.format(
                                Locale.ROOT,
                                "%s: the latency model gains %.1f µs, the compiler's estimate %.1f µs (%s, %s)",
                                code.code(),
                                code.ourGainMicros(),
                                code.compilerGainMicros(),
                                verified.target(),
                                verified.precision()),
                        FindingCatalog.find("N312")
                                .map(FindingCatalog.Entry::fix)
                                .orElse("")));
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
