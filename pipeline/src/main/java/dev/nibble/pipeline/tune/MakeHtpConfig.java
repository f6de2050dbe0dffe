package dev.nibble.pipeline.tune;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.config.CheckHtpConfig;
import dev.nibble.npu.config.HtpSettings;
import dev.nibble.npu.config.PerfProfile;
import dev.nibble.npu.config.ReadDlc;
import dev.nibble.npu.config.Scenario;
import dev.nibble.npu.config.VtcmAdvice;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.report.Document;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.HtpConfigDocument;
import dev.nibble.target.Target;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `htp-config`: QAIRT's two files for a model on a chip, or what is wrong with those that a user has.
public final class MakeHtpConfig {
    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private static final long MOST_BYTES = 16L << 20;

    private MakeHtpConfig() {}

    /// What is asked for. Where nothing is said of the VTCM, all of it is taken.
    ///
    /// @param model an ONNX model or a DLC
    /// @param graph the graph's name, where the user knows it
    /// @param profile in place of the scenario's
    public record Options(
            Path model,
            Target target,
            Scenario scenario,
            Optional<String> graph,
            Optional<PerfProfile> profile,
            OptionalInt vtcmMb,
            OptionalInt hvxThreads,
            OptionalInt optimization,
            boolean dlbc,
            Map<String, long[]> shapes,
            Path out,
            boolean force,
            String version) {}

    /// Writes both files. They appear together, or not at all.
    ///
    /// @throws NibbleException where options contradict each other or the chip, or a name does not fit the model
    public static HtpConfigDocument make(Options options) {
        boolean dlc = isDlc(options.model());
        Optional<StaticModel> onnx =
                dlc ? Optional.empty() : Optional.of(StaticModel.read(options.model(), options.shapes()));
        List<String> inFile =
                dlc ? ReadDlc.graphNames(options.model()) : List.of(HtpSettings.graphName(fileName(options.model())));
        List<Finding> findings = new ArrayList<>();
        HtpSettings settings = new HtpSettings(
                options.target(),
                names(options, dlc, inFile, findings),
                options.scenario(),
                options.profile().orElse(options.scenario().profile()),
                options.vtcmMb().orElse(0),
                options.hvxThreads().orElse(HtpSettings.DEFAULT_HVX_THREADS),
                options.optimization().orElse(3),
                options.dlbc());
        List<FileRecord> files = write(settings, options);
        HtpConfigDocument.@Nullable Vtcm vtcm =
                onnx.map(m -> vtcm(settings, m, options.model().toString())).orElse(null);
        String model = dlc ? options.model().toString() : settings.graphNames().getFirst() + ".dlc";
        List<String> commands = new ArrayList<>();
        if (!dlc) {
            commands.add("qairt-converter --input_network %s --output_path %s".formatted(options.model(), model));
        }
        commands.addAll(settings.commands(model));
        return new HtpConfigDocument(
                Document.SCHEMA_VERSION,
                options.version(),
                options.target().name(),
                null,
                settings.graphNames(),
                options.scenario().name().toLowerCase(Locale.ROOT),
                profile(settings.profile()),
                files,
                commands,
                settings.onnxRuntimeOptions(),
                vtcm,
                profiles(),
                List.of(),
                findings);
    }

    private static List<String> names(Options options, boolean dlc, List<String> inFile, List<Finding> findings) {
        if (options.graph().isEmpty()) {
            if (!dlc) {
                findings.add(new Finding(
                        "C109",
                        Finding.Severity.NOTE,
                        "the graph is taken to be called '%s', as QAIRT's converter calls it after the file"
                                .formatted(inFile.getFirst()),
                        "where the DLC has another name, give the DLC in place of the model, or --graph NAME: the device"
                                + " ignores settings of another name without a word"));
            }
            return inFile;
        }
        String given = options.graph().get();
        if (dlc && !inFile.contains(given)) {
            throw new NibbleException(
                    "'%s' holds no graph '%s', but %s".formatted(options.model(), given, String.join(", ", inFile)),
                    "leave --graph out: the device ignores settings of another name without a word");
        }
        return List.of(given);
    }

    private static List<FileRecord> write(HtpSettings settings, Options options) {
        List<String> names = List.of(HtpSettings.EXTENSIONS_FILE, HtpSettings.HTP_FILE);
        try (StagedDirectory staged = StagedDirectory.open(options.out(), names, options.force())) {
            Files.writeString(staged.file(names.get(0)), JSON.writeValueAsString(settings.extensionsFile()) + "\n");
            Files.writeString(staged.file(names.get(1)), JSON.writeValueAsString(settings.htpFile()) + "\n");
            List<FileRecord> records = new ArrayList<>();
            for (String name : names) {
                records.add(FileDigest.record(staged.file(name), name));
            }
            staged.commit();
            return records;
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be written: %s".formatted(options.out(), e.getMessage()), "choose another --out", e);
        }
    }

    private static HtpConfigDocument.Vtcm vtcm(HtpSettings settings, StaticModel model, String path) {
        Machines machines = Machines.of(settings.target());
        Machine chip = machines.machine();
        int given = settings.vtcmMb() == 0 ? settings.target().vtcmMb().value() : settings.vtcmMb();
        Machine machine = new Machine(chip.name(), chip.values(), given, chip.memoryPeakGbs());
        boolean quantized = model.model().graph().nodes().stream().anyMatch(n -> n.is("DequantizeLinear"));
        Estimate estimate = new Estimator(machine, machines, new Calibrated(), "qnn_dlc", 1)
                .estimate(path, model.model(), LayerPrecisions.all(quantized ? Precision.FP16 : Precision.W8A8));
        VtcmAdvice advice = VtcmAdvice.of(
                estimate,
                settings.vtcmMb(),
                settings.target().vtcmMb().value(),
                machine.get(Parameter.MEMORY_GBS),
                settings.dlbc());
        return new HtpConfigDocument.Vtcm(
                advice.vtcmMb(),
                advice.peakMb(),
                advice.utilization(),
                advice.tiledLayers(),
                advice.spilledMb(),
                advice.spillMicros(),
                advice.compressedMicros(),
                advice.holdsAllMb(),
                advice.spilling().stream()
                        .map(s -> new HtpConfigDocument.Spill(s.layer(), s.op(), s.megabytes(), s.tiles()))
                        .toList(),
                advice.advice());
    }

    /// Reads a configuration and says what of it does nothing.
    ///
    /// @param model whose graph's name the file must have, where it is given
    /// @param target the chip to hold its numbers against
    /// @throws NibbleException where the file is not JSON or of a schema that QAIRT does not read
    public static HtpConfigDocument look(Path file, Optional<Path> model, Optional<Target> target, String version) {
        CheckHtpConfig.Result result = CheckHtpConfig.of(text(file), file.toString(), target);
        List<HtpConfigDocument.Issue> issues = new ArrayList<>();
        result.issues()
                .forEach(i -> issues.add(new HtpConfigDocument.Issue(
                        i.code(),
                        Finding.Severity.valueOf(i.severity().toUpperCase(Locale.ROOT)),
                        i.path(),
                        i.text(),
                        i.instead())));
        model.ifPresent(m -> {
            List<String> expected = isDlc(m) ? ReadDlc.graphNames(m) : List.of(HtpSettings.graphName(fileName(m)));
            for (String name : result.graphNames()) {
                if (!expected.contains(name)) {
                    issues.add(new HtpConfigDocument.Issue(
                            "C105",
                            isDlc(m) ? Finding.Severity.ERROR : Finding.Severity.WARNING,
                            "graphs[].graph_names",
                            "has '%s', but the graph of %s is called %s: its settings are ignored without a word"
                                    .formatted(name, fileName(m), String.join(", ", expected)),
                            expected.getFirst()));
                }
            }
        });
        return new HtpConfigDocument(
                Document.SCHEMA_VERSION,
                version,
                target.map(Target::name).orElse(null),
                file.toString(),
                result.graphNames(),
                null,
                null,
                List.of(),
                List.of(),
                Map.of(),
                null,
                profiles(),
                issues,
                List.of());
    }

    private static String text(Path file) {
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw new NibbleException("'" + file + "' is too large for a configuration", "name the JSON file");
            }
            return Files.readString(file);
        } catch (MalformedInputException e) {
            throw new NibbleException("'" + file + "' is not text", "name the JSON file", e);
        } catch (IOException e) {
            throw new NibbleException("'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path", e);
        }
    }

    private static boolean isDlc(Path file) {
        return fileName(file).toLowerCase(Locale.ROOT).endsWith(".dlc");
    }

    private static String fileName(Path file) {
        return String.valueOf(file.getFileName());
    }

    private static List<HtpConfigDocument.Profile> profiles() {
        return Arrays.stream(PerfProfile.values()).map(MakeHtpConfig::profile).toList();
    }

    private static HtpConfigDocument.Profile profile(PerfProfile p) {
        return new HtpConfigDocument.Profile(
                p.key(), p.sleepLatencyMicros(), p.corner(), p.held(), p.rpcPollingMicros(), p.when());
    }
}
