package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.tune.TuneModel;
import dev.nibble.pipeline.tune.VerifyGains;
import dev.nibble.report.Finding;
import dev.nibble.report.TuneDocument;
import dev.nibble.report.TuneDocument.Gain;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `tune`: what would make a model faster, and the model that is.
@Command(
        name = "tune",
        description = {
            "Say what would make a model faster on a target, by estimated gain; with --apply write the faster model.",
            "",
            "What is written was run beside the model as it was, on the same seeded inputs, and gave the same within a"
                    + " tolerance; otherwise it is not applied."
        },
        optionListHeading = "%nOptions:%n")
final class TuneCommand extends NibbleCommand {
    private static final int REJECTED_SHOWN = 12;

    /// What `--io-layout` takes.
    enum Layout {
        KEEP,
        NHWC
    }

    @Parameters(paramLabel = "MODEL", description = "The float model.")
    private Path model;

    @Option(order = 1, names = "--apply", description = "Make the changes that pay and can be proved; needs --out.")
    private boolean apply;

    @Option(order = 2, names = "--out", paramLabel = "FILE", description = "The file to write.")
    private @Nullable Path out;

    @Option(
            order = 3,
            names = "--io-layout",
            paramLabel = "keep|nhwc",
            defaultValue = "keep",
            description = "nhwc: pictures enter and leave channels last, as the HTP has them (default: keep).")
    private Layout layout;

    @Option(
            order = 4,
            names = "--without",
            paramLabel = "CODE[,CODE…]",
            hideParamSyntax = true,
            split = ",",
            description = "Leave these changes out, such as N304.")
    private @Nullable List<String> without;

    @Option(
            order = 5,
            names = "--verify",
            description =
                    "Ask Qualcomm's compiler as well, in float, for a chip that it has costs for (nibble htp install).")
    private boolean verify;

    @Mixin
    private SpeedOptions speed;

    @Override
    protected ExitCode run() {
        if (apply != (out != null)) {
            throw new NibbleException(
                    apply ? "--apply needs a file to write" : "--out says where to write what --apply makes",
                    "nibble tune model.onnx --target sm8650 --apply --out faster.onnx");
        }
        if (everywhere().targets().size() > 1) {
            throw new NibbleException("tune is for one target at a time", "choose one of them");
        }
        String target = everywhere().targets().isEmpty()
                ? QuantizeCommand.DEFAULT_TARGET
                : everywhere().targets().getFirst();
        String resolved =
                target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target;
        Optional<HtpLibraries> libraries =
                verify ? Optional.of(HtpLibraries.of(terminal().environment()).require()) : Optional.empty();
        TuneModel.Options options = new TuneModel.Options(
                terminal().resolve(model),
                speed.estimator(resolved),
                speed.given(),
                everywhere().shapesByName(),
                TuneModel.known(without == null ? List.of() : without),
                layout == Layout.NHWC,
                Optional.ofNullable(out).map(o -> terminal().resolve(o)),
                false,
                everywhere().seed(),
                everywhere().force(),
                Version.current().nibble());
        TuneDocument tuned = TuneModel.run(options, progress()).document();
        TuneDocument document = libraries
                .map(l -> VerifyGains.of(tuned, options, Targets.find(resolved), l, progress()))
                .orElse(tuned);
        alarm(document.findings());
        print(document, () -> text(document));
        return ExitCode.DONE;
    }

    private String text(TuneDocument d) {
        StringBuilder text = new StringBuilder();
        d.findings().stream()
                .filter(f -> f.severity() == Finding.Severity.ERROR)
                .forEach(f -> text.append("error: ").append(f.text()).append("\n\n"));
        text.append("%s on %s, %s: estimated %s ms, %s ms with all that pays%n%n"
                .formatted(model, d.target(), d.precision(), ms(d.beforeMicros()), ms(d.afterMicros())));
        if (d.gains().isEmpty()) {
            text.append("nothing found that would make it faster\n");
        } else {
            TextTable table = TextTable.of("code", ">gain, µs", ">share", "state", "what");
            d.gains()
                    .forEach(g -> table.row(
                            g.code(),
                            number("%.1f", g.gainMicros()),
                            number("%.1f %%", 100 * g.share()),
                            g.state(),
                            g.title()));
            text.append(table.render(style())).append('\n');
            d.gains().forEach(g -> text.append(detail(g)));
        }
        rejected(d, text);
        TuneDocument.Proof proof = d.proof();
        if (proof != null) {
            text.append(number(
                    "\nproved on the inputs of seed " + proof.seed() + ", within %.4f of the largest value:\n",
                    proof.tolerance()));
            proof.compared()
                    .forEach(c -> text.append("- %s: off by %s, %s of its largest value%n"
                            .formatted(c.value(), number("%.3g", c.maxAbsolute()), number("%.2g", c.maxRelative()))));
        }
        verified(d.verified(), text);
        if (d.output() != null) {
            text.append("wrote ").append(out).append('\n');
        }
        text.append('\n');
        d.findings().stream()
                .filter(f -> f.severity() != Finding.Severity.ERROR)
                .forEach(f -> text.append("- ")
                        .append(f.code())
                        .append(' ')
                        .append(f.text())
                        .append('\n'));
        d.said().forEach(s -> text.append("- ").append(s).append('\n'));
        return text.append("Every time is estimated. nibble explain CODE tells the whole story.\n")
                .toString();
    }

    private void verified(TuneDocument.@Nullable Verified v, StringBuilder text) {
        if (v == null) {
            return;
        }
        Double after = v.afterMicros();
        text.append("\nby both estimates, %s, %s: %s ms before and %s ms after by the compiler's%n"
                .formatted(v.target(), v.precision(), ms(v.beforeMicros()), after == null ? "no" : ms(after)));
        TextTable table = TextTable.of("code", ">latency model gains, µs", ">compiler gains, µs", "");
        v.codes()
                .forEach(c -> table.row(
                        c.code(),
                        number("%.1f", c.ourGainMicros()),
                        gained(c.compilerGainMicros()),
                        verdict(c.compilerGainMicros(), c.agree())));
        table.row(
                "all that is applied",
                number("%.1f", v.ourGainMicros()),
                gained(v.gainMicros()),
                verdict(v.gainMicros(), v.agree()));
        text.append(table.render(style()));
    }

    private static String gained(@Nullable Double micros) {
        return micros == null ? "–" : number("%.1f", micros);
    }

    private static String verdict(@Nullable Double micros, boolean agree) {
        return micros == null ? "not compiled" : agree ? "agree" : "disagree";
    }

    private static String detail(Gain gain) {
        return "- %s %s%n  %s%n".formatted(gain.code(), gain.evidence(), gain.fix());
    }

    private static void rejected(TuneDocument d, StringBuilder text) {
        if (d.rejected().isEmpty()) {
            return;
        }
        text.append("\nconsidered, and left as it is:\n");
        d.rejected().stream()
                .limit(REJECTED_SHOWN)
                .forEach(r -> text.append("- ")
                        .append(r.code())
                        .append(r.node().isEmpty() ? "" : " " + r.node())
                        .append(r.gainMicros() == null ? "" : number(" (%.2f µs)", r.gainMicros()))
                        .append(": ")
                        .append(r.reason())
                        .append('\n'));
        if (d.rejected().size() > REJECTED_SHOWN) {
            text.append("- %d more: --format json%n".formatted(d.rejected().size() - REJECTED_SHOWN));
        }
    }

    private static String ms(double micros) {
        return number(micros < 1000 ? "%.3f" : "%.2f", micros / 1e3);
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
