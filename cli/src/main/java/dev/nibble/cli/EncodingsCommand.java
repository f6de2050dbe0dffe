package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.EncodingsFiles;
import dev.nibble.quant.encodings.CompareEncodings;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.report.text.TextTable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `encodings convert`, `encodings diff` and `encodings check`.
@Command(
        name = "encodings",
        description = {
            "Work on files of AIMET's encodings (0.6.1, 1.0.0, 2.0.0, 2.1.0) and QNN's overrides:",
            "  encodings convert FILE --to V --out FILE [--model MODEL]",
            "  encodings diff FIRST SECOND",
            "  encodings check FILE --model MODEL",
            "",
            "FILE may be a QDQ model (.onnx) as well: what ONNX Runtime, AIMET or Nibble put into it is read. convert writes"
                    + " another version. diff says what two files say differently, whatever their versions, and exits"
                    + " with 1 where they do. check says whether 'quantize --quantization-overrides' takes a file for a"
                    + " model and a target, and exits with 1 where it does not."
        },
        optionListHeading = "%nOptions:%n")
final class EncodingsCommand extends NibbleCommand {
    @Parameters(index = "0", paramLabel = "convert|diff|check", description = "What to do.")
    private Action action;

    @Parameters(index = "1", paramLabel = "FILE", description = "Encodings, overrides or a QDQ model.")
    private Path first;

    @Parameters(index = "2", arity = "0..1", paramLabel = "SECOND|MODEL", description = "For diff and check.")
    private @Nullable Path second;

    @Option(order = 10, names = "--to", paramLabel = "V", description = "convert: 0.6.1, 1.0.0, 2.0.0 or 2.1.0.")
    private @Nullable String to;

    @Option(order = 11, names = "--out", paramLabel = "FILE", description = "convert: where to write.")
    private @Nullable Path out;

    @Option(
            order = 12,
            names = "--model",
            paramLabel = "MODEL",
            description =
                    "check: the model. convert: the model, where one of the versions names axes and the other does "
                            + "not.")
    private @Nullable Path model;

    @Option(
            order = 13,
            names = "--tolerance",
            paramLabel = "T",
            description = "diff: how far scales may be apart, relative (default: 0.000001).")
    private double tolerance = CompareEncodings.SCALE_TOLERANCE;

    @Option(
            order = 14,
            names = "--act-bitwidth",
            paramLabel = "8|16",
            description = "check: bits of activations that the file does not name (default: 8).")
    private @Nullable Integer actBitwidth;

    @Mixin
    private PlacementRuleOptions rules;

    /// What to do.
    enum Action {
        CONVERT,
        DIFF,
        CHECK
    }

    @Override
    protected ExitCode run() {
        return switch (action) {
            case CONVERT -> convert();
            case DIFF -> diff(second("the second file: nibble encodings diff FIRST SECOND"));
            case CHECK -> check(checkedModel());
        };
    }

    private Path second(String what) {
        if (second == null) {
            throw new NibbleException("one more file is needed", "name " + what);
        }
        return second;
    }

    private Path checkedModel() {
        if (model != null && second != null) {
            throw new NibbleException(
                    "the model was named twice: '%s' and '%s'".formatted(second, model), "leave one of them out");
        }
        return model != null ? model : second("the model: nibble encodings check FILE --model MODEL");
    }

    private ExitCode convert() {
        if (to == null || out == null) {
            throw new NibbleException(
                    to == null ? "--to is missing" : "--out is missing",
                    "nibble encodings convert FILE --to 1.0.0 --out model.encodings");
        }
        if (second != null) {
            throw new NibbleException(
                    "convert takes one file, but was given '" + second + "' as well", "name a model with --model");
        }
        EncodingsFiles.Converted document = EncodingsFiles.convert(
                terminal().resolve(first),
                first.toString(),
                EncodingsVersion.of(to),
                Optional.ofNullable(model).map(terminal()::resolve),
                terminal().resolve(out),
                out.toString(),
                everywhere().force(),
                Version.current().nibble());
        print(document, () -> converted(document));
        return ExitCode.DONE;
    }

    private static String converted(EncodingsFiles.Converted document) {
        StringBuilder text = new StringBuilder("%d tensors of %s (%s) in %s as %s"
                .formatted(
                        document.tensors(),
                        document.file(),
                        document.from().isEmpty() ? "overrides" : document.from(),
                        document.out(),
                        document.to()));
        document.omitted()
                .forEach(omitted -> text.append("\nleft out '%s': %s".formatted(omitted.tensor(), omitted.reason())));
        return text.toString();
    }

    private ExitCode diff(Path other) {
        if (model != null) {
            throw new NibbleException(
                    "diff takes two files and no model, but was given --model '%s'".formatted(model),
                    "leave --model out");
        }
        if (!(tolerance >= 0)) {
            throw new NibbleException("--tolerance must not be negative, but was " + tolerance, "use 0.000001");
        }
        EncodingsFiles.Compared document = EncodingsFiles.diff(
                terminal().resolve(first),
                first.toString(),
                terminal().resolve(other),
                other.toString(),
                tolerance,
                Version.current().nibble());
        print(document, () -> differences(document));
        List<String> failures = document.equal()
                ? List.of()
                : List.of("%d of %d tensors differ"
                        .formatted(document.differences().size(), document.tensors()));
        return gate(failures);
    }

    private String differences(EncodingsFiles.Compared document) {
        if (document.equal()) {
            return "Both say the same of %d tensors.".formatted(document.tensors());
        }
        TextTable table = TextTable.of("tensor", "difference", "first and second");
        document.differences().forEach(d -> table.row(d.tensor(), d.kind(), d.text()));
        return table.render(style());
    }

    private ExitCode check(Path checkedModel) {
        EncodingsFiles.Checked document = EncodingsFiles.check(
                terminal().resolve(first),
                first.toString(),
                terminal().resolve(checkedModel),
                checkedModel.toString(),
                rules.rules(this),
                PrecisionOptions.widths(8, actBitwidth == null ? 8 : actBitwidth),
                everywhere().shapesByName(),
                Version.current().nibble(),
                progress());
        print(document, () -> verdict(document));
        return gate(
                document.ok()
                        ? List.of()
                        : List.of("quantize does not take '%s' for '%s'".formatted(document.file(), document.model())));
    }

    private static String verdict(EncodingsFiles.Checked document) {
        StringBuilder text = new StringBuilder();
        document.problems()
                .forEach(p -> text.append("problem  ")
                        .append(p.text())
                        .append("\n   hint  ")
                        .append(p.hint())
                        .append('\n'));
        if (document.ok()) {
            text.append("%s gives %d encodings and %d widths, and keeps %d tensors in float, by the rules of %s.%n"
                    .formatted(
                            document.file(),
                            document.ranges(),
                            document.widths(),
                            document.floats(),
                            document.rules()));
            text.append(
                    document.whole()
                            ? "Every range is given: quantize needs no --data."
                            : "%d ranges come from --data."
                                    .formatted(document.uncalibrated().size()));
        }
        return text.toString();
    }
}
