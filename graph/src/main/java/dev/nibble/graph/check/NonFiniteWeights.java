package dev.nibble.graph.check;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Sweep;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// NaN and infinity in stored FLOAT, DOUBLE, FLOAT16 and BFLOAT16 tensors. This reads every weight, which
/// [ModelChecker] does not.
public final class NonFiniteWeights {
    /// Operators whose constants may be infinite on purpose: bounds, and masks added before a Softmax.
    private static final Set<String> MAY_BE_INFINITE = Set.of(
            "Where",
            "Add",
            "Max",
            "Min",
            "Clip",
            "Pad",
            "Expand",
            "ConstantOfShape",
            "ScatterND",
            "ScatterElements",
            "Concat",
            "Slice",
            "Gather",
            "Unsqueeze",
            "Reshape",
            "Cast",
            "CastLike",
            "Equal",
            "Less",
            "Greater",
            "ReduceMax",
            "ReduceMin",
            "Identity",
            "If",
            "Loop",
            "Scan",
            "Attention");

    /// Elements looked at in one go.
    private static final int CHUNK = 1 << 14;

    private NonFiniteWeights() {}

    /// A tensor with a NaN or an infinity in it.
    ///
    /// @param firstIndex row-major, of the first such element; a NaN goes before an infinity
    /// @param mayBeMask whether all such elements are infinities and every reader is an operator where they make
    ///     sense, such as `Where` or the `Add` of an attention mask
    public record Finding(String tensor, DataType type, long firstIndex, double value, boolean mayBeMask) {
        /// An error, or a note where it may be a mask.
        public Problem problem() {
            String text = "holds %s (%s), first at index %d"
                    .formatted(Double.isNaN(value) ? "NaN" : "an infinity", type.onnxName(), firstIndex);
            return mayBeMask
                    ? Problem.note("tensor '" + tensor + "'", text, "nothing to do where it is a mask or a bound")
                    : Problem.error(
                            "tensor '" + tensor + "'",
                            text,
                            "training diverged or the export went wrong; mend the weights and export again");
        }
    }

    /// The stored tensors of the graph, its subgraphs and the functions that hold a NaN or an infinity. Tensors
    /// without data, and those whose length does not fit (see [ModelChecker]), are passed over.
    public static List<Finding> find(Model model) {
        List<Finding> findings = new ArrayList<>();
        find(model.graph(), findings);
        for (Model.Function function : model.functions()) {
            Graph body = Graph.of(function.name(), function.nodes(), List.of(), List.of(), List.of());
            find(body, findings);
        }
        return List.copyOf(findings);
    }

    private static void find(Graph graph, List<Finding> findings) {
        graph.initializers().forEach(i -> look(i, i.name(), graph, findings));
        for (Node node : graph.nodes()) {
            for (Attribute attribute : node.attributes()) {
                if (attribute.value() instanceof Attribute.Value.OfTensor(Initializer tensor)) {
                    look(tensor, node.output(0), graph, findings);
                }
                attribute.graphs().forEach(g -> find(g, findings));
            }
        }
    }

    private static void look(Initializer stored, String name, Graph graph, List<Finding> findings) {
        DataType type = DataType.ofCode(stored.typeCode()).orElse(DataType.STRING);
        boolean isFloat = type == DataType.FLOAT
                || type == DataType.DOUBLE
                || type == DataType.FLOAT16
                || type == DataType.BFLOAT16;
        if (!isFloat || !stored.hasData() || !fits(stored)) {
            return;
        }
        if (stored.storage() instanceof Initializer.Storage.Computed) {
            return;
        }
        Tensor tensor = stored.tensor();
        long first = first(tensor);
        Sweep.release(tensor.data());
        if (first < 0) {
            return;
        }
        // Rare from here on, so element by element.
        long at = first;
        while (at < tensor.elements() && !Double.isNaN(value(tensor, at))) {
            at++;
        }
        boolean nan = at < tensor.elements();
        long shown = nan ? at : first;
        boolean mask = !nan
                && graph.consumers(name).stream().allMatch(n -> n.isStandard() && MAY_BE_INFINITE.contains(n.opType()));
        findings.add(new Finding(name, type, shown, value(tensor, shown), mask));
    }

    private static boolean fits(Initializer stored) {
        List<Problem> problems = new ArrayList<>();
        TensorCheck.check(stored, "", problems);
        return problems.isEmpty();
    }

    private static double value(Tensor tensor, long index) {
        return tensor.type() == DataType.DOUBLE
                ? tensor.data().get(Tensor.DOUBLE_LE, index * 8)
                : tensor.floatAt(index);
    }

    /// The index of the first element whose exponent is all ones; −1 where there is none.
    ///
    /// The elements are copied out in chunks: over an array the loop compiles to vector instructions. Adding one
    /// unit of the exponent carries into the sign bit exactly where the exponent is all ones.
    private static long first(Tensor tensor) {
        return switch (tensor.type()) {
            case FLOAT -> firstInt(tensor.data(), tensor.elements());
            case DOUBLE -> firstLong(tensor.data(), tensor.elements());
            case FLOAT16 -> firstShort(tensor.data(), tensor.elements(), 0x0400);
            case BFLOAT16 -> firstShort(tensor.data(), tensor.elements(), 0x0080);
            default -> -1;
        };
    }

    private static long firstInt(MemorySegment data, long elements) {
        int[] chunk = new int[CHUNK];
        Sweep sweep = new Sweep(data);
        for (long at = 0; at < elements; at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - at);
            MemorySegment.copy(data, Tensor.INT_LE, at * 4, chunk, 0, count);
            sweep.passed(at * 4);
            int any = 0;
            for (int i = 0; i < count; i++) {
                any |= (chunk[i] & 0x7FFF_FFFF) + 0x0080_0000;
            }
            for (int i = 0; any < 0 && i < count; i++) {
                if ((chunk[i] & 0x7FFF_FFFF) >= 0x7F80_0000) {
                    return at + i;
                }
            }
        }
        return -1;
    }

    private static long firstLong(MemorySegment data, long elements) {
        long[] chunk = new long[CHUNK];
        Sweep sweep = new Sweep(data);
        for (long at = 0; at < elements; at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - at);
            MemorySegment.copy(data, Tensor.LONG_LE, at * 8, chunk, 0, count);
            sweep.passed(at * 8);
            long any = 0;
            for (int i = 0; i < count; i++) {
                any |= (chunk[i] & Long.MAX_VALUE) + (1L << 52);
            }
            for (int i = 0; any < 0 && i < count; i++) {
                if ((chunk[i] & Long.MAX_VALUE) >= 0x7FFL << 52) {
                    return at + i;
                }
            }
        }
        return -1;
    }

    /// Two elements in each int: their sum with `unit` cannot carry from the lower one into the upper.
    private static long firstShort(MemorySegment data, long elements, int unit) {
        int both = unit << 16 | unit;
        int[] chunk = new int[CHUNK];
        Sweep sweep = new Sweep(data);
        for (long at = 0; at < elements; at += 2L * CHUNK) {
            int count = (int) Math.min(CHUNK, (elements - at) / 2);
            MemorySegment.copy(data, Tensor.INT_LE, at * 2, chunk, 0, count);
            sweep.passed(at * 2);
            int any = 0;
            for (int i = 0; i < count; i++) {
                any |= (chunk[i] & 0x7FFF_7FFF) + both;
            }
            // An odd last element stands alone.
            boolean last = elements - at < 2L * CHUNK;
            for (long i = at; ((any & 0x8000_8000) != 0 || last) && i < Math.min(elements, at + 2L * CHUNK); i++) {
                if (((data.get(Tensor.SHORT_LE, i * 2) & 0x7FFF) + unit & 0x8000) != 0) {
                    return i;
                }
            }
        }
        return -1;
    }
}
