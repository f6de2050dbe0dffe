package dev.nibble.pipeline.tune;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.check.ModelChecker;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/// Weights for a model whose own were stripped: matrices and kernels from a normal distribution that keeps the size of
/// activations (He et al., [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852)), factors and variances
/// around 1, everything else around 0. The same seed gives the same weights.
///
/// The last layer of a residual branch is made smaller, as with Fixup (Zhang et al.,
/// [Residual Learning without Normalization](https://arxiv.org/abs/1901.09321)): otherwise activations double with each
/// block, gates saturate, and rounding grows until nothing can be compared.
///
/// @param made how many tensors were made up
record SeedWeights(Model model, int made) {
    /// What a residual branch adds, as a part of what passes beside it.
    private static final double BRANCH = 0.25;

    static SeedWeights of(Model model, long seed) {
        Set<String> missing = new HashSet<>(ModelChecker.stripped(model));
        Graph graph = model.graph();
        List<Initializer> absent = graph.initializers().stream()
                .filter(i -> missing.contains(i.name()))
                .toList();
        if (absent.isEmpty()) {
            return new SeedWeights(model, 0);
        }
        Set<String> small = ofBranches(graph);
        Graph filled = graph.edit(e -> {
            SplittableRandom random = new SplittableRandom(seed);
            for (Initializer initializer : absent) {
                double size = small.contains(initializer.name()) ? BRANCH : 1;
                Tensor made = tensor(initializer, graph, size, random.split());
                e.put(new Initializer(
                        initializer.name(),
                        made.type().code(),
                        made.shape(),
                        new Initializer.Storage.Raw(made.data()),
                        initializer.carried()));
            }
        });
        return new SeedWeights(model.withGraph(filled), absent.size());
    }

    /// The weights of the last layers of residual branches: of two layers that are added, of the first alone.
    private static Set<String> ofBranches(Graph graph) {
        Set<String> weights = new HashSet<>();
        for (Node add : graph.nodes()) {
            if (add.is("Add")) {
                add.inputs().stream()
                        .map(i -> lastWeight(graph, i))
                        .flatMap(Optional::stream)
                        .findFirst()
                        .filter(w -> add.inputs().stream().noneMatch(i -> isStored(graph, i)))
                        .ifPresent(weights::add);
            }
        }
        return weights;
    }

    /// The stored weight of the product that makes `value`, perhaps with a bias, factors or a drop-out behind it.
    private static Optional<String> lastWeight(Graph graph, String value) {
        Optional<Node> maker = graph.producer(value);
        if (maker.isEmpty()) {
            return Optional.empty();
        }
        Node node = maker.get();
        if (node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul")) {
            return Optional.of(source(graph, node.input(1))).filter(w -> isStored(graph, w));
        }
        if (node.isAny("BatchNormalization", "Identity", "Dropout", "Reshape", "Transpose")) {
            return lastWeight(graph, node.input(0));
        }
        if (node.isAny("Add", "Mul")) {
            int side = isStored(graph, node.input(0)) ? 1 : 0;
            return isStored(graph, node.input(1 - side)) ? lastWeight(graph, node.input(side)) : Optional.empty();
        }
        return Optional.empty();
    }

    private static boolean isStored(Graph graph, String value) {
        return graph.initializer(source(graph, value)).isPresent();
    }

    /// What `value` is a copy or a turned form of.
    private static String source(Graph graph, String value) {
        return graph.producer(value)
                .filter(n -> n.isAny("Identity", "Transpose"))
                .map(n -> source(graph, n.input(0)))
                .orElse(value);
    }

    private static Tensor tensor(Initializer initializer, Graph graph, double size, SplittableRandom random) {
        Shape shape = initializer.shape();
        int count = Math.toIntExact(shape.elements());
        float[] values = new float[count];
        double centre = 0;
        double spread = 0.1;
        long wide = shape.rank() >= 2 ? shape.elements() / Math.max(1, shape.dim(0)) : 0;
        boolean factor = isFactor(initializer.name(), graph);
        if (factor) {
            centre = 1;
        } else if (shape.rank() >= 2 && shape.elements() > 1) {
            spread = size * Math.sqrt(2.0 / Math.max(1, shape.rank() == 2 ? shape.dim(0) : wide));
        }
        for (int i = 0; i < count; i++) {
            values[i] = (float) (centre + spread * (factor ? random.nextDouble(-1, 1) : random.nextGaussian()));
        }
        return initializer.type() == DataType.FLOAT
                ? Tensor.of(shape, values)
                : converted(initializer.type(), shape, values);
    }

    /// Whether a value is multiplied or divided by this constant, or it is a variance.
    private static boolean isFactor(String name, Graph graph) {
        for (Node node : graph.consumers(name)) {
            if (node.is("Identity")) {
                return isFactor(node.output(0), graph);
            }
            int at = node.inputs().indexOf(name);
            boolean scale = node.isAny("BatchNormalization", "LayerNormalization", "InstanceNormalization")
                    && (at == 1 || at == 4);
            if (node.isAny("Mul", "Div") || scale) {
                return true;
            }
        }
        return false;
    }

    private static Tensor converted(DataType type, Shape shape, float[] values) {
        java.lang.foreign.MemorySegment data =
                java.lang.foreign.Arena.ofAuto().allocate(Math.max(8, type.bytes(values.length)), 64);
        for (int i = 0; i < values.length; i++) {
            switch (type) {
                case FLOAT16 -> data.set(Tensor.SHORT_LE, 2L * i, Float.floatToFloat16(values[i]));
                case DOUBLE -> data.set(Tensor.DOUBLE_LE, 8L * i, values[i]);
                default -> {
                    // Whole numbers stay zero: indices and shapes that were stripped cannot be guessed better.
                }
            }
        }
        return new Tensor(
                type, shape, data.asSlice(0, type.bytes(values.length)).asReadOnly());
    }
}
