package dev.nibble.htp;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Asks Qualcomm's compiler where the nodes of a model go, and has it compile.
public final class HtpCompiler implements AutoCloseable {
    private final HtpLibraries libraries;
    private final HtpExecutor.Limits limits;
    private @Nullable ChildProcess child;
    private int asked;

    /// Whether something was left out for one chip: so it probably is for the next.
    private boolean leavesSome;

    /// @throws NibbleException where the libraries are not there
    public HtpCompiler(HtpLibraries libraries) {
        this.libraries = libraries.require();
        limits = HtpExecutor.Limits.DEFAULT;
    }

    /// The compiler's answer for one chip.
    ///
    /// @param finalized whether the parts that it took were compiled to the end
    /// @param failure why not; empty where they were
    /// @param partitions parts of the graph on the HTP
    /// @param left nodes of the model that it did not take, in the model's order, with the reason; what ONNX Runtime
    ///     put in between stands under its own name
    public record Answer(boolean finalized, String failure, int partitions, List<Left> left) {
        public Answer {
            left = List.copyOf(left);
        }
    }

    /// A node that was not taken.
    public record Left(String name, String op, String reason) {}

    /// Where the nodes of `model` go on `soc`.
    ///
    /// @param model all of whose shapes are fixed
    /// @throws NibbleException where the compiler does not start, crashes or hangs
    public Answer place(Model model, Soc soc) {
        if (!leavesSome) {
            Answer quick = quick(model, soc);
            if (quick.finalized() && quick.left().isEmpty()) {
                return quick;
            }
        }
        leavesSome = true;
        close();
        try {
            return ask(model, soc, ChildProcess.Logging.EVERYTHING, null);
        } finally {
            close();
        }
    }

    /// As [#place], without asking for reasons.
    Answer quick(Model model, Soc soc) {
        return ask(model, soc, ChildProcess.Logging.WARNINGS, Map.of());
    }

    private Answer ask(Model model, Soc soc, ChildProcess.Logging logging, @Nullable Map<String, String> known) {
        String name = model.graph().name();
        ChildProcess process = child(name, logging);
        Model named = named(model);
        Path folder = process.folder().resolve("trace" + asked++);
        String failure = "";
        try {
            Files.createDirectory(folder);
            Path file = folder.resolve("model.onnx");
            ModelWriter.write(named, file);
            Map<String, String> options = new HashMap<>(QnnOptions.provider(libraries, soc));
            options.put("enable_framework_op_trace", "1");
            options.put("framework_op_trace_dir", folder.toString());
            try {
                process.open(file, libraries, options, Map.of(), limits.compiling());
            } catch (NibbleException e) {
                if (!process.usable()) {
                    throw e;
                }
                failure = e.getMessage();
            }
            Path trace = folder.resolve(OpTrace.FILE);
            if (!Files.exists(trace)) {
                if (!failure.isEmpty() && logging == ChildProcess.Logging.WARNINGS) {
                    return new Answer(false, failure, 0, List.of());
                }
                if (!failure.isEmpty()) {
                    List<String> lines = process.log().lines();
                    return new Answer(false, failure + uncreated(lines), 0, left(named, OpTrace.NOTHING, lines));
                }
                List<String> errors = process.log().errors();
                if (!HtpFailure.backend(errors).isEmpty()) {
                    throw new NibbleException(
                            "model '%s': Qualcomm's compiler did not start, and nothing was asked of it: %s"
                                    .formatted(name, String.join("; ", errors)),
                            "nibble htp status shows what is installed");
                }
                // Of a model of which it takes nothing, the plugin gives no account.
                return new Answer(
                        true,
                        "",
                        0,
                        left(named, OpTrace.nothingOf(named), process.log().lines()));
            }
            OpTrace read = OpTrace.read(trace);
            List<String> lines = known == null ? process.log().lines() : List.of();
            if (!failure.isEmpty()) {
                failure += uncreated(lines);
            }
            return new Answer(failure.isEmpty(), failure, read.partitions(), left(named, read, lines));
        } catch (IOException e) {
            throw new NibbleException(
                    "model '%s': it cannot be handed to the HTP's compiler: %s".formatted(name, e.getMessage()),
                    "check that the temporary folder may be written and has room",
                    e);
        }
    }

    private static String uncreated(List<String> lines) {
        return ValidatorLog.uncreated(lines).map(op -> "; " + op).orElse("");
    }

    private static List<Left> left(Model model, OpTrace trace, List<String> lines) {
        Map<String, String> reasons = new HashMap<>();
        ValidatorLog.reasons(lines).forEach((name, reason) -> reasons.putIfAbsent(original(name), reason));
        Set<String> names = new HashSet<>();
        Map<String, OpTrace.Left> untaken = new HashMap<>();
        List<OpTrace.Left> inserted = new ArrayList<>();
        model.graph().nodes().forEach(node -> names.add(node.name()));
        for (OpTrace.Left left : trace.left()) {
            // What was taken before, as ONNX Runtime shows it to the plugin the second time.
            if (left.op().startsWith("QNN_")) {
                continue;
            }
            String name = original(left.name());
            if (names.contains(name)) {
                untaken.putIfAbsent(name, left);
            } else {
                inserted.add(left);
            }
        }
        List<Left> all = new ArrayList<>();
        for (Node node : model.graph().nodes()) {
            OpTrace.Left left = untaken.get(node.name());
            if (left != null && !isEdge(model.graph(), node)) {
                all.add(new Left(node.name(), node.opType(), reasons.getOrDefault(node.name(), left.reason())));
            }
        }
        for (OpTrace.Left left : inserted) {
            if (!left.op().equals("QuantizeLinear") && !left.op().equals("DequantizeLinear")) {
                all.add(new Left(
                        left.name(),
                        left.op(),
                        "put in by ONNX Runtime; " + reasons.getOrDefault(original(left.name()), left.reason())));
            }
        }
        return all;
    }

    /// Whether `node` converts between float and codes at an input or output of the graph.
    private static boolean isEdge(Graph graph, Node node) {
        return node.is("QuantizeLinear") && graph.isInput(node.input(0))
                || node.is("DequantizeLinear") && graph.isOutput(node.output(0));
    }

    /// The name in the model of a node that ONNX Runtime copied or moved.
    private static String original(String name) {
        return name.replaceAll("(_token_\\d+|/duplicated|_nhwc)+$", "").replaceAll("/duplicated.*$", "");
    }

    /// `model` with a name for each node, so that the compiler's account tells which is meant.
    private static Model named(Model model) {
        Set<String> used = new HashSet<>();
        List<Node> nodes = new ArrayList<>();
        boolean changed = false;
        for (Node node : model.graph().nodes()) {
            String name = node.name().isEmpty() ? node.label() : node.name();
            while (!used.add(name)) {
                name += "_";
            }
            changed |= !name.equals(node.name());
            nodes.add(name.equals(node.name()) ? node : node.withName(name));
        }
        return changed ? model.withGraph(model.graph().withNodes(nodes)) : model;
    }

    /// What compiling may be told.
    ///
    /// @param vtcmMb on-chip memory to use, MiB; empty: all that the chip has
    /// @param optimization 0 to 3; empty: the compiler's choice
    public record Options(OptionalInt vtcmMb, OptionalInt optimization) {
        Map<String, String> provider() {
            Map<String, String> options = new HashMap<>();
            vtcmMb.ifPresent(value -> options.put("vtcm_mb", Integer.toString(value)));
            optimization.ifPresent(
                    value -> options.put("htp_graph_finalization_optimization_mode", Integer.toString(value)));
            return options;
        }
    }

    /// Compiles `model` into a context binary and the ONNX file around it.
    ///
    /// @param wrapper the ONNX file to write; the binary is written beside it
    /// @throws NibbleException where the HTP does not take the whole model, or the compiler fails
    public void compile(Model model, Soc soc, Options options, Path wrapper) {
        ChildProcess process = child(model.graph().name(), ChildProcess.Logging.WARNINGS);
        Path file = process.folder().resolve("source" + asked++ + ".onnx");
        ModelWriter.write(model, file);
        Map<String, String> provider = new HashMap<>(QnnOptions.provider(libraries, soc));
        provider.putAll(options.provider());
        process.open(
                file,
                libraries,
                provider,
                Map.of(
                        "session.disable_cpu_ep_fallback", "1",
                        "ep.context_enable", "1",
                        "ep.context_embed_mode", "0",
                        "ep.context_file_path", wrapper.toAbsolutePath().toString()),
                limits.compiling());
        if (!Files.exists(wrapper)) {
            throw new NibbleException(
                    "model '%s': the compiler wrote no context binary: %s"
                            .formatted(
                                    model.graph().name(),
                                    String.join("; ", process.log().errors())),
                    "nibble placement names the operators that the HTP does not take");
        }
    }

    /// What the compiler itself reckons that `model` takes on `soc`; compiles, and keeps nothing.
    ///
    /// @return empty where the compiler makes no estimates for the chip; it is not asked then
    /// @throws NibbleException where the HTP does not take the whole model, or the compiler fails
    public Optional<PerformanceEstimate> estimate(Model model, Soc soc, Options options) {
        if (!PerformanceEstimate.isOffered(soc)) {
            return Optional.empty();
        }
        String name = model.graph().name();
        ChildProcess process = child(name, ChildProcess.Logging.WARNINGS);
        int number = asked++;
        Path file = process.folder().resolve("source" + number + ".onnx");
        Path profile = process.folder().resolve("profile" + number + ".csv");
        ModelWriter.write(model, file);
        Map<String, String> provider = new HashMap<>(QnnOptions.provider(libraries, soc));
        provider.putAll(options.provider());
        provider.put("profiling_level", "basic");
        provider.put("profiling_file_path", profile.toString());
        process.open(file, libraries, provider, Map.of("session.disable_cpu_ep_fallback", "1"), limits.compiling());
        if (!Files.exists(profile)) {
            throw new NibbleException(
                    "model '%s': the compiler wrote no estimate for %s: %s"
                            .formatted(
                                    name,
                                    soc.name(),
                                    String.join("; ", process.log().errors())),
                    "nibble htp status shows what is installed");
        }
        return PerformanceEstimate.read(profile);
    }

    /// Has the HTP take `model` whole, and writes it as a DLC, which is compiled on the device.
    ///
    /// @param file the DLC to write
    /// @throws NibbleException where the HTP does not take the whole model, or the compiler fails
    public void dlc(Model model, Soc soc, Options options, Path file) {
        String name = model.graph().name();
        ChildProcess process = child(name, ChildProcess.Logging.WARNINGS);
        int number = asked++;
        Path source = process.folder().resolve("source" + number + ".onnx");
        ModelWriter.write(model, source);
        Map<String, String> provider = new HashMap<>(QnnOptions.provider(libraries, soc));
        provider.putAll(options.provider());
        Map<String, String> whole = Map.of("session.disable_cpu_ep_fallback", "1");
        // What is dumped as a DLC is not compiled, so the compiler is asked first.
        process.open(source, libraries, provider, whole, limits.compiling());
        try {
            Path folder = Files.createDirectory(process.folder().resolve("dlc" + number));
            provider.put("dump_qnn_ir_dlc", "1");
            provider.put("dump_qnn_ir_dlc_dir", folder.toString());
            process.open(source, libraries, provider, whole, limits.compiling());
            List<Path> made = new ArrayList<>();
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.dlc")) {
                files.forEach(made::add);
            }
            if (made.size() != 1) {
                throw new NibbleException(
                        "model '%s': %d DLCs were written where one was expected: %s"
                                .formatted(
                                        name,
                                        made.size(),
                                        String.join("; ", process.log().errors())),
                        "nibble placement names the operators that the HTP does not take");
            }
            Files.copy(made.getFirst(), file, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new NibbleException(
                    "model '%s': the DLC cannot be written: %s".formatted(name, e.getMessage()),
                    "check that the temporary folder and --out may be written and have room",
                    e);
        }
    }

    /// Loads `wrapper` with its binary in a new process, and runs nothing.
    ///
    /// @param model what it was compiled from
    /// @throws NibbleException where it does not load
    public void load(Model model, Soc soc, Path wrapper) {
        HtpModel source = HtpModel.withOutputs(model, List.of());
        try (HtpChildModel loaded = new HtpChildModel(
                source, model.graph().name(), libraries, soc, limits, Optional.of(wrapper), Map.of())) {
            if (loaded.pid() <= 0) {
                throw new IllegalStateException("no process");
            }
        }
    }

    /// What a binary that was loaded back computes, and the model it was compiled from, both on the emulator.
    ///
    /// @param wanted outputs of the model, by name
    /// @param got those of the binary: the same names and shapes
    public record Pair(Map<String, Tensor> wanted, Map<String, Tensor> got) {}

    /// Loads `wrapper` with its binary in a new process, and runs it and `model` on `inputs`.
    ///
    /// @param model all of whose shapes are fixed
    public Pair runBoth(Model model, Soc soc, Path wrapper, Map<String, Tensor> inputs) {
        List<String> outputs = model.graph().outputs().stream()
                .map(ValueInfo::name)
                .filter(name -> model.graph().producer(name).isPresent())
                .toList();
        HtpModel source = HtpModel.withOutputs(model, outputs);
        String name = model.graph().name();
        Map<String, Tensor> wanted;
        try (HtpChildModel run = new HtpChildModel(source, name, libraries, soc, limits)) {
            wanted = run.run(inputs);
        }
        Map<String, Tensor> got;
        try (HtpChildModel run =
                new HtpChildModel(source, name, libraries, soc, limits, Optional.of(wrapper), Map.of())) {
            got = run.run(inputs);
        }
        for (String output : outputs) {
            Tensor expected = wanted.get(output);
            Tensor received = got.get(output);
            if (expected == null || received == null || !expected.shape().equals(received.shape())) {
                throw new NibbleException(
                        "model '%s': the compiled binary does not give the output '%s'".formatted(name, output),
                        "please report it; the binary was not kept");
            }
        }
        return new Pair(wanted, got);
    }

    private ChildProcess child(String name, ChildProcess.Logging logging) {
        if (child == null || !child.usable()) {
            close();
            child = ChildProcess.start(name, logging);
        }
        return child;
    }

    @Override
    public void close() {
        if (child != null) {
            child.close();
            child = null;
        }
    }
}
