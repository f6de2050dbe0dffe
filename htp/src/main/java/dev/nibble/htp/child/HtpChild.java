package dev.nibble.htp.child;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtEpDevice;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions.ExecutionMode;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The child process: loads Qualcomm's plugin into ONNX Runtime, opens a model, runs it when asked to.
///
/// It ends by halting, at the end of the stream or when its parent is gone: unregistering the plugin crashes the JVM
/// while anything of it is open, and leaving all open at the end is harmless. Where its parent is gone it deletes the
/// folder it was given, as nobody else will.
public final class HtpChild {
    /// The name under which the plugin is registered, and its device's.
    private static final String PROVIDER = "QNN";

    private static final int PARENT_GONE = 3;
    private static final int SIGKILL = 9;
    private static final long WATCH_MILLIS = 200;
    private static final int DELETE_ATTEMPTS = 100;
    private static final Duration DELETE_PAUSE = Duration.ofMillis(20);

    private final Path folder;
    private final OrtEnvironment environment;
    private @Nullable String registered;
    private @Nullable OrtSession session;
    private @Nullable TensorFiles tensors;

    private HtpChild(Path folder, OrtLoggingLevel level) {
        this.folder = folder;
        environment = OrtEnvironment.getEnvironment(level, "nibble-htp");
    }

    /// @param arguments the socket's path, the parent's process id, and the level at which the libraries log
    /// @throws IOException where it could not watch its parent
    public static void main(String[] arguments) throws IOException {
        Path socket = Path.of(arguments[0]).toAbsolutePath();
        Path folder = socket.resolveSibling("");
        watchParent(Long.parseLong(arguments[1]), folder);
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            DataOutputStream out = new DataOutputStream(Channels.newOutputStream(channel));
            DataInputStream in = new DataInputStream(Channels.newInputStream(channel));
            HtpChild child = new HtpChild(folder, OrtLoggingLevel.valueOf(arguments[2]));
            Wire.send(out, greeting -> {
                greeting.writeInt(Wire.GREETING);
                Wire.writeText(greeting, child.environment.getVersion());
            });
            child.serve(in, out);
        } catch (IOException e) {
            if (!(e instanceof EOFException || e instanceof SocketException)) {
                System.err.println(e);
            }
            // Nobody listens any more, so the folder is nobody's.
            delete(folder);
        }
        Runtime.getRuntime().halt(0);
    }

    /// While native code works, only a thread of its own notices that nobody waits for the result any more.
    ///
    /// What it will call is called once before, to no effect: where a library hangs while it is loaded, nothing that is
    /// not linked yet can be.
    private static void watchParent(long parent, Path folder) throws IOException {
        MethodHandle kill = kill();
        int self = Math.toIntExact(ProcessHandle.current().pid());
        Path rehearsal = Files.createDirectory(folder.resolve("rehearsal"));
        Files.createFile(rehearsal.resolve("file"));
        delete(rehearsal);
        delete(rehearsal);
        if (!isWanted(parent, folder)) {
            throw new IOException("nobody waits for this process");
        }
        try {
            int done = (int) kill.invokeExact(self, 0);
            if (done != 0) {
                throw new IOException("the process may not signal itself");
            }
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) { // what the call may throw is not known to the compiler
            throw new IOException("the system's kill cannot be called", e);
        }
        Thread.ofPlatform().daemon().name("parent").start(() -> {
            try {
                while (isWanted(parent, folder)) {
                    Thread.sleep(WATCH_MILLIS);
                }
                delete(folder);
            } catch (InterruptedException | RuntimeException e) {
                System.err.println(e);
            } finally {
                end(kill, self);
            }
        });
    }

    /// A signal that nothing holds up; a halt where it cannot be sent.
    private static void end(MethodHandle kill, int self) {
        try {
            int done = (int) kill.invokeExact(self, SIGKILL);
            Runtime.getRuntime().halt(done);
        } catch (Throwable e) { // what the call may throw is not known to the compiler
            Runtime.getRuntime().halt(PARENT_GONE);
        }
    }

    /// The system's `kill`: a halt waits for the loader of libraries, and never ends where that hangs.
    private static MethodHandle kill() {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("kill"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    }

    /// Whether the parent lives, and the folder through which it speaks is there: without either, no result reaches
    /// anybody.
    private static boolean isWanted(long parent, Path folder) {
        Optional<ProcessHandle> now = ProcessHandle.current().parent();
        return now.isPresent() && now.get().pid() == parent && Files.exists(folder);
    }

    /// Deletes `folder` with all that is in it, again while a run that ends just now still writes into it. One thread
    /// at a time, so that none ends the process while another is at it.
    private static synchronized void delete(Path folder) {
        for (int attempt = 1; !deleted(folder) && attempt < DELETE_ATTEMPTS; attempt++) {
            LockSupport.parkNanos(DELETE_PAUSE.toNanos());
        }
    }

    /// What is left after the last attempt, the next child that is started sweeps up.
    private static boolean deleted(Path folder) {
        try (Stream<Path> tree = Files.walk(folder)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
            return true;
        } catch (IOException | UncheckedIOException e) {
            return !Files.exists(folder);
        }
    }

    private void serve(DataInputStream in, DataOutputStream out) throws IOException {
        while (true) {
            DataInputStream request = Wire.receive(in);
            int code = request.readInt();
            if (code == Wire.CLOSE) {
                return;
            }
            Wire.Content reply;
            try {
                reply = switch (code) {
                    case Wire.OPEN -> open(request);
                    case Wire.RUN -> run(request);
                    default -> throw new IOException("unknown request " + code);
                };
            } catch (OrtException | IOException | RuntimeException e) {
                String why = e.getMessage() == null ? e.toString() : e.getMessage();
                reply = failed -> {
                    failed.writeInt(Wire.FAILED);
                    Wire.writeText(failed, why);
                };
            }
            Wire.send(out, reply);
        }
    }

    private Wire.Content open(DataInputStream request) throws IOException, OrtException {
        String model = Wire.readText(request);
        String plugin = Wire.readText(request);
        Map<String, String> provider = Wire.readMap(request);
        Map<String, String> configuration = Wire.readMap(request);
        if (tensors != null) {
            tensors.close();
            tensors = null;
        }
        if (session != null) {
            session.close();
            session = null;
        }
        OrtSession.SessionOptions options = new OrtSession.SessionOptions();
        options.setExecutionMode(ExecutionMode.SEQUENTIAL);
        options.setInterOpNumThreads(1);
        options.setIntraOpNumThreads(1);
        for (Map.Entry<String, String> entry : configuration.entrySet()) {
            options.addConfigEntry(entry.getKey(), entry.getValue());
        }
        options.addExecutionProvider(List.of(device(plugin)), provider);
        // The options stay open as long as the process lives, like all that belongs to the plugin.
        session = environment.createSession(model, options);
        tensors = new TensorFiles(folder, environment);
        return done -> done.writeInt(Wire.DONE);
    }

    /// The HTP, of the plugin that is registered now where it was not before: that is possible once in a process.
    private OrtEpDevice device(String plugin) throws OrtException {
        if (registered == null) {
            environment.registerExecutionProviderLibrary(PROVIDER, plugin);
            registered = plugin;
        }
        if (!registered.equals(plugin)) {
            throw new IllegalStateException("another plugin is loaded: " + registered);
        }
        return environment.getEpDevices().stream()
                .filter(device -> device.getEpName().equals(PROVIDER))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("the plugin offers no device"));
    }

    private Wire.Content run(DataInputStream request) throws IOException, OrtException {
        List<Wire.Place> places = Wire.readPlaces(request);
        if (session == null || tensors == null) {
            throw new IllegalStateException("no model is open");
        }
        List<Wire.Place> outputs;
        long nanos;
        try (TensorFiles.Inputs inputs = tensors.inputs(places)) {
            long start = System.nanoTime();
            try (OrtSession.Result result = session.run(inputs.tensors())) {
                nanos = System.nanoTime() - start;
                outputs = tensors.write(result);
            }
        }
        return done -> {
            done.writeInt(Wire.DONE);
            done.writeLong(nanos);
            Wire.writePlaces(done, outputs);
        };
    }
}
