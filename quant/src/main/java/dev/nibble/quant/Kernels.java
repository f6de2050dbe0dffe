package dev.nibble.quant;

import java.lang.foreign.MemorySegment;

/// The inner loops. [ScalarKernels] is the specification; [VectorKernels] gives the same bits faster where the JVM
/// has the Vector API.
///
/// Segments hold little-endian floats; positions count elements. Values are finite where codes are asked for.
public sealed interface Kernels permits ScalarKernels, VectorKernels {
    /// The extremes of elements `[from, to)`.
    Extremes extremes(MemorySegment floats, long from, long to);

    /// Writes the codes of elements `[from, from + count)` to `codes[0…count)`.
    void quantize(MemorySegment floats, long from, int count, Encoding encoding, int[] codes);

    /// Writes what `codes[0…count)` stand for to elements `[at, at + count)`.
    void dequantize(int[] codes, int count, Encoding encoding, MemorySegment floats, long at);

    /// Replaces each of the elements `[from, to)` by what is left of it after quantizing.
    void fakeQuantize(MemorySegment floats, long from, long to, Encoding encoding);

    /// The fastest kernels that this JVM can run.
    static Kernels best() {
        return Chosen.KERNELS;
    }

    /// Which kernels [#best] gives and, where they are the slow ones, why and what would help.
    static String explanation() {
        return Chosen.VECTOR_MODULE
                ? "vector kernels (" + VectorKernels.width() + " bits)"
                : "scalar kernels: the module jdk.incubator.vector is absent; start Java with"
                        + " --add-modules jdk.incubator.vector for faster ones";
    }

    /// Looks once whether the incubator module is there, before any class that needs it is touched.
    final class Chosen {
        private static final boolean VECTOR_MODULE =
                ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
        private static final Kernels KERNELS = VECTOR_MODULE ? new VectorKernels() : new ScalarKernels();

        private Chosen() {}
    }
}
