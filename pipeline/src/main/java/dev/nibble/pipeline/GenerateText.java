package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.TokenInputs;
import dev.nibble.data.metric.NextTokenLoss;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.report.Finding;
import dev.nibble.report.GeneratedText;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/// Has two language models write on from the beginnings of samples, and counts where they part.
///
/// The models have no cache of what they read: each token is a run over all tokens before it. So the time grows with the
/// square of the tokens; it is estimated from one run first.
///
/// @param asked tokens to write after each prompt; 0 writes nothing, empty: [#TOKENS], unless that takes long
/// @param batch prompts at once, where the model leaves that open
/// @param options of both models' runs
/// @param findings is told why nothing was written, or less
record GenerateText(
        OptionalInt asked,
        DataSet data,
        int batch,
        Executor executor,
        Executor.Options options,
        Progress progress,
        Consumer<Finding> findings) {
    /// Tokens after each prompt where nothing is said.
    static final int TOKENS = 100;

    private static final int PROMPTS = 20;

    /// Tokens of a sample that are its prompt, at most; of a short sample its first half.
    private static final int PROMPT_TOKENS = 16;

    /// Longer than this nothing is written that nobody asked for.
    private static final double SECONDS = 60;

    private record Prompt(String name, long[] ids) {}

    /// Lets both models write where the task is to go on with texts; what was asked for and cannot be is said.
    ///
    /// @param metrics of the task
    static Optional<GeneratedText> of(GenerateText how, List<TaskMetric> metrics, Model reference, Model model) {
        if (how.asked.isPresent() && how.asked.getAsInt() == 0) {
            return Optional.empty();
        }
        if (metrics.stream().noneMatch(NextTokenLoss.class::isInstance)) {
            if (how.asked.isPresent()) {
                how.none("the model is not measured by the next token of texts");
            }
            return Optional.empty();
        }
        return how.both(reference, model);
    }

    private Optional<GeneratedText> both(Model reference, Model model) {
        List<Prompt> prompts = prompts();
        if (prompts.isEmpty()) {
            none("no sample has two tokens");
            return Optional.empty();
        }
        TokenInputs inputs = TokenInputs.of(data.inputs());
        String output = Evaluation.floatOutputs(reference).getFirst();
        try (Executor.Session first = executor.open(reference, List.of(output), options);
                Executor.Session second = executor.open(model, List.of(output), options)) {
            int longest = prompts.stream()
                    .mapToInt(prompt -> prompt.ids().length)
                    .max()
                    .orElse(0);
            int tokens = asked.orElse(TOKENS);
            if (inputs.fixedLength() > 0) {
                tokens = (int) Math.min(tokens, inputs.fixedLength() - longest);
            }
            List<List<Prompt>> groups = groups(prompts, inputs, longest + tokens);
            Probe probe = new Probe(first, inputs, output);
            double seconds = tokens < 1 ? Double.NaN : probe.seconds(groups.getFirst(), longest + tokens);
            if (Double.isNaN(seconds)) {
                tokens = Math.min(tokens, data.tokens(data.largest()).orElse(0) - longest);
                seconds = tokens < 1 ? Double.NaN : probe.seconds(groups.getFirst(), longest + tokens);
            }
            if (Double.isNaN(seconds)) {
                none("the model takes no more tokens than the prompts have");
                return Optional.empty();
            }
            double estimate = seconds * groups.size() * tokens * 2;
            if (asked.isEmpty() && estimate > SECONDS) {
                none("it would take about %.0f s, as each token is a run over all before it".formatted(estimate));
                return Optional.empty();
            }
            if (tokens < asked.orElse(TOKENS)) {
                findings.accept(Findings.note(
                        "M107",
                        "after each prompt %d tokens were written, not %d: the model takes no more"
                                .formatted(tokens, asked.orElse(TOKENS)),
                        "nothing, or --generate " + tokens));
            }
            return Optional.of(written(groups, first, second, inputs, output, tokens));
        }
    }

    private void none(String reason) {
        findings.accept(Findings.note(
                "M107", "no text was generated: " + reason, "--generate N writes N tokens after each prompt, 0 none"));
    }

    /// The different beginnings of the first samples.
    private List<Prompt> prompts() {
        Map<List<Long>, Prompt> prompts = new LinkedHashMap<>();
        for (long i = 0; i < data.size() && prompts.size() < PROMPTS; i++) {
            long[] all = data.tokenIds(i).orElse(new long[0]);
            int count = Math.min(PROMPT_TOKENS, all.length / 2);
            if (count > 0) {
                long[] ids = Arrays.copyOf(all, count);
                prompts.putIfAbsent(LongStream.of(ids).boxed().toList(), new Prompt(data.name(i), ids));
            }
        }
        return List.copyOf(prompts.values());
    }

    /// Prompts of one length that run at once: so none is filled up.
    private List<List<Prompt>> groups(List<Prompt> prompts, TokenInputs inputs, int length) {
        int most = inputs.fixedBatch() > 0
                ? (int) inputs.fixedBatch()
                : (int) Math.clamp((long) batch * data.tokens(data.largest()).orElse(1) / length, 1, batch);
        List<List<Prompt>> groups = new ArrayList<>();
        Map<Integer, List<Prompt>> byLength = prompts.stream()
                .collect(Collectors.groupingBy(prompt -> prompt.ids().length, LinkedHashMap::new, Collectors.toList()));
        for (List<Prompt> same : byLength.values()) {
            for (int i = 0; i < same.size(); i += most) {
                groups.add(same.subList(i, Math.min(same.size(), i + most)));
            }
        }
        return groups;
    }

    private GeneratedText written(
            List<List<Prompt>> groups,
            Executor.Session first,
            Executor.Session second,
            TokenInputs inputs,
            String output,
            int tokens) {
        List<GeneratedText.Sample> samples = new ArrayList<>();
        long equal = 0;
        int identical = 0;
        boolean decoded = false;
        try (Progress.Stage stage = progress.begin("generating text", 2L * groups.size() * tokens)) {
            for (List<Prompt> group : groups) {
                List<long[]> before = new Greedy(first, inputs, output).write(group, tokens, stage);
                List<long[]> after = new Greedy(second, inputs, output).write(group, tokens, stage);
                for (int i = 0; i < group.size(); i++) {
                    long[] exact = before.get(i);
                    long[] seen = after.get(i);
                    int same = 0;
                    for (int t = 0; t < tokens; t++) {
                        same += exact[t] == seen[t] ? 1 : 0;
                    }
                    equal += same;
                    int difference = Arrays.mismatch(exact, seen);
                    identical += difference < 0 ? 1 : 0;
                    decoded = data.textOf(exact).isPresent();
                    samples.add(new GeneratedText.Sample(
                            group.get(i).name(),
                            shown(group.get(i).ids()),
                            shown(exact),
                            shown(seen),
                            (double) same / tokens,
                            difference < 0 ? null : difference));
                }
            }
        }
        double share = (double) equal / ((long) samples.size() * tokens);
        return new GeneratedText(samples.size(), tokens, share, identical, decoded, samples);
    }

    private String shown(long[] ids) {
        return data.textOf(ids)
                .orElseGet(() -> LongStream.of(ids).mapToObj(Long::toString).collect(Collectors.joining(" ")));
    }

    /// How long a run takes.
    private record Probe(Executor.Session session, TokenInputs inputs, String output) {
        /// Of `group` at `length` tokens; NaN where the model does not take as many.
        double seconds(List<Prompt> group, int length) {
            List<long[]> rows = group.stream()
                    .map(prompt -> {
                        long[] row = new long[length];
                        for (int i = 0; i < length; i++) {
                            row[i] = prompt.ids()[i % prompt.ids().length];
                        }
                        return row;
                    })
                    .toList();
            long start = System.nanoTime();
            try {
                new Greedy(session, inputs, output).next(rows);
            } catch (NibbleException e) {
                return Double.NaN;
            }
            return (System.nanoTime() - start) / 1e9;
        }
    }

    /// One model that goes on with texts.
    private record Greedy(Executor.Session session, TokenInputs inputs, String output) {
        /// The `tokens` that follow each prompt.
        List<long[]> write(List<Prompt> group, int tokens, Progress.Stage stage) {
            List<long[]> rows = group.stream().map(Prompt::ids).toList();
            int start = rows.getFirst().length;
            for (int t = 0; t < tokens; t++) {
                long[] next = next(rows);
                List<long[]> longer = new ArrayList<>();
                for (int i = 0; i < rows.size(); i++) {
                    long[] row = Arrays.copyOf(rows.get(i), start + t + 1);
                    row[start + t] = next[i];
                    longer.add(row);
                }
                rows = longer;
                stage.advance();
            }
            return rows.stream()
                    .map(row -> Arrays.copyOfRange(row, start, row.length))
                    .toList();
        }

        /// The likeliest token after each of `rows`, which are equally long; of equal scores the first.
        long[] next(List<long[]> rows) {
            int length = rows.getFirst().length;
            List<long[]> filled = new ArrayList<>(rows);
            while (filled.size() < inputs.fixedBatch()) {
                filled.add(rows.getLast());
            }
            int shape = inputs.fixedLength() > 0 ? (int) inputs.fixedLength() : length;
            @Nullable Tensor scores = session.run(inputs.batch(filled, shape)).get(output);
            if (scores == null
                    || scores.type() != DataType.FLOAT
                    || scores.shape().rank() != 3
                    || scores.shape().dim(1) != shape) {
                throw new NibbleException(
                        "output '%s' is no scores of the next token".formatted(output),
                        "leave text out with --generate 0");
            }
            float[] row = new float[(int) scores.shape().dim(2)];
            long[] next = new long[rows.size()];
            for (int i = 0; i < next.length; i++) {
                long at = ((long) i * shape + length - 1) * row.length;
                MemorySegment.copy(scores.data(), Tensor.FLOAT_LE, at * Float.BYTES, row, 0, row.length);
                int best = 0;
                for (int id = 1; id < row.length; id++) {
                    best = row[id] > row[best] ? id : best;
                }
                next[i] = best;
            }
            return next;
        }
    }
}
