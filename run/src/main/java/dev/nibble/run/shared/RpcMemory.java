package dev.nibble.run.shared;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// `rpcmem` of Qualcomm's `libcdsprpc.so`, as QNN's documentation shows it: `rpcmem_alloc(heap, flags, size)`,
/// `rpcmem_to_fd`, `rpcmem_free`.
record RpcMemory(MethodHandle allocate, MethodHandle free, MethodHandle toDescriptor) {
    private static final int SYSTEM_HEAP = 25;
    private static final int DEFAULT_FLAGS = 1;
    private static final String LIBRARY = "libcdsprpc.so";

    /// Empty where the library is not there.
    @SuppressWarnings("MustBeClosedChecker") // The library stays for the life of the process.
    static Optional<RpcMemory> find() {
        try {
            SymbolLookup library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
            Linker linker = Linker.nativeLinker();
            return Optional.of(new RpcMemory(
                    linker.downcallHandle(
                            library.findOrThrow("rpcmem_alloc"),
                            FunctionDescriptor.of(ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT)),
                    linker.downcallHandle(library.findOrThrow("rpcmem_free"), FunctionDescriptor.ofVoid(ADDRESS)),
                    linker.downcallHandle(
                            library.findOrThrow("rpcmem_to_fd"), FunctionDescriptor.of(JAVA_INT, ADDRESS))));
        } catch (IllegalArgumentException | java.util.NoSuchElementException e) {
            return Optional.empty();
        }
    }

    MemorySegment allocate(long bytes) {
        try {
            int size = Math.toIntExact(bytes);
            MemorySegment at = (MemorySegment) allocate.invokeExact(SYSTEM_HEAP, DEFAULT_FLAGS, size);
            if (at.address() == 0) {
                throw new SystemCalls.Failed("rpcmem_alloc of " + bytes + " bytes", 12);
            }
            return at;
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("rpcmem_alloc could not be called", e);
        }
    }

    int descriptor(MemorySegment at) {
        try {
            return (int) toDescriptor.invokeExact(at);
        } catch (Throwable e) {
            throw new IllegalStateException("rpcmem_to_fd could not be called", e);
        }
    }

    void free(MemorySegment at) {
        try {
            free.invokeExact(at);
        } catch (Throwable e) {
            throw new IllegalStateException("rpcmem_free could not be called", e);
        }
    }
}
