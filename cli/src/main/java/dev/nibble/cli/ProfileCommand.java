package dev.nibble.cli;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimator;
import dev.nibble.npu.LayerPrecisions;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.profile.CompareProfiles;
import dev.nibble.npu.profile.Dialect;
import dev.nibble.npu.profile.JoinProfiles;
import dev.nibble.npu.profile.MapNames;
import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.log.LogEvidence;
import dev.nibble.npu.profile.log.ReadLog;
import dev.nibble.npu.profile.page.ProfilePage;
import dev.nibble.npu.profile.page.WriteTrace;
import dev.nibble.npu.profile.read.ReadProfile;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `profile`: what a profile or a log of the device says.
@Command(
        name = "profile",
        description = "Read profiles and logs of the device: which layers take the time, what fell back, what changed.",
        optionListHeading = "%nOptions:%n")
final class ProfileCommand extends NibbleCommand {
    @Parameters(
            paramLabel = "FILE",
            arity = "0..*",
            description = "Profiles of QNN, ONNX Runtime or SNPE; a qnn_op_trace.json joins the profile beside it.")
    private @Nullable List<Path> files;

    @Option(
            order = 10,
            names = "--log",
            paramLabel = "FILE",
            description = "A log of ONNX Runtime or QNN: refused nodes with reasons, and what error codes mean.")
    private @Nullable List<Path> logs;

    @Option(
            order = 11,
            names = "--against",
            paramLabel = "FILE",
            description = "An older profile: what got slower since, what disappeared.")
    private @Nullable Path against;

    @Option(
            order = 12,
            names = "--model",
            paramLabel = "FILE",
            description = "The .onnx file that was compiled: names are mapped back to its nodes.")
    private @Nullable Path model;

    @Option(
            order = 13,
            names = "--estimate",
            description = "Nibble's estimate for --target beside each node; needs --model.")
    private boolean estimate;

    @Option(
            order = 14,
            names = "--top",
            paramLabel = "N",
            defaultValue = "20",
            description = "Nodes to list (default: 20).")
    private int top;

    @Option(
            order = 15,
            names = "--out",
            paramLabel = "DIR",
            description = "Where to write profile.html, profile.json and trace.json (for Perfetto).")
    private @Nullable Path out;

    @Override
    protected ExitCode run() throws IOException {
        check();
        List<Profile> profiles = profiles();
        List<LogEvidence> evidence = new ArrayList<>();
        for (Path log : logs == null ? List.<Path>of() : logs) {
            evidence.add(ReadLog.of(terminal().resolve(log), log.toString()));
        }
        CompareProfiles compared = null;
        if (against != null) {
            compared = CompareProfiles.of(read(against), profiles.getFirst());
        }
        Estimate beside = null;
        if (model != null && !profiles.isEmpty()) {
            Model onnx = fixed(terminal().resolve(model));
            String name = model.toString();
            profiles.replaceAll(p -> MapNames.onto(p, onnx, name));
            if (estimate) {
                Estimate estimated = estimated(onnx, name);
                profiles.replaceAll(p -> JoinProfiles.withEstimate(p, estimated));
                beside = estimated;
            }
        }
        Object document = ProfileDocument.of(profiles, evidence, compared, beside);
        if (out != null && !profiles.isEmpty()) {
            write(terminal().resolve(out), document, profiles.getFirst(), compared);
        }
        ProfileText text = new ProfileText(style(), top);
        CompareProfiles comparison = compared;
        Estimate estimated = beside;
        print(document, () -> text.of(profiles, evidence, comparison, estimated));
        return ExitCode.DONE;
    }

    private void check() {
        boolean some = files != null && !files.isEmpty();
        if (!some && logs == null) {
            throw new NibbleException("give a profile, or --log FILE", "see nibble profile --help");
        }
        if (estimate && model == null) {
            throw new NibbleException("--estimate needs the model", "add --model FILE");
        }
        if (!some && (against != null || model != null || out != null)) {
            throw new NibbleException("--against, --model and --out need a profile", "add its file");
        }
        if (top < 1) {
            throw new NibbleException("--top must be at least 1, but was " + top, "see --help");
        }
    }

    /// The profiles given; what op traces know is put to the others, where there are others.
    private List<Profile> profiles() {
        List<Profile> read = new ArrayList<>();
        for (Path file : files == null ? List.<Path>of() : files) {
            read.add(read(file));
        }
        List<Profile> traces =
                read.stream().filter(p -> p.dialect() == Dialect.QNN_OP_TRACE).toList();
        if (traces.isEmpty() || traces.size() == read.size()) {
            return read;
        }
        List<Profile> joined = new ArrayList<>();
        for (Profile profile : read) {
            if (profile.dialect() != Dialect.QNN_OP_TRACE) {
                Profile with = profile;
                for (Profile trace : traces) {
                    with = JoinProfiles.withTrace(with, trace);
                }
                joined.add(with);
            }
        }
        return joined;
    }

    /// The model in `file`; its shapes only matter to the estimate.
    private Model fixed(Path file) {
        Model read = ModelReader.read(file, ModelReader.Weights.MAY_BE_MISSING);
        return estimate
                ? ShapeInference.infer(BindShapes.bind(read, everywhere().shapesByName())
                                .requireStatic())
                        .model()
                : read;
    }

    private Profile read(Path file) {
        return ReadProfile.of(terminal().resolve(file), file.toString());
    }

    private Estimate estimated(Model onnx, String name) {
        String target = everywhere().targets().isEmpty()
                ? QuantizeCommand.DEFAULT_TARGET
                : everywhere().targets().getFirst();
        Machines machines = Machines.of(Targets.find(
                target.endsWith(".toml") ? terminal().resolve(Path.of(target)).toString() : target));
        boolean quantized = onnx.graph().nodes().stream().anyMatch(n -> n.is("DequantizeLinear"));
        return new Estimator(machines.machine(), machines, new Calibrated(), "qnn_dlc", 1)
                .estimate(name, onnx, LayerPrecisions.all(quantized ? Precision.FP16 : Precision.W8A8));
    }

    private void write(Path folder, Object document, Profile profile, @Nullable CompareProfiles compared)
            throws IOException {
        try (StagedDirectory staged = StagedDirectory.open(
                folder,
                List.of("profile.json", "profile.html", "trace.json"),
                everywhere().force())) {
            Files.writeString(staged.file("profile.json"), JsonOutput.text(document) + "\n");
            Files.writeString(staged.file("profile.html"), ProfilePage.html(profile, compared));
            WriteTrace.to(staged.file("trace.json"), profile);
            staged.commit();
        }
        if (!everywhere().quiet()) {
            terminal().err().println("wrote profile.html, profile.json and trace.json to " + folder);
        }
    }
}
