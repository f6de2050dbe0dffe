package dev.nibble.pipeline.measure;

import dev.nibble.data.DataSet;
import dev.nibble.data.Label;
import dev.nibble.data.TextOptions;
import dev.nibble.data.metric.CtcDecoder;
import dev.nibble.data.metric.NextTokenLoss;
import dev.nibble.data.metric.SentencePairs;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.data.metric.TextAccuracy;
import dev.nibble.data.metric.TopK;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Which metric suits a model and its labels.
public final class TaskMetrics {
    /// What `--metric` takes.
    public static final List<String> NAMES =
            List.of("auto", "top1", "top5", "characters", "words", "spearman", "loss", "none");

    /// The keys under which producers leave a text recogniser's alphabet, one character a line.
    private static final List<String> ALPHABET_KEYS = List.of("character", "alphabet", "characters");

    private TaskMetrics() {}

    /// Makes the metrics named `wanted`, the headline first; nothing where the samples have no labels.
    ///
    /// @param wanted one of [#NAMES]; `auto` takes words and characters for text labels, top-1 and top-5 for classes
    ///     (top-1 alone where there are five at most, of which the five highest are all), and nothing where the output is
    ///     neither text nor a list of classes
    /// @throws NibbleException for another name, or where the labels, the alphabet or the number of classes do not suit
    ///     the metric
    public static Supplier<List<TaskMetric>> choose(String wanted, Model model, DataSet data) {
        if (!NAMES.contains(wanted)) {
            throw new NibbleException(
                    "there is no metric '" + wanted + "'",
                    Nearest.didYouMean(wanted, NAMES, "choose one of " + String.join(", ", NAMES)));
        }
        if (wanted.equals("none")) {
            return List::of;
        }
        if (wanted.equals("loss") || wanted.equals("auto") && !data.labelled() && continuesTexts(model, data)) {
            return nextTokens(model, data);
        }
        if (wanted.equals("auto") && !data.labelled()) {
            return List::of;
        }
        if (!data.labelled()) {
            throw new NibbleException(
                    "metric '" + wanted + "' needs labels, and the samples have none", "give --labels FILE");
        }
        if (wanted.equals("spearman") || wanted.equals("auto") && data.paired()) {
            return pairs(wanted, data);
        }
        CtcDecoder decoder = decoder(model);
        boolean classes = data.label(0).map(Label::isClass).orElse(false);
        boolean text = wanted.equals("characters") || wanted.equals("words");
        if (text || wanted.equals("auto") && decoder != null && rank(model) == 3) {
            if (decoder == null) {
                throw new NibbleException(
                        "metric '" + wanted + "' needs an alphabet, and the model's metadata hold none",
                        "put it into the model's metadata under 'character', one character a line");
            }
            return wanted.equals("characters")
                    ? () -> List.of(new TextAccuracy(TextAccuracy.Unit.CHARACTER, decoder))
                    : () -> List.of(
                            new TextAccuracy(TextAccuracy.Unit.WORD, decoder),
                            new TextAccuracy(TextAccuracy.Unit.CHARACTER, decoder));
        }
        if (!classes) {
            throw new NibbleException(
                    "label '%s' is no class number"
                            .formatted(data.label(0).map(Label::text).orElse("")),
                    "write the class as the place of its score in the output, from 0; name the column that holds it with"
                            + " --label-column, or use --metric none");
        }
        if (wanted.equals("auto") && !listsClasses(model)) {
            return List::of;
        }
        requireClasses(model, data);
        long listed = listedClasses(model);
        boolean five = listed < 0 || listed > 5;
        if (wanted.equals("top5") && !five) {
            throw new NibbleException(
                    "the output has %d classes, so that top-5 is always right".formatted(listed), "take --metric top1");
        }
        return switch (wanted) {
            case "top1" -> () -> List.of(new TopK(1));
            case "top5" -> () -> List.of(new TopK(5));
            default -> five ? () -> List.of(new TopK(1), new TopK(5)) : () -> List.of(new TopK(1));
        };
    }

    private static Supplier<List<TaskMetric>> pairs(String wanted, DataSet data) {
        if (!data.paired()) {
            throw new NibbleException(
                    "metric '" + wanted + "' needs pairs of texts, two a row, and an even choice of them",
                    "give a .csv or .jsonl with two columns of text and one of scores; --skip and --take count texts");
        }
        TextOptions.Pooling asked = data.options().text().pooling();
        TextOptions.Pooling pooling = asked == null ? TextOptions.Pooling.MEAN : asked;
        return () ->
                List.of(new SentencePairs(pooling, index -> data.tokens(index).orElse(Integer.MAX_VALUE)));
    }

    /// Whether the model scores what follows each token: it looks its input up in a table of as many rows as its output
    /// has scores.
    private static boolean continuesTexts(Model model, DataSet data) {
        return data.size() > 0
                && data.tokens(0).isPresent()
                && rank(model) == 3
                && vocabulary(model) > 1
                && vocabulary(model) == classes(model);
    }

    /// How many token ids the model knows; −1 where no table is looked up with its input.
    public static long vocabulary(Model model) {
        for (ValueInfo input : model.graph().feeds()) {
            for (Node reader : model.graph().consumers(input.name())) {
                if (reader.is("Gather") && reader.input(1).equals(input.name())) {
                    Optional<Shape> table = model.graph().shape(table(model.graph(), reader));
                    if (table.isPresent() && table.get().rank() == 2) {
                        return table.get().dim(0);
                    }
                }
            }
        }
        return -1;
    }

    /// What `gather` looks up in, as stored: in a quantized file codes before a DequantizeLinear, which has no shape.
    public static String table(Graph graph, Node gather) {
        return graph.producer(gather.input(0))
                .filter(node -> node.is("DequantizeLinear"))
                .map(node -> node.input(0))
                .orElse(gather.input(0));
    }

    private static Supplier<List<TaskMetric>> nextTokens(Model model, DataSet data) {
        if (data.tokens(0).isEmpty()) {
            throw new NibbleException(
                    "metric 'loss' needs token ids", "give texts with --tokenizer, or ids in a .npy with --lengths");
        }
        String input = model.graph().feeds().stream()
                .map(ValueInfo::name)
                .filter(name -> name.contains("ids") && !name.contains("type") && !name.contains("position"))
                .findFirst()
                .orElse(model.graph().feeds().getFirst().name());
        return () -> List.of(
                new NextTokenLoss(
                        NextTokenLoss.Unit.NATS,
                        input,
                        index -> data.tokens(index).orElse(Integer.MAX_VALUE)),
                new NextTokenLoss(
                        NextTokenLoss.Unit.PERPLEXITY,
                        input,
                        index -> data.tokens(index).orElse(Integer.MAX_VALUE)));
    }

    /// The decoder for the alphabet in the model's metadata: a blank first, then one character a line, and a space
    /// last where the output has one class more, as PaddleOCR's recognisers have it.
    public static @Nullable CtcDecoder decoder(Model model) {
        Optional<String> stored = ALPHABET_KEYS.stream()
                .map(ModelMetadata.of(model)::get)
                .filter(text -> text != null && !text.isEmpty())
                .findFirst();
        if (stored.isEmpty()) {
            return null;
        }
        List<String> alphabet = new ArrayList<>(stored.get().lines().toList());
        long classes = classes(model);
        if (classes == alphabet.size() + 2) {
            alphabet.add(" ");
        }
        return CtcDecoder.blankFirst(alphabet);
    }

    /// Whether the place of the largest value of the first output is the model's answer: for a vector of a sample, and
    /// for the scores of a sequence; not for boxes, maps or signals.
    public static boolean answersByLargest(Model model) {
        Graph graph = model.graph();
        if (rank(model) == 2) {
            return true;
        }
        Node last = graph.producer(graph.outputs().getFirst().name()).orElse(null);
        while (last != null && last.isAny("Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose")) {
            last = graph.producer(last.input(0)).orElse(null);
        }
        Node scores = last;
        boolean biased = scores != null
                && scores.is("Add")
                && scores.inputs().stream()
                        .anyMatch(input -> graph.producer(input)
                                .filter(n -> n.is("MatMul"))
                                .isPresent());
        return scores != null && (biased || scores.isAny("Softmax", "LogSoftmax", "MatMul", "Gemm"));
    }

    /// Whether the first output may be a list of classes: as far as its declared shape says.
    private static boolean listsClasses(Model model) {
        List<Dim> dims = dims(model).orElse(null);
        if (dims == null) {
            return true;
        }
        boolean rest = dims.stream().skip(2).allMatch(dim -> !(dim instanceof Dim.Known(long size)) || size == 1);
        return dims.size() >= 2 && rest && (dims.size() == 2 || dims.get(2) instanceof Dim.Known);
    }

    /// How many classes an output of shape \[N, classes, 1…\] lists; −1 where its declared shape does not say.
    private static long listedClasses(Model model) {
        return dims(model)
                .filter(dims -> dims.size() >= 2 && dims.get(1) instanceof Dim.Known)
                .map(dims -> ((Dim.Known) dims.get(1)).size())
                .orElse(-1L);
    }

    /// Refuses labels that are none of the classes before anything is run.
    private static void requireClasses(Model model, DataSet data) {
        long classes = classes(model);
        if (classes < 2 || rank(model) != 2) {
            return;
        }
        for (long i = 0; i < data.size(); i++) {
            Label label = data.label(i).orElse(null);
            if (label != null && (!label.isClass() || label.classIndex() >= classes)) {
                throw new NibbleException(
                        "label '%s' is none of the classes 0 to %d of the output".formatted(label.text(), classes - 1),
                        "check --label-column, and whether the labels start from 1 or the model has a background class;"
                                + " --metric none leaves the labels out");
            }
        }
    }

    /// How many classes the first output tells apart; −1 where its declared shape does not say.
    public static long classes(Model model) {
        return dims(model)
                .filter(dims -> !dims.isEmpty())
                .map(dims -> dims.getLast() instanceof Dim.Known(long size) ? size : -1L)
                .orElse(-1L);
    }

    private static int rank(Model model) {
        return dims(model).map(List::size).orElse(-1);
    }

    private static Optional<List<Dim>> dims(Model model) {
        return model.graph().outputs().stream()
                .findFirst()
                .flatMap(ValueInfo::tensorType)
                .flatMap(type -> Optional.ofNullable(type.dims()));
    }
}
