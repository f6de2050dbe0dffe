package dev.nibble.htp;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.htp.child.Wire;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One model in one child process, ready to run.
final class HtpChildModel implements AutoCloseable {
    private final HtpModel model;
    private final String name;
    private final HtpExecutor.Limits limits;
    private final ChildProcess child;
    private final FileChannel input;
    private final FileChannel output;
    private volatile long nanos;

    /// Compiles `model`, all of it for the HTP.
    HtpChildModel(HtpModel model, String name, HtpLibraries libraries, Soc soc, HtpExecutor.Limits limits) {
        this(model, name, libraries, soc, limits, Optional.empty(), Map.of());
    }

    /// @param compiled what was compiled of `model` before: the ONNX file around a context binary; empty: compile now
    /// @param more options of the plugin
    HtpChildModel(
            HtpModel model,
            String name,
            HtpLibraries libraries,
            Soc soc,
            HtpExecutor.Limits limits,
            Optional<Path> compiled,
            Map<String, String> more) {
        this.model = model;
        this.name = name;
        this.limits = limits;
        child = ChildProcess.start(name, ChildProcess.Logging.WARNINGS);
        try {
            Path file = compiled.orElse(child.folder().resolve("model.onnx"));
            if (compiled.isEmpty()) {
                ModelWriter.write(model.model(), file);
            }
            input = open(child.folder().resolve(Wire.INPUTS));
            output = open(child.folder().resolve(Wire.OUTPUTS));
            Map<String, String> provider = new LinkedHashMap<>(QnnOptions.provider(libraries, soc));
            provider.putAll(more);
            child.open(file, libraries, provider, Map.of("session.disable_cpu_ep_fallback", "1"), limits.compiling());
        } catch (IOException e) {
            child.close();
            throw files(e);
        } catch (RuntimeException e) {
            child.close();
            throw e;
        }
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /// The child's process id.
    long pid() {
        return child.pid();
    }

    /// Nanoseconds that the library took for all runs so far.
    long nanos() {
        return nanos;
    }

    /// Runs once; the results are copies. One thread at a time.
    Map<String, Tensor> run(Map<String, Tensor> inputs) {
        try {
            List<Wire.Place> given = new ArrayList<>();
            long offset = 0;
            for (Map.Entry<String, Tensor> entry : inputs.entrySet()) {
                if (!model.model().graph().isInput(entry.getKey())) {
                    continue;
                }
                Tensor tensor = entry.getValue();
                given.add(new Wire.Place(
                        entry.getKey(),
                        tensor.type().code(),
                        java.util.Arrays.stream(tensor.shape().dims()).boxed().toList(),
                        offset,
                        tensor.data().byteSize()));
                write(tensor.data(), offset);
                offset = Wire.aligned(offset + tensor.data().byteSize());
            }
            Map<String, Tensor> made = new LinkedHashMap<>();
            ChildProcess.Ran ran = child.run(given, limits.running());
            nanos += ran.nanos();
            for (Wire.Place place : ran.outputs()) {
                made.put(place.name(), read(place));
            }
            Map<String, Tensor> named = new LinkedHashMap<>();
            model.outputs().forEach((asked, given2) -> {
                Tensor tensor = made.get(given2);
                if (tensor != null) {
                    named.put(asked, tensor);
                }
            });
            return named;
        } catch (IOException e) {
            throw files(e);
        }
    }

    private void write(MemorySegment data, long offset) throws IOException {
        ByteBuffer bytes = data.asByteBuffer();
        while (bytes.hasRemaining()) {
            input.write(bytes, offset + data.byteSize() - bytes.remaining());
        }
    }

    private Tensor read(Wire.Place place) throws IOException {
        DataType type = DataType.ofCode(place.type())
                .orElseThrow(() ->
                        new IOException("output '%s' has the unknown type %d".formatted(place.name(), place.type())));
        long[] dims = place.dims().stream().mapToLong(Long::longValue).toArray();
        MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, place.bytes()), Wire.ALIGNMENT);
        ByteBuffer bytes = memory.asSlice(0, place.bytes()).asByteBuffer();
        while (bytes.hasRemaining()) {
            if (output.read(bytes, place.offset() + bytes.position()) < 0) {
                throw new IOException("output '%s' is cut short".formatted(place.name()));
            }
        }
        return new Tensor(type, Shape.of(dims), memory.asSlice(0, place.bytes()));
    }

    private NibbleException files(IOException e) {
        return new NibbleException(
                "model '%s': it cannot be handed to the HTP's process: %s".formatted(name, e.getMessage()),
                "check that the temporary folder may be written and has room",
                e);
    }

    @Override
    public void close() {
        try (input;
                output) {
            child.close();
        } catch (IOException e) {
            throw files(e);
        }
    }
}
