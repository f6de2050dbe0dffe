package dev.nibble.quant;

import java.lang.foreign.MemorySegment;

/// Run in a JVM of its own by [KernelsTest].
final class KernelsWithoutModule {
    private KernelsWithoutModule() {}

    @SuppressWarnings("SystemOut")
    public static void main(String[] arguments) {
        Kernels kernels = Kernels.best();
        Extremes extremes = kernels.extremes(MemorySegment.ofArray(new float[] {1, -2}), 0, 2);
        System.out.println(kernels.getClass().getSimpleName() + " " + extremes.min() + " " + Kernels.explanation());
    }
}
