package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Prepares one sample after the other for all inputs of a model. For one thread.
final class Assembler {
    private static final ValueLayout.OfLong INT64_LE =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT32_LE = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DataSet set;
    private final List<Preparation> preparations = new ArrayList<>();
    private final List<Preparation.Outcome> outcomes = new ArrayList<>();
    private String name = "";

    Assembler(DataSet set) {
        this.set = set;
        for (int i = 0; i < set.inputs().size(); i++) {
            preparations.add(new Preparation(set.inputs().get(i), set.field(i), set.options()));
        }
    }

    /// Reads and prepares chosen sample `index`.
    ///
    /// @param allowNonFinite whether NaN and infinity pass
    void prepare(long index, boolean allowNonFinite) {
        outcomes.clear();
        name = set.name(index);
        for (int i = 0; i < preparations.size(); i++) {
            Tensor stored = set.stored(index, i);
            Preparation.Outcome outcome = preparations.get(i).prepare(stored, where(i));
            if (!outcome.finite() && !allowNonFinite) {
                throw notFinite(set.inputs().get(i), name).toException();
            }
            outcomes.add(outcome);
        }
    }

    List<Preparation.Outcome> outcomes() {
        return outcomes;
    }

    /// Whether the sample prepared last has the shapes of `fits`.
    boolean fits(List<Fit> fits) {
        for (int i = 0; i < fits.size(); i++) {
            if (!java.util.Arrays.equals(
                    fits.get(i).dims(), outcomes.get(i).fit().dims())) {
                return false;
            }
        }
        return true;
    }

    List<Fit> fits() {
        return outcomes.stream().map(Preparation.Outcome::fit).toList();
    }

    /// Writes the sample prepared last into row `row` of `memory`, a segment an input.
    void write(List<MemorySegment> memory, int row) {
        for (int i = 0; i < preparations.size(); i++) {
            long bytes = bytes(set.inputs().get(i), outcomes.get(i).fit());
            MemorySegment own = memory.get(i).asSlice(row * bytes, bytes);
            preparations.get(i).write(outcomes.get(i), own, where(i));
            requireRows(set.inputs().get(i), own);
            requireUnmasked(set.inputs().get(i), own);
        }
    }

    /// Refuses a mask of attention that leaves no token to attend to: what a model makes of that means nothing.
    private void requireUnmasked(InputSpec input, MemorySegment values) {
        if (!TokenInputs.masksAttention(input) || values.byteSize() == 0) {
            return;
        }
        for (long i = 0; i < values.byteSize(); i++) {
            if (values.get(ValueLayout.JAVA_BYTE, i) != 0) {
                return;
            }
        }
        throw new NibbleException(
                "'%s': input '%s' is 0 everywhere, which masks every token".formatted(name, input.name()),
                "store 1 for each token that counts and 0 for padding, or leave the sample out");
    }

    /// Refuses a number that is no row of the table that the model looks it up in.
    private void requireRows(InputSpec input, MemorySegment values) {
        boolean wide = input.type() == DataType.INT64;
        if (input.rows() == 0 || !wide && input.type() != DataType.INT32) {
            return;
        }
        long count = values.byteSize() / (wide ? 8 : 4);
        for (long i = 0; i < count; i++) {
            long value = wide ? values.get(INT64_LE, 8 * i) : values.get(INT32_LE, 4 * i);
            if (value >= input.rows() || value < -input.rows()) {
                throw outside(input, value, i);
            }
        }
    }

    private NibbleException outside(InputSpec input, long value, long place) {
        boolean counted = TokenInputs.isPositions(input) && value >= 0;
        return new NibbleException(
                "'%s': input '%s' gets %d at place %d, but the model's table has %d rows, 0 to %d"
                        .formatted(name, input.name(), value, place, input.rows(), input.rows() - 1),
                counted
                        ? "the model takes %d tokens at most: add --max-length %1$d, or leave longer samples out"
                                .formatted(input.rows())
                        : "use the tokenizer that belongs to the model, or samples made for it");
    }

    private String where(int input) {
        return set.inputs().size() == 1
                ? "'" + name + "'"
                : "'%s' for input '%s'".formatted(name, set.inputs().get(input).name());
    }

    static Finding notFinite(InputSpec input, String sample) {
        return new Finding(
                "D003",
                Finding.Severity.ERROR,
                "input '%s' gets NaN or infinity, first from '%s'".formatted(input.name(), sample),
                "repair the sample, or leave it out");
    }

    /// Bytes of one row.
    static long bytes(InputSpec input, Fit fit) {
        return input.type().bytes(Shape.of(fit.dims()).elements());
    }

    /// The tensors over `rows` rows of `memory`.
    static Map<String, Tensor> tensors(List<InputSpec> inputs, List<Fit> fits, List<MemorySegment> memory, int rows) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int i = 0; i < inputs.size(); i++) {
            long[] dims = fits.get(i).dims();
            if (fits.get(i).batched()) {
                long[] batched = new long[dims.length + 1];
                batched[0] = rows;
                System.arraycopy(dims, 0, batched, 1, dims.length);
                dims = batched;
            }
            long bytes = bytes(inputs.get(i), fits.get(i)) * rows;
            if (bytes > Integer.MAX_VALUE) {
                throw new NibbleException(
                        "a batch of %d for input '%s' takes %d bytes"
                                .formatted(rows, inputs.get(i).name(), bytes),
                        "use a smaller --batch");
            }
            tensors.put(
                    inputs.get(i).name(),
                    new Tensor(
                            inputs.get(i).type(), Shape.of(dims), memory.get(i).asSlice(0, bytes)));
        }
        return tensors;
    }
}
