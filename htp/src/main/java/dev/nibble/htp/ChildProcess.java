package dev.nibble.htp;

import ai.onnxruntime.OrtEnvironment;
import dev.nibble.graph.NibbleException;
import dev.nibble.htp.child.HtpChild;
import dev.nibble.htp.child.Wire;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.URISyntaxException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// A child process with Qualcomm's libraries in it, from the parent's side. Whatever happens to it becomes a
/// [NibbleException] that names the model and the stage; nothing is left behind. Not for two threads at once.
final class ChildProcess implements AutoCloseable {
    private static final long POLL_MILLIS = 5;
    private static final Duration START = Duration.ofSeconds(60);
    private static final Duration END = Duration.ofSeconds(2);

    /// All that are open, so that none outlives this process where it ends early.
    private static final Set<ChildProcess> OPEN = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> OPEN.forEach(ChildProcess::abandon), "htp-children"));
    }

    private final String model;
    private final ChildFolder owned;
    private final Path folder;
    private final Process process;
    private final ChildLog log;
    private final SocketChannel channel;
    private final DataInputStream in;
    private final DataOutputStream out;
    private boolean broken;

    private ChildProcess(String model, ChildFolder owned, Process process, SocketChannel channel) {
        this.model = model;
        this.owned = owned;
        folder = owned.path();
        this.process = process;
        this.channel = channel;
        log = new ChildLog(folder);
        in = new DataInputStream(Channels.newInputStream(channel));
        out = new DataOutputStream(new BufferedOutputStream(Channels.newOutputStream(channel)));
        OPEN.add(this);
    }

    /// How much the libraries tell in their log.
    enum Logging {
        WARNINGS("ORT_LOGGING_LEVEL_WARNING"),
        /// Megabytes, with the validator's reasons.
        EVERYTHING("ORT_LOGGING_LEVEL_VERBOSE");

        private final String level;

        Logging(String level) {
            this.level = level;
        }
    }

    /// Starts a child. Its folder is private to the user, and goes with it.
    ///
    /// @param model what messages call the model
    static ChildProcess start(String model, Logging logging) {
        ChildFolder owned;
        try {
            owned = ChildFolder.create();
        } catch (IOException e) {
            throw new NibbleException(
                    "model '%s': no folder for the HTP's process can be made: %s".formatted(model, e.getMessage()),
                    "check that the temporary folder may be written",
                    e);
        }
        Path folder = owned.path();
        Process process = null;
        ChildProcess child = null;
        Path socket = folder.resolve("s");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            server.configureBlocking(false);
            process = launch(folder, socket, logging);
            SocketChannel channel = accept(server, process);
            if (channel == null) {
                throw new IOException(
                        process.isAlive() ? "it does not answer" : "it ended: " + new ChildLog(folder).lastWords());
            }
            channel.configureBlocking(true);
            child = new ChildProcess(model, owned, process, channel);
            ChildProcess started = child;
            int greeting = child.timed(
                    "starting", START, () -> Wire.receive(started.in).readInt());
            if (greeting != Wire.GREETING) {
                throw new IOException("it speaks another protocol");
            }
            return child;
        } catch (IOException | RuntimeException e) {
            if (child != null) {
                child.abandon();
            } else {
                if (process != null) {
                    process.destroyForcibly();
                }
                owned.delete();
            }
            if (e instanceof NibbleException known) {
                throw known;
            }
            throw new NibbleException(
                    "model '%s': the HTP's process cannot be started: %s".formatted(model, e.getMessage()),
                    "check that the temporary folder may be written and that memory is free",
                    e);
        }
    }

    private static @Nullable SocketChannel accept(ServerSocketChannel server, Process process) throws IOException {
        long end = System.nanoTime() + START.toNanos();
        while (System.nanoTime() < end) {
            SocketChannel channel = server.accept();
            if (channel != null || !process.isAlive()) {
                return channel;
            }
            try {
                process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
        return null;
    }

    private static Process launch(Path folder, Path socket, Logging logging) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-XX:-CreateCoredumpOnCrash",
                // ONNX Runtime unpacks itself there; it goes with the folder.
                "-Djava.io.tmpdir=" + folder,
                "-XX:ErrorFile=" + folder.resolve(ChildLog.CRASH),
                "--enable-native-access=ALL-UNNAMED"));
        String natives = System.getProperty("onnxruntime.native.path");
        if (natives != null) {
            command.add("-Donnxruntime.native.path=" + natives);
        }
        command.add(HtpChild.class.getName());
        command.add(socket.toString());
        command.add(Long.toString(ProcessHandle.current().pid()));
        command.add(logging.level);
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectOutput(folder.resolve(ChildLog.OUT).toFile())
                .redirectError(folder.resolve(ChildLog.ERR).toFile());
        // Not on the command line: ONNX Runtime crashes where that is long.
        builder.environment()
                .put("CLASSPATH", origin(HtpChild.class) + File.pathSeparator + origin(OrtEnvironment.class));
        return builder.start();
    }

    private static Path origin(Class<?> type) throws IOException {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IOException("where the program lies is no path", e);
        }
    }

    /// The child's folder: the model, what the libraries write and the tensors lie there.
    Path folder() {
        return folder;
    }

    /// The child's process id.
    long pid() {
        return process.pid();
    }

    ChildLog log() {
        return log;
    }

    /// Whether it can be asked for more.
    boolean usable() {
        return !broken && process.isAlive();
    }

    /// Loads the model in `file` in place of the one before.
    ///
    /// @param provider options of Qualcomm's plugin
    /// @param session options of ONNX Runtime's session
    void open(
            Path file,
            HtpLibraries libraries,
            Map<String, String> provider,
            Map<String, String> session,
            Duration limit) {
        String stage = "compiling";
        timed(stage, limit, () -> {
            Wire.send(out, request -> {
                request.writeInt(Wire.OPEN);
                Wire.writeText(request, file.toString());
                Wire.writeText(request, libraries.plugin().toString());
                Wire.writeMap(request, provider);
                Wire.writeMap(request, session);
            });
            return answer();
        });
    }

    /// One run of the model.
    ///
    /// @param nanos that the library took, as the child saw it: ONNX Runtime's own call and nothing around it
    /// @param outputs where they lie in the file of outputs
    record Ran(long nanos, List<Wire.Place> outputs) {}

    /// Runs the model on what the file of inputs holds.
    Ran run(List<Wire.Place> inputs, Duration limit) {
        return timed("running", limit, () -> {
            Wire.send(out, request -> {
                request.writeInt(Wire.RUN);
                Wire.writePlaces(request, inputs);
            });
            DataInputStream reply = answer();
            return new Ran(reply.readLong(), Wire.readPlaces(reply));
        });
    }

    private DataInputStream answer() throws IOException {
        DataInputStream reply = Wire.receive(in);
        if (reply.readInt() != Wire.DONE) {
            throw new Refused(Wire.readText(reply));
        }
        return reply;
    }

    /// What the libraries said no to; the child lives on.
    private static final class Refused extends IOException {
        Refused(String message) {
            super(message);
        }
    }

    private interface Exchange<T> {
        T make() throws IOException;
    }

    private <T> T timed(String stage, Duration limit, Exchange<T> exchange) {
        FutureTask<T> task = new FutureTask<>(exchange::make);
        Thread.ofPlatform().daemon().name("htp " + stage).start(task);
        try {
            return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            kill();
            throw new NibbleException(
                    "model '%s': the HTP's process did not finish %s within %d s and was ended"
                            .formatted(model, stage, limit.toSeconds()),
                    "try a smaller input, or fewer operators",
                    e);
        } catch (InterruptedException e) {
            kill();
            Thread.currentThread().interrupt();
            throw new NibbleException("model '%s': interrupted while %s".formatted(model, stage), "start again", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            if (cause instanceof Refused refused) {
                throw HtpFailure.refused(model, stage, String.valueOf(refused.getMessage()), log, refused);
            }
            broken = true;
            throw HtpFailure.ended(model, stage, end(), log, cause);
        }
    }

    private void kill() {
        broken = true;
        process.destroyForcibly();
    }

    private String end() {
        try {
            if (process.waitFor(END.toMillis(), TimeUnit.MILLISECONDS)) {
                if (Files.exists(folder.resolve(ChildLog.CRASH))) {
                    return "crashed";
                }
                int code = process.exitValue();
                return code > HtpFailure.SIGNALLED
                        ? "was ended by signal " + (code - HtpFailure.SIGNALLED)
                        : "ended with code " + code;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        return "broke off";
    }

    /// Ends it at once, and deletes what it had.
    private void abandon() {
        kill();
        try {
            process.waitFor(END.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        OPEN.remove(this);
        owned.delete();
    }

    @Override
    public void close() {
        if (usable()) {
            try {
                Wire.send(out, request -> request.writeInt(Wire.CLOSE));
                process.waitFor(END.toMillis(), TimeUnit.MILLISECONDS);
            } catch (IOException e) {
                kill();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        try {
            channel.close();
        } catch (IOException e) {
            kill();
        }
        abandon();
    }
}
