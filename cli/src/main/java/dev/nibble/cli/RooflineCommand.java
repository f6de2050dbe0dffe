package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.page.LayerList;
import dev.nibble.npu.page.RooflinePage;
import dev.nibble.report.text.TextTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `roofline`: every layer's operations and bytes against what the target can do.
@Command(
        name = "roofline",
        description = "Show every layer against the roofline of a target, as a table and as a page.",
        optionListHeading = "%nOptions:%n")
final class RooflineCommand extends NibbleCommand {
    private static final List<String> COMPARED = List.of("w8a8", "w8a16", "fp16");

    @Parameters(paramLabel = "MODEL", arity = "0..1", description = "The model, an .onnx file.")
    private @Nullable Path model;

    @Option(
            names = "--layers",
            paramLabel = "FILE",
            description = "Instead of a model, a CSV of name,operations,bytes (plain numbers).")
    private @Nullable Path layers;

    @Option(names = "--out", paramLabel = "DIR", description = "Where to write roofline.html.")
    private @Nullable Path out;

    @Mixin
    private SpeedOptions speed;

    @Override
    protected ExitCode run() throws IOException {
        if ((model == null) == (layers == null)) {
            throw new NibbleException("give a model, or --layers FILE", "see nibble roofline --help");
        }
        String target = everywhere().targets().isEmpty()
                ? QuantizeCommand.DEFAULT_TARGET
                : everywhere().targets().getFirst();
        Estimator estimator = speed.estimator(
                target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target);
        Estimate estimate;
        List<RooflinePage.Compared> compared = new ArrayList<>();
        if (layers != null) {
            estimate = LayerList.estimate(layers.toString(), terminal().resolve(layers), estimator, speed.precision());
        } else if (model != null) {
            Path file = terminal().resolve(model);
            estimate = speed.estimate(
                    estimator,
                    file,
                    model.toString(),
                    everywhere().shapesByName(),
                    terminal().workingDirectory());
            for (String precision : COMPARED) {
                Estimate other = speed.estimateAt(
                        estimator, file, precision, everywhere().shapesByName());
                compared.add(new RooflinePage.Compared(
                        precision, other.totalMicros(), other.lowMicros(), other.highMicros()));
            }
        } else {
            throw new IllegalStateException("neither a model nor layers");
        }
        if (out != null) {
            write(estimate, estimator, compared);
        }
        print(EstimateCommand.entry(estimate), () -> table(estimate));
        return ExitCode.DONE;
    }

    private void write(Estimate estimate, Estimator estimator, List<RooflinePage.Compared> compared)
            throws IOException {
        if (out == null) {
            return;
        }
        Path folder = terminal().resolve(out);
        Path page = folder.resolve("roofline.html");
        if (Files.exists(page) && !everywhere().force()) {
            throw new NibbleException("'" + page + "' exists", "give another --out, or --force");
        }
        Files.createDirectories(folder);
        Path part = folder.resolve("roofline.html.part");
        Files.writeString(part, RooflinePage.html(estimate, estimator, compared));
        Files.move(part, page, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        if (!everywhere().quiet()) {
            terminal().err().println("wrote " + out.resolve("roofline.html"));
        }
    }

    private String table(Estimate e) {
        TextTable table = TextTable.of(
                "layer", "op", ">GOP", ">MB", ">op/byte", "side", ">µs", "waits for", "tile", ">spilled MB");
        for (LayerEstimate l : e.layers()) {
            if (l.fusedInto() != null) {
                continue;
            }
            boolean right = l.intensity() >= e.ridgeOperationsPerByte();
            table.row(
                    l.name(),
                    l.op(),
                    number("%.4f", 2.0 * l.macs() / 1e9),
                    number("%.3f", l.bytes() / 1e6),
                    number("%.1f", l.intensity()),
                    l.macs() == 0 ? "" : right ? "compute" : "memory",
                    number("%.2f", l.micros()),
                    l.bottleneck().name().toLowerCase(Locale.ROOT),
                    l.tile() == null
                            ? ""
                            : l.tile().height() + "×" + l.tile().width() + "×"
                                    + l.tile().channels() + (l.tile().fits() ? "" : " (too large)"),
                    l.spilledBytes() > 0 ? number("%.2f", l.spilledBytes() / 1e6) : "");
        }
        return "%s on %s, %s: estimated %.3f ms, ridge at %.0f operations a byte%n%n"
                        .formatted(
                                e.path(), e.target(), e.precision(), e.totalMicros() / 1e3, e.ridgeOperationsPerByte())
                + table.render(style());
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
