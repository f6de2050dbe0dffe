package dev.nibble.cli;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// A classifier of texts with one layer of attention, as PyTorch exports it, and a tokenizer whose tokens are words.
///
/// The class of a text of six words is how many of them are `bad`: 0, 1, or 2 and more. The first token's attention is
/// nearly uniform, so its first feature is 4/7 for each of them; the classes begin half way between.
final class TextModels {
    static final int CLASSES = 3;
    static final int POSITIONS = 8;
    /// `[CLS]`, the unknown word, `bad`, and nine others.
    static final List<String> WORDS = List.of("[CLS]", "unk", "bad", "a", "b", "c", "d", "e", "f", "g", "h", "i");

    private static final String FIRST = """
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]}}}""";

    private static final int WIDTH = 16;
    private static final int HEADS = 2;

    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> constants = new ArrayList<>();
    private final Random random = new Random(7);

    private TextModels() {}

    /// Writes the classifier. It takes `input_ids`, `attention_mask` and `token_type_ids` of any length up to
    /// [#POSITIONS], which is the size of its table of positions.
    ///
    /// @param length tokens that the inputs insist on; −1 where they leave it open
    static Path classifier(Path file, long length) {
        ModelWriter.write(new TextModels().model(length), file);
        return file;
    }

    private Model model(long length) {
        embeddings();
        attention();
        node("pooled", "Gather", "hidden zero", Attribute.of("axis", 1));
        head();
        node("logits", "Gemm", "pooled head head_bias");
        Dim batch = new Dim.Symbol("N");
        Dim tokens = length < 0 ? new Dim.Symbol("T") : new Dim.Known(length);
        List<ValueInfo> inputs = List.of(
                input("input_ids", batch, tokens),
                input("attention_mask", batch, tokens),
                input("token_type_ids", batch, tokens));
        ValueInfo output = new ValueInfo(
                "logits",
                new ValueType.TensorType(DataType.FLOAT.code(), List.of(batch, new Dim.Known(CLASSES)), null));
        return Model.of(8, 17, Graph.of("classifier", nodes, constants, inputs, List.of(output)));
    }

    private static ValueInfo input(String name, Dim... dims) {
        return new ValueInfo(name, new ValueType.TensorType(DataType.INT64.code(), List.of(dims), null));
    }

    private void embeddings() {
        float[] words = gaussian(WORDS.size() * WIDTH, 0.3f);
        for (int i = 0; i < WORDS.size(); i++) {
            words[i * WIDTH] = i == 2 ? 4 : 0;
        }
        floats("words", words, WORDS.size(), WIDTH);
        floats("positions", gaussian(POSITIONS * WIDTH, 0.1f), POSITIONS, WIDTH);
        floats("types", gaussian(2 * WIDTH, 0.1f), 2, WIDTH);
        longs("zero", Shape.SCALAR, 0);
        longs("one", Shape.SCALAR, 1);
        longs("from", Shape.of(1), 0);
        longs("axis", Shape.of(1), 1);
        longs("position_ids", Shape.of(1, POSITIONS), 0, 1, 2, 3, 4, 5, 6, 7);
        node("shape", "Shape", "input_ids");
        node("length", "Gather", "shape one");
        node("lengths", "Unsqueeze", "length from");
        node("places", "Slice", "position_ids from lengths axis");
        node("word_rows", "Gather", "words input_ids");
        node("position_rows", "Gather", "positions places");
        node("type_rows", "Gather", "types token_type_ids");
        node("typed", "Add", "word_rows type_rows");
        node("embedded", "Add", "typed position_rows");
    }

    private void attention() {
        longs("both", Shape.of(2), 1, 2);
        node("mask_float", "Cast", "attention_mask", Attribute.of("to", (long) DataType.FLOAT.code()));
        node("mask_wide", "Unsqueeze", "mask_float both");
        scalar("whole", 1);
        scalar("lowest", -1e9f);
        node("masked", "Sub", "whole mask_wide");
        node("mask", "Mul", "masked lowest");
        longs("split", Shape.of(4), 0, 0, HEADS, WIDTH / HEADS);
        longs("joined", Shape.of(3), 0, 0, WIDTH);
        scalar("root", (float) Math.sqrt(WIDTH / (double) HEADS));
        for (String part : List.of("q", "k", "v")) {
            float[] weight = gaussian(WIDTH * WIDTH, part.equals("v") ? 0.05f : 0.1f);
            if (part.equals("v")) {
                weight[0] = 1;
            }
            floats(part + "_weight", weight, WIDTH, WIDTH);
            node(part + "_all", "MatMul", "embedded " + part + "_weight");
            node(part + "_heads", "Reshape", part + "_all split");
            long[] order = part.equals("k") ? new long[] {0, 2, 3, 1} : new long[] {0, 2, 1, 3};
            node(part, "Transpose", part + "_heads", Attribute.ofInts("perm", order));
        }
        node("products", "MatMul", "q k");
        node("scores", "Div", "products root");
        node("masked_scores", "Add", "scores mask");
        node("shares", "Softmax", "masked_scores", Attribute.of("axis", -1));
        node("seen", "MatMul", "shares v");
        node("seen_turned", "Transpose", "seen", Attribute.ofInts("perm", 0, 2, 1, 3));
        node("hidden", "Reshape", "seen_turned joined");
    }

    private void head() {
        float[] head = new float[WIDTH * CLASSES];
        head[0] = -4;
        head[1] = 0;
        head[2] = 4;
        floats("head", head, WIDTH, CLASSES);
        floats("head_bias", new float[] {1.14f, 0, -3.43f}, CLASSES);
    }

    private void node(String output, String op, String inputs, Attribute... attributes) {
        nodes.add(Node.of(output + "_node", op, List.of(inputs.split(" ")), List.of(output), attributes));
    }

    private void floats(String name, float[] values, long... dims) {
        constants.add(Initializer.of(name, Tensor.of(Shape.of(dims), values)));
    }

    private void scalar(String name, float value) {
        constants.add(Initializer.of(name, Tensor.of(Shape.SCALAR, value)));
    }

    private void longs(String name, Shape shape, long... values) {
        constants.add(Initializer.of(name, Tensor.of(shape, values)));
    }

    private float[] gaussian(int count, float scale) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian() * scale;
        }
        return values;
    }

    /// Writes a `tokenizer.json` that knows `words`.
    ///
    /// @param first whether `[CLS]` is put before each text
    static Path tokenizer(Path file, List<String> words, boolean first) throws IOException {
        Map<Integer, String> vocabulary = new TreeMap<>();
        for (int i = 0; i < words.size(); i++) {
            vocabulary.put(i, "\"%s\": %d".formatted(words.get(i), i));
        }
        return Files.writeString(file, """
                {"version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
                 "added_tokens": [{"id": 0, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
                  "normalized": false, "special": true}],
                 "pre_tokenizer": {"type": "WhitespaceSplit"},
                 "post_processor": %s,
                 "model": {"type": "WordLevel", "unk_token": "unk", "vocab": {%s}}}
                """.formatted(
                        first ? FIRST : "null", vocabulary.values().stream().collect(Collectors.joining(", "))));
    }

    /// A text of `words` known words, `bad` of which are bad.
    static String text(Random random, int words, int bad) {
        String[] all = new String[words];
        for (int i = 0; i < words; i++) {
            all[i] = i < bad ? "bad" : WORDS.get(3 + random.nextInt(WORDS.size() - 3));
        }
        for (int i = words - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            String kept = all[i];
            all[i] = all[other];
            all[other] = kept;
        }
        return Arrays.stream(all).collect(Collectors.joining(" "));
    }
}
