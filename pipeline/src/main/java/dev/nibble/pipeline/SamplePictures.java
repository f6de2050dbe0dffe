package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Label;
import dev.nibble.data.metric.CtcDecoder;
import dev.nibble.data.metric.Scores;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.report.SamplePicture;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/// Some samples side by side: the input, what the float model says of it, and what the quantized one says. Samples
/// that only one of the two gets right come first.
final class SamplePictures {
    private static final int SHOWN = 12;

    private SamplePictures() {}

    /// @param original the float model
    /// @param qdq the quantized model
    /// @param outcomes of the evaluation, the float model's first, the quantized one's second
    /// @return nothing where the samples cannot be shown as pictures, or the output is neither classes nor text
    static List<SamplePicture> of(
            Model original,
            Model qdq,
            DataSet data,
            List<Evaluation.Outcome> outcomes,
            Executor executor,
            Executor.Options options) {
        String input = data.inputs().getFirst().name();
        String output = Evaluation.floatOutputs(original).getFirst();
        if (data.size() == 0 || image(data, 0, input) == null) {
            return List.of();
        }
        CtcDecoder decoder = TaskMetrics.decoder(original);
        List<SamplePicture> pictures = new ArrayList<>();
        try (Executor.Session reference = executor.open(original, List.of(output), options);
                Executor.Session quantized = executor.open(qdq, List.of(output), options)) {
            for (long index : interesting(outcomes, data.size())) {
                Tensor exact = reference.run(data.sample(index)).get(output);
                Tensor seen = quantized.run(data.sample(index)).get(output);
                if (exact == null || seen == null || !answerable(exact, decoder)) {
                    return List.of();
                }
                Label label = data.label(index).orElse(null);
                pictures.add(new SamplePicture(
                        data.name(index),
                        image(data, index, input),
                        List.of(),
                        null,
                        label == null ? null : label.text(),
                        answer(exact, decoder, label),
                        answer(seen, decoder, label)));
            }
        }
        return pictures;
    }

    /// Samples that the two models disagree on, then the first ones.
    private static List<Long> interesting(List<Evaluation.Outcome> outcomes, long size) {
        List<Long> chosen = new ArrayList<>();
        if (!outcomes.getFirst().metrics().isEmpty()) {
            Scores before = outcomes.get(0).metrics().getFirst().scores();
            Scores after = outcomes.get(1).metrics().getFirst().scores();
            for (int i = 0; i < before.n() && chosen.size() < SHOWN; i++) {
                if (before.score(i) != after.score(i)) {
                    chosen.add((long) i);
                }
            }
        }
        for (long i = 0; i < size && chosen.size() < SHOWN; i++) {
            if (!chosen.contains(i)) {
                chosen.add(i);
            }
        }
        return chosen;
    }

    private static boolean answerable(Tensor output, @Nullable CtcDecoder decoder) {
        int rank = output.shape().rank();
        return rank == 2
                || rank == 3
                        && decoder != null
                        && output.shape().dim(2) == decoder.classes().size();
    }

    private static SamplePicture.Answer answer(Tensor output, @Nullable CtcDecoder decoder, @Nullable Label label) {
        if (output.shape().rank() == 3 && decoder != null) {
            String text = decoder.decode(output, 0);
            return new SamplePicture.Answer(text, null, label == null ? null : text.equals(label.text()));
        }
        int best = 0;
        for (int i = 1; i < output.shape().dim(1); i++) {
            best = output.floatAt(i) > output.floatAt(best) ? i : best;
        }
        return new SamplePicture.Answer(
                Integer.toString(best), null, label == null || !label.isClass() ? null : best == label.classIndex());
    }

    /// The stored sample as a PNG data URI; null where it is no 8-bit picture of one or three channels.
    private static @Nullable String image(DataSet data, long index, String input) {
        Tensor stored = data.stored(index, input);
        Shape shape = stored.shape();
        if (stored.type() != DataType.UINT8 || shape.rank() != 3 || shape.dim(2) != 3 && shape.dim(2) != 1) {
            return null;
        }
        int height = Math.toIntExact(shape.dim(0));
        int width = Math.toIntExact(shape.dim(1));
        int channels = Math.toIntExact(shape.dim(2));
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                long at = ((long) y * width + x) * channels;
                int red = stored.data().get(ValueLayout.JAVA_BYTE, at) & 0xFF;
                int green = channels == 1 ? red : stored.data().get(ValueLayout.JAVA_BYTE, at + 1) & 0xFF;
                int blue = channels == 1 ? red : stored.data().get(ValueLayout.JAVA_BYTE, at + 2) & 0xFF;
                image.setRGB(x, y, red << 16 | green << 8 | blue);
            }
        }
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", png);
        } catch (IOException e) {
            throw new NibbleException(
                    "sample '%s' cannot be drawn: %s".formatted(data.name(index), e.getMessage()),
                    "leave it out with --skip or --take",
                    e);
        }
        return SamplePicture.dataUri(png.toByteArray());
    }
}
