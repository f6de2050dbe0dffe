package dev.nibble.run.shared;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nibble.graph.NibbleException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/// The few calls of Linux that shared memory takes.
final class SystemCalls {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ValueLayout.OfLong SIZE = JAVA_LONG;

    private static final int PROTECTION_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int OPEN_READ_WRITE_CLOSE_ON_EXEC = 2 | 02000000;
    private static final int OPEN_READ_CLOSE_ON_EXEC = 02000000;
    private static final int MEMFD_CLOSE_ON_EXEC = 1;

    private static final MethodHandle OPEN =
            function("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), Linker.Option.firstVariadicArg(2));
    private static final MethodHandle IOCTL = function(
            "ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS), Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE = function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle MMAP =
            function("mmap", FunctionDescriptor.of(ADDRESS, ADDRESS, SIZE, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP = function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, SIZE));
    private static final MethodHandle MEMFD =
            function("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle TRUNCATE =
            function("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));

    private SystemCalls() {}

    private static MethodHandle function(String name, FunctionDescriptor type, Linker.Option... options) {
        Linker.Option[] all = java.util.Arrays.copyOf(options, options.length + 1);
        all[options.length] = Linker.Option.captureCallState("errno");
        return LINKER.downcallHandle(
                LINKER.defaultLookup()
                        .find(name)
                        .orElseThrow(() -> new NibbleException(
                                "this system has no '" + name + "'", "shared memory needs Linux; use plain tensors")),
                type,
                all);
    }

    /// @throws Failed with the system's error number
    static int open(String path, boolean write) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int flags = write ? OPEN_READ_WRITE_CLOSE_ON_EXEC : OPEN_READ_CLOSE_ON_EXEC;
            return checked((int) OPEN.invokeExact(state, arena.allocateFrom(path), flags), state, "open " + path);
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// @param argument a structure that the kernel reads, writes, or both
    static void ioctl(int descriptor, long request, MemorySegment argument, String what) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int result = (int) IOCTL.invokeExact(state, descriptor, request, argument);
            checked(result, state, what);
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static int memfd(String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int result = (int) MEMFD.invokeExact(state, arena.allocateFrom(name), MEMFD_CLOSE_ON_EXEC);
            return checked(result, state, "memfd_create");
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void truncate(int descriptor, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            checked((int) TRUNCATE.invokeExact(state, descriptor, bytes), state, "ftruncate");
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// The memory behind `descriptor`, without a size.
    static MemorySegment map(int descriptor, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            MemorySegment at = (MemorySegment) MMAP.invokeExact(
                    state, MemorySegment.NULL, bytes, PROTECTION_READ_WRITE, MAP_SHARED, descriptor, 0L);
            checked(at.address() == -1 ? -1 : 0, state, "mmap of " + bytes + " bytes");
            return at;
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void unmap(MemorySegment at, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            checked((int) MUNMAP.invokeExact(state, at, bytes), state, "munmap");
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void close(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            checked((int) CLOSE.invokeExact(state, descriptor), state, "close");
        } catch (Failed e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static int checked(int result, MemorySegment state, String what) {
        if (result < 0) {
            throw new Failed(what, (int) ERRNO.get(state, 0L));
        }
        return result;
    }

    private static IllegalStateException unexpected(Throwable e) {
        return new IllegalStateException("a system call could not be made", e);
    }

    /// A call that the system refused.
    static final class Failed extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final int errno;

        Failed(String what, int errno) {
            super(what + ": error " + errno);
            this.errno = errno;
        }

        int errno() {
            return errno;
        }
    }
}
