package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.InputSpec;
import dev.nibble.data.TokenInputs;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.run.OrtExecutor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// How long sequences may be that a model takes. Its inputs may leave their length open while a table of positions or a
/// stored mask ends it, and all that a runtime says then is that two shapes do not fit. So the model is asked: it runs on
/// the longest sample, or on as many tokens as `--shape` asks for, cut shorter and shorter.
final class SequenceLength {
    private SequenceLength() {}

    /// `failure`, or, where it comes of a sample that is longer than the model takes, that in words. Nothing is run unless
    /// running is what failed.
    ///
    /// @param model as the command read it
    /// @param samples what the command ran on
    static NibbleException explained(
            NibbleException failure, Path model, Map<String, long[]> shapes, List<QuantizeOptions.Samples> samples) {
        if (failure.getCause() == null || outOfMemory(failure)) {
            return failure;
        }
        try {
            Optional<NibbleException> asked = askedTooLong(model, shapes, failure);
            if (asked.isPresent()) {
                return asked.get();
            }
            Model read = ModelFile.toRun(model, shapes).model();
            List<InputSpec> inputs = PreparedModel.inputs(read);
            boolean sequences = inputs.stream().allMatch(input -> input.dims().length == 2);
            for (int i = 0; sequences && i < samples.size(); i++) {
                try (DataSet data =
                        DataSet.open(samples.get(i).path(), samples.get(i).options(), inputs)) {
                    Optional<NibbleException> found = tooLong(read, data, failure);
                    if (found.isPresent()) {
                        return found.get();
                    }
                }
            }
        } catch (NibbleException other) {
            failure.addSuppressed(other);
        }
        return failure;
    }

    private static boolean outOfMemory(NibbleException failure) {
        String text = String.valueOf(failure.getMessage());
        return text.contains("allocate") || text.contains("bad_alloc");
    }

    private static Optional<NibbleException> tooLong(Model model, DataSet data, NibbleException failure) {
        long longest = data.largest();
        Map<String, Tensor> sample = data.sample(longest);
        long length = sample.values().iterator().next().shape().dim(1);
        boolean oneLength = sample.values().stream()
                .allMatch(tensor -> tensor.shape().rank() == 2 && tensor.shape().dim(1) == length);
        boolean open = data.inputs().stream().allMatch(input -> input.dims()[1] < 0);
        if (!oneLength || !open || length < 2) {
            return Optional.empty();
        }
        long taken = taken(model, sample, length);
        return taken == 0 || taken == length
                ? Optional.empty()
                : Optional.of(error(data, longest, length, taken, failure));
    }

    /// The error for lengths that `shapes` ask for and the model does not take; empty where that is not what is wrong.
    private static Optional<NibbleException> askedTooLong(
            Path file, Map<String, long[]> shapes, NibbleException failure) {
        Set<Long> lengths = new HashSet<>();
        shapes.values().forEach(shape -> lengths.add(shape.length == 2 ? shape[1] : -1L));
        long length = lengths.size() == 1 ? lengths.iterator().next() : -1;
        if (length < 2) {
            return Optional.empty();
        }
        Model open = ModelFile.toRun(file, Map.of()).model();
        Map<String, Tensor> sample = new HashMap<>();
        for (InputSpec input : PreparedModel.inputs(open)) {
            if (input.dims().length != 2 || input.dims()[1] >= 0 || input.type() != DataType.INT64) {
                return Optional.empty();
            }
            long[] values = new long[Math.toIntExact(length)];
            Arrays.fill(values, TokenInputs.masksAttention(input) ? 1 : 0);
            sample.put(input.name(), Tensor.of(Shape.of(1, length), values));
        }
        long taken = taken(open, sample, length);
        return taken == 0 || taken == length
                ? Optional.empty()
                : Optional.of(new NibbleException(
                        "--shape asks for %d tokens in '%s', and the model takes %d at most"
                                .formatted(length, String.join("', '", new TreeSet<>(shapes.keySet())), taken),
                        "give --shape %d tokens or fewer".formatted(taken),
                        failure));
    }

    /// How many tokens of `sample` the model takes, at most `length`; 0 where it takes none.
    private static long taken(Model model, Map<String, Tensor> sample, long length) {
        List<String> outputs =
                model.graph().outputs().stream().map(ValueInfo::name).toList();
        Executor.Options options = new Executor.Options(0, Executor.Optimization.OFF);
        try (Executor.Session session = new OrtExecutor().open(model, outputs, options)) {
            if (refused(session, sample, length) == null) {
                return length;
            }
            long taken = 0;
            long refused = length;
            while (refused - taken > 1) {
                long middle = (taken + refused) / 2;
                if (refused(session, sample, middle) == null) {
                    taken = middle;
                } else {
                    refused = middle;
                }
            }
            return taken;
        }
    }

    private static @Nullable NibbleException refused(
            Executor.Session session, Map<String, Tensor> sample, long length) {
        Map<String, Tensor> cut = new HashMap<>();
        sample.forEach((name, tensor) -> cut.put(name, cut(tensor, length)));
        try {
            session.run(cut);
            return null;
        } catch (NibbleException e) {
            return e;
        }
    }

    /// The first `length` values of each row.
    private static Tensor cut(Tensor tensor, long length) {
        long rows = tensor.shape().dim(0);
        long bytes = tensor.type().bytes(length);
        long stride = tensor.type().bytes(tensor.shape().dim(1));
        MemorySegment values = MemorySegment.ofArray(new byte[Math.toIntExact(rows * bytes)]);
        for (long row = 0; row < rows; row++) {
            MemorySegment.copy(tensor.data(), row * stride, values, row * bytes, bytes);
        }
        return new Tensor(tensor.type(), Shape.of(rows, length), values);
    }

    private static NibbleException error(DataSet data, long longest, long length, long taken, NibbleException failure) {
        boolean texts = data.tokens(longest).isPresent();
        long longer = 0;
        for (long i = 0; texts && i < data.size(); i++) {
            longer += data.tokens(i).orElse(0) > taken ? 1 : 0;
        }
        String others = longer > 1 ? "; %d of %d samples are longer".formatted(longer, data.size()) : "";
        return new NibbleException(
                "'%s' has %d tokens, and the model takes %d at most%s"
                        .formatted(data.name(longest), length, taken, others),
                texts
                        ? "cut them with --max-length %d, or leave them out".formatted(taken)
                        : "store at most %d tokens a sample".formatted(taken),
                failure);
    }
}
