package dev.nibble.cli;

import dev.nibble.pipeline.memory.MemoryBudget;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options that every command takes.
public final class EverywhereOptions {
    @Option(
            order = 1001,
            names = "--format",
            paramLabel = "table|json",
            defaultValue = "table",
            description = "How to print the result (default: table).")
    private Format format;

    @Option(
            order = 1002,
            names = "--target",
            paramLabel = "T[,T…]",
            hideParamSyntax = true,
            split = ",",
            description = "The devices: SoC names such as sm8650, or a target file.")
    private @Nullable List<String> targets;

    @Option(
            order = 1003,
            names = "--shape",
            paramLabel = "NAME=1,3,224,224",
            split = ",(?=[^,]+=)",
            hideParamSyntax = true,
            converter = NamedShape.Converter.class,
            description = "The shape of an input; repeatable.")
    private @Nullable List<NamedShape> shapes;

    @Option(
            order = 1004,
            names = "--max-memory",
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "What the samples of one batch may take, such as 800m or 2g.")
    private @Nullable ByteSize maxMemory;

    @Option(
            order = 1005,
            names = "--threads",
            paramLabel = "N",
            description = "Threads to compute with (default: one a core).")
    private @Nullable Integer threads;

    @Option(
            order = 1006,
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of everything random (default: 0).")
    private long seed;

    @Option(order = 1007, names = "--quiet", description = "No progress, no warnings.")
    private boolean quiet;

    @Option(order = 1008, names = "--force", description = "Overwrite what exists.")
    private boolean force;

    @Option(order = 1009, names = "--debug", description = "Print the stack trace of an error.")
    private boolean debug;

    @Option(order = 1010, names = "--help", usageHelp = true, description = "Print this help.")
    @SuppressWarnings("unused") // picocli answers it
    private boolean help;

    /// `--format`.
    public Format format() {
        return format;
    }

    /// `--target`, in the order given; empty where it was not given.
    public List<String> targets() {
        return targets == null ? List.of() : List.copyOf(targets);
    }

    /// `--shape`, in the order given.
    public List<NamedShape> shapes() {
        return shapes == null ? List.of() : List.copyOf(shapes);
    }

    /// `--shape` by input; of two for one input the later.
    public Map<String, long[]> shapesByName() {
        Map<String, long[]> byName = new LinkedHashMap<>();
        for (NamedShape shape : shapes()) {
            byName.put(shape.name(), shape.shape().dims());
        }
        return byName;
    }

    /// As `--max-memory` says, or the default.
    MemoryBudget memory() {
        return maxMemory().map(size -> new MemoryBudget(size.bytes(), true)).orElse(MemoryBudget.DEFAULT);
    }

    /// `--max-memory`.
    public Optional<ByteSize> maxMemory() {
        return Optional.ofNullable(maxMemory);
    }

    /// `--threads`, else the number of processors.
    public int threads() {
        return threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    }

    /// `--seed`.
    public long seed() {
        return seed;
    }

    /// `--quiet`.
    public boolean quiet() {
        return quiet;
    }

    /// `--force`: whether results may overwrite what exists.
    public boolean force() {
        return force;
    }

    /// `--debug`.
    public boolean debug() {
        return debug;
    }

    /// What is wrong with the values, if anything: `--threads 0`.
    Optional<String> complaint() {
        if (threads != null && threads < 1) {
            return Optional.of("--threads must be at least 1, but was " + threads);
        }
        return Optional.empty();
    }
}
