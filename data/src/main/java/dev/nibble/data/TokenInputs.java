package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// What each input of a model gets of a text, known by the names that exporters give: token ids, the mask of attention,
/// types and positions of tokens. All are of shape \[N, tokens\].
public final class TokenInputs {
    private final List<InputSpec> inputs;
    private final List<Part> parts;

    /// What an input gets.
    private enum Part {
        IDS,
        MASK,
        TYPES,
        POSITIONS;

        static Optional<Part> of(InputSpec input, boolean only) {
            String name = input.name().toLowerCase(Locale.ROOT);
            if (name.contains("mask")) {
                return Optional.of(MASK);
            }
            if (name.contains("type") || name.contains("segment")) {
                return Optional.of(TYPES);
            }
            if (name.contains("position")) {
                return Optional.of(POSITIONS);
            }
            boolean ids = only || name.contains("ids") || name.contains("token") || name.contains("input");
            return ids ? Optional.of(IDS) : Optional.empty();
        }
    }

    /// Whether `input` is a mask of attention with 1 for what counts, by the names that Hugging Face's and TensorFlow's
    /// models give it. Masks called otherwise may mean the opposite.
    public static boolean masksAttention(InputSpec input) {
        String name = input.name().toLowerCase(Locale.ROOT);
        boolean named = name.contains("attention_mask") || name.contains("input_mask");
        return named && Elements.isWhole(input.type());
    }

    /// Whether `input` holds the tokens' positions, by its name.
    static boolean isPositions(InputSpec input) {
        return Part.of(input, false).filter(Part.POSITIONS::equals).isPresent();
    }

    private TokenInputs(List<InputSpec> inputs, List<Part> parts) {
        this.inputs = inputs;
        this.parts = parts;
    }

    /// Tells the inputs of a model apart.
    ///
    /// @throws NibbleException where it is not known what an input gets
    public static TokenInputs of(List<InputSpec> inputs) {
        List<Part> parts = new ArrayList<>();
        for (InputSpec input : inputs) {
            parts.add(Part.of(input, inputs.size() == 1)
                    .filter(_ -> input.dims().length == 2)
                    .orElseThrow(() -> new NibbleException(
                            "it is not known what input '%s' of shape %s gets of a text"
                                    .formatted(input.name(), input.shapeText()),
                            "inputs of shape [N, tokens] called input_ids, attention_mask, token_type_ids and"
                                    + " position_ids are filled; store the others as .npz")));
        }
        return new TokenInputs(List.copyOf(inputs), parts);
    }

    /// The length that the inputs insist on; −1 where they leave it open.
    public long fixedLength() {
        return inputs.stream()
                .map(InputSpec::dims)
                .mapToLong(dims -> dims.length == 2 ? dims[1] : -1)
                .max()
                .orElse(-1);
    }

    /// The batch that the inputs insist on; −1 where they leave it open.
    public long fixedBatch() {
        return inputs.stream().mapToLong(input -> input.dims()[0]).max().orElse(-1);
    }

    /// What `input` gets for one text.
    ///
    /// @param input an index into the inputs
    /// @param length values to give; what `sample` has no token for is padding
    /// @param pad the id that fills up
    long[] values(int input, Tokens sample, int length, long pad) {
        long[] values = new long[length];
        for (int i = 0; i < length; i++) {
            boolean counts = i < sample.ids().length;
            values[i] = switch (parts.get(input)) {
                case IDS -> counts ? sample.ids()[i] : pad;
                case MASK -> counts ? 1 : 0;
                case TYPES -> counts ? sample.types()[i] : 0;
                case POSITIONS -> i;
            };
        }
        return values;
    }

    /// Sequences of token ids as a batch, each filled up to `length` by zeros that the mask leaves out.
    ///
    /// @param sequences ids of each row, at most `length`
    /// @return by input, of shape \[rows, length\] and the input's own type
    public Map<String, Tensor> batch(List<long[]> sequences, int length) {
        Map<String, Tensor> batch = new LinkedHashMap<>();
        for (int i = 0; i < inputs.size(); i++) {
            long[] all = new long[sequences.size() * length];
            for (int row = 0; row < sequences.size(); row++) {
                long[] ids = sequences.get(row);
                long[] values = values(i, new Tokens(ids, new long[ids.length], false), length, 0);
                System.arraycopy(values, 0, all, row * length, length);
            }
            batch.put(inputs.get(i).name(), tensor(inputs.get(i), Shape.of(sequences.size(), length), all));
        }
        return batch;
    }

    private static Tensor tensor(InputSpec input, Shape shape, long[] values) {
        DataType type = input.type();
        if (type == DataType.INT64) {
            return Tensor.of(shape, values);
        }
        if (type == DataType.INT32) {
            int[] narrow = new int[values.length];
            for (int i = 0; i < values.length; i++) {
                narrow[i] = Math.toIntExact(values[i]);
            }
            return Tensor.of(shape, narrow);
        }
        if (type == DataType.FLOAT) {
            float[] floats = new float[values.length];
            for (int i = 0; i < values.length; i++) {
                floats[i] = values[i];
            }
            return Tensor.of(shape, floats);
        }
        throw new NibbleException(
                "input '%s' is %s, which no token ids are made for".formatted(input.name(), type.onnxName()),
                "export the model with int64 or int32 inputs");
    }
}
