package dev.nibble.run.shared;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Memory with a file descriptor, which a driver can hand to an accelerator as it is. A [#tensor] over it is an input or
/// an output of an executor without a copy (`OrtModel#run` reads inputs in native memory in place, `OrtModel#runInto`
/// writes outputs in place).
///
/// Owns its descriptor; closed exactly once, after which its memory cannot be reached any more. Where making one
/// fails halfway, what was made so far is given back.
public final class SharedBuffer implements AutoCloseable {
    private static final Path DMA_HEAPS = Path.of("/dev/dma_heap");
    private static final Path ION = Path.of("/dev/ion");
    private static final List<String> PREFERRED = List.of("qcom,system", "system");

    private final Kind kind;
    private final int descriptor;
    private final Arena arena;
    private final MemorySegment memory;
    private final long bytes;
    private final AtomicBoolean closed = new AtomicBoolean();

    /// Where the memory comes from.
    public enum Kind {
        /// A DMA-BUF heap: Linux from 5.6, Android from 12.
        DMA_BUF,
        /// QNN's `rpcmem`, on Qualcomm's devices.
        RPCMEM,
        /// ION, before 5.11. Its layout is from documentation and was never run: assumed.
        ION,
        /// A file in memory: every Linux. No accelerator takes it without a copy.
        MEMFD;

        /// Whether this way was only made from documentation.
        public boolean assumed() {
            return this == ION || this == RPCMEM;
        }
    }

    /// What the processor is about to do, or has done.
    public enum Access {
        READ,
        WRITE,
        READ_WRITE
    }

    private SharedBuffer(Kind kind, int descriptor, MemorySegment at, long bytes, Runnable release) {
        this.kind = kind;
        this.descriptor = descriptor;
        this.bytes = bytes;
        this.arena = Arena.ofShared();
        this.memory = at.reinterpret(bytes, arena, m -> release.run());
    }

    /// The ways that this system has, best first; [Kind#MEMFD] is the last on every Linux.
    public static List<Kind> available() {
        List<Kind> kinds = new ArrayList<>();
        if (RpcMemory.find().isPresent()) {
            kinds.add(Kind.RPCMEM);
        }
        if (heap().isPresent()) {
            kinds.add(Kind.DMA_BUF);
        }
        if (Files.isReadable(ION)) {
            kinds.add(Kind.ION);
        }
        if (System.getProperty("os.name", "").equals("Linux")) {
            kinds.add(Kind.MEMFD);
        }
        return List.copyOf(kinds);
    }

    /// @param bytes at least 1
    /// @throws NibbleException where the system has no such memory, or not as much
    public static SharedBuffer open(Kind kind, long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("a shared buffer takes at least 1 byte, but was asked for " + bytes);
        }
        try {
            return switch (kind) {
                case MEMFD -> mapped(kind, memfd(bytes), bytes);
                case DMA_BUF -> mapped(kind, dmaBuf(bytes), bytes);
                case ION -> mapped(kind, ion(bytes), bytes);
                case RPCMEM -> rpcmem(bytes);
            };
        } catch (SystemCalls.Failed e) {
            throw new NibbleException(
                    "no %d bytes of shared memory (%s): %s".formatted(bytes, kind, e.getMessage()),
                    e.errno() == 13 ? "this user may not open the device" : "use less, or another kind: " + available(),
                    e);
        }
    }

    public Kind kind() {
        return kind;
    }

    /// The file descriptor, for a driver; the buffer stays its owner.
    public int descriptor() {
        requireOpen();
        return descriptor;
    }

    public long bytes() {
        return bytes;
    }

    /// All of its memory.
    public MemorySegment memory() {
        requireOpen();
        return memory;
    }

    /// A tensor whose elements are its first bytes.
    ///
    /// @throws NibbleException where they do not fit
    public Tensor tensor(DataType type, Shape shape) {
        requireOpen();
        long needed = type.bytes(shape.elements());
        if (needed > bytes) {
            throw new NibbleException(
                    "a tensor of %s[%s] takes %d bytes, and the shared buffer has %d"
                            .formatted(type.onnxName(), shape, needed, bytes),
                    "open a larger one");
        }
        return new Tensor(type, shape, memory.asSlice(0, needed));
    }

    /// Before the processor touches memory that a device may have written: its caches are made to agree. Nothing where
    /// the kind keeps them so itself.
    public void beginAccess(Access access) {
        synchronize(access, 0);
    }

    /// After the processor has touched memory that a device will read.
    public void endAccess(Access access) {
        synchronize(access, KernelInterface.SYNC_END);
    }

    private void synchronize(Access access, long end) {
        requireOpen();
        if (kind != Kind.DMA_BUF && kind != Kind.ION) {
            return;
        }
        long flags = switch (access) {
            case READ -> KernelInterface.SYNC_READ;
            case WRITE -> KernelInterface.SYNC_WRITE;
            case READ_WRITE -> KernelInterface.SYNC_READ | KernelInterface.SYNC_WRITE;
        };
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment argument = scratch.allocate(JAVA_LONG);
            argument.set(JAVA_LONG, 0, flags | end);
            SystemCalls.ioctl(descriptor, KernelInterface.DMA_BUF_SYNC, argument, "DMA_BUF_IOCTL_SYNC");
        }
    }

    /// Gives memory and descriptor back; a second time is nothing.
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            arena.close();
        }
    }

    private void requireOpen() {
        if (closed.get()) {
            throw new IllegalStateException("the shared buffer is closed");
        }
    }

    private static SharedBuffer mapped(Kind kind, int descriptor, long bytes) {
        @Nullable MemorySegment at = null;
        try {
            MemorySegment mapped = SystemCalls.map(descriptor, bytes);
            at = mapped;
            return new SharedBuffer(kind, descriptor, mapped, bytes, () -> {
                try {
                    SystemCalls.unmap(mapped, bytes);
                } finally {
                    SystemCalls.close(descriptor);
                }
            });
        } catch (RuntimeException | Error e) {
            if (at != null) {
                SystemCalls.unmap(at, bytes);
            }
            SystemCalls.close(descriptor);
            throw e;
        }
    }

    private static int memfd(long bytes) {
        int descriptor = SystemCalls.memfd("nibble");
        try {
            SystemCalls.truncate(descriptor, bytes);
            return descriptor;
        } catch (RuntimeException e) {
            SystemCalls.close(descriptor);
            throw e;
        }
    }

    private static int dmaBuf(long bytes) {
        Path heap = heap().orElseThrow(() -> new NibbleException(
                "there is no DMA-BUF heap here: '" + DMA_HEAPS + "' is empty, absent or closed to this user",
                "use another kind: " + available()));
        int device = SystemCalls.open(heap.toString(), false);
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment argument = scratch.allocate(KernelInterface.DMA_HEAP_BYTES, 8);
            argument.set(JAVA_LONG, KernelInterface.DMA_HEAP_LENGTH, bytes);
            argument.set(JAVA_INT, KernelInterface.DMA_HEAP_DESCRIPTOR_FLAGS, KernelInterface.READ_WRITE_CLOSE_ON_EXEC);
            SystemCalls.ioctl(device, KernelInterface.DMA_HEAP_ALLOCATE, argument, "DMA_HEAP_IOCTL_ALLOC");
            return argument.get(JAVA_INT, KernelInterface.DMA_HEAP_DESCRIPTOR);
        } finally {
            SystemCalls.close(device);
        }
    }

    private static int ion(long bytes) {
        int device = SystemCalls.open(ION.toString(), false);
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment argument = scratch.allocate(KernelInterface.ION_BYTES, 8);
            argument.set(JAVA_LONG, KernelInterface.ION_LENGTH, bytes);
            argument.set(JAVA_INT, KernelInterface.ION_HEAPS, KernelInterface.ION_SYSTEM_HEAP);
            SystemCalls.ioctl(device, KernelInterface.ION_ALLOCATE, argument, "ION_IOC_ALLOC");
            return argument.get(JAVA_INT, KernelInterface.ION_DESCRIPTOR);
        } finally {
            SystemCalls.close(device);
        }
    }

    private static SharedBuffer rpcmem(long bytes) {
        RpcMemory library = RpcMemory.find()
                .orElseThrow(() -> new NibbleException(
                        "there is no libcdsprpc.so here: rpcmem is on Qualcomm's devices",
                        "use another kind: " + available()));
        MemorySegment at = library.allocate(bytes);
        try {
            return new SharedBuffer(Kind.RPCMEM, library.descriptor(at), at, bytes, () -> library.free(at));
        } catch (RuntimeException | Error e) {
            library.free(at);
            throw e;
        }
    }

    private static Optional<Path> heap() {
        for (String name : PREFERRED) {
            Path heap = DMA_HEAPS.resolve(name);
            if (Files.isReadable(heap)) {
                return Optional.of(heap);
            }
        }
        if (!Files.isDirectory(DMA_HEAPS)) {
            return Optional.empty();
        }
        try (Stream<Path> heaps = Files.list(DMA_HEAPS)) {
            return heaps.filter(Files::isReadable).sorted().findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
