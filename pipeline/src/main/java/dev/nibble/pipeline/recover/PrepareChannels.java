package dev.nibble.pipeline.recover;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.weight.AbsorbHighBias;
import dev.nibble.quant.weight.ChannelActivity;
import dev.nibble.quant.weight.EqualizeCrossLayer;
import dev.nibble.quant.weight.RotateKeys;
import dev.nibble.quant.weight.Scope;
import dev.nibble.quant.weight.ZeroConstantChannels;
import dev.nibble.report.PassRecord;
import dev.nibble.report.Skipped;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// The steps of a recipe that change the float model's channels before anything is quantized, without changing what it
/// computes: constant channels moved into biases, ranges balanced across layers.
public final class PrepareChannels {
    /// Samples that are looked at; each channel of an image has hundreds of positions.
    private static final long SAMPLES = 128;

    private static final int BATCH = 4;

    /// Those on which keys are looked at: every sample has keys of many tokens, and what is sought is where they lie, not
    /// how far the rarest reaches.
    private static final long KEY_SAMPLES = 16;

    /// One sample in so many is kept out, to check on it what was found on the others.
    private static final int HELD_OUT = 4;

    /// Outputs that are as near as this differ by the rounding of floats in another order, no more.
    private static final double EQUAL_DB = 70;

    private PrepareChannels() {}

    /// @param passes what each step did, and what it left alone
    public record Result(Model model, List<PassRecord> passes) {}

    /// Runs the steps of `recipe` that are meant here, or takes over what `run` keeps of them.
    ///
    /// @param overrides channels of tensors whose encodings are given are left alone
    /// @param trial measures choices; without it caps that are left to measurement are kept
    public static Result of(
            Model model,
            Recipe recipe,
            Overrides overrides,
            DataSet data,
            Executor executor,
            int threads,
            RunDirectory run,
            Optional<CapsTrial> trial,
            Progress progress) {
        List<Recipe.Step> steps = recipe.steps().stream()
                .filter(step -> step.algorithm().preparesChannels())
                .toList();
        if (steps.isEmpty()) {
            return new Result(model, List.of());
        }
        List<Object> follows = new ArrayList<>(run.keeps() ? StageContents.parts(model) : List.of());
        follows.add(steps);
        Set<String> frozen = new TreeSet<>(overrides.tensors().keySet());
        frozen.removeIf(name -> !overrides.freezes(name));
        follows.add(frozen);
        recipe.step(Algorithm.EQUALIZE)
                .filter(step -> step.word(Algorithm.Choice.CAPS).equals("auto"))
                .flatMap(step -> trial)
                .ifPresent(measured -> follows.add(measured.follows()));
        RunDirectory.Key key = run.key("channels", follows.toArray());
        return run.read(key, "channels", in -> read(model, in)).orElseGet(() -> {
            Result made = of(model, recipe, frozen, data, executor, threads, trial, progress);
            run.write(key, out -> write(model, made, out));
            return made;
        });
    }

    private static void write(Model before, Result result, DataOutputStream out) throws IOException {
        StageContents.write(result.passes(), out);
        ChangedGraph.write(before.graph(), result.model().graph(), out);
    }

    private static Result read(Model before, DataInputStream in) throws IOException {
        List<PassRecord> passes = StageContents.passes(in);
        Graph graph = ChangedGraph.read(before.graph(), in);
        return new Result(graph.equals(before.graph()) ? before : before.withGraph(graph), passes);
    }

    private static Result of(
            Model model,
            Recipe recipe,
            Set<String> frozen,
            DataSet data,
            Executor executor,
            int threads,
            Optional<CapsTrial> trial,
            Progress progress) {
        List<PassRecord> passes = new ArrayList<>();
        Model changed = model;
        Recipe.Step zero = recipe.step(Algorithm.ZERO_CONSTANT_CHANNELS).orElse(null);
        if (zero != null) {
            Map<String, ChannelActivity> found = new LinkedHashMap<>();
            Map<String, ChannelActivity> heldOut = new LinkedHashMap<>();
            observe(changed, data, executor, threads, progress, found, heldOut);
            ZeroConstantChannels.Result result =
                    ZeroConstantChannels.apply(changed, zero.scope(), found, heldOut, frozen);
            changed = result.model();
            passes.add(record(Algorithm.ZERO_CONSTANT_CHANNELS, result.changes(), result.skipped()));
        }
        Recipe.Step equalize = recipe.step(Algorithm.EQUALIZE).orElse(null);
        if (equalize != null) {
            Map<String, ChannelActivity> activity = new LinkedHashMap<>();
            observe(changed, data, executor, threads, progress, activity, activity);
            EqualizeCrossLayer.Result result = ChooseCaps.apply(changed, equalize, activity, frozen, trial);
            changed = result.model();
            passes.add(record(Algorithm.EQUALIZE, result.changes(), result.skipped()));
        }
        Recipe.Step absorb = recipe.step(Algorithm.ABSORB).orElse(null);
        if (absorb != null) {
            Map<String, ChannelActivity> activity = new LinkedHashMap<>();
            observe(changed, data, executor, threads, progress, activity, activity);
            AbsorbHighBias.Result result = AbsorbHighBias.apply(changed, absorb.scope(), activity, frozen);
            changed = result.model();
            passes.add(record(Algorithm.ABSORB, result.changes(), result.skipped()));
        }
        if (recipe.has(Algorithm.ROTATE_KEYS)) {
            changed = rotated(changed, recipe, frozen, data, executor, threads, passes, progress);
        }
        Recipe.Step smooth = recipe.step(Algorithm.SMOOTH).orElse(null);
        if (smooth != null) {
            Map<String, ChannelActivity> activity = new LinkedHashMap<>();
            observe(changed, data, executor, threads, progress, activity, activity);
            var rule = new EqualizeCrossLayer.Rule.Activations(smooth.value(Algorithm.Setting.ALPHA));
            EqualizeCrossLayer.Result result =
                    EqualizeCrossLayer.apply(changed, rule, smooth.scope(), activity, frozen);
            changed = result.model();
            passes.add(record(Algorithm.SMOOTH, result.changes(), result.skipped()));
        }
        return new Result(changed, passes);
    }

    private static Model rotated(
            Model model,
            Recipe recipe,
            Set<String> frozen,
            DataSet data,
            Executor executor,
            int threads,
            List<PassRecord> passes,
            Progress progress) {
        Map<String, ChannelActivity> keys = RotateKeys.observed(model);
        if (keys.isEmpty() && recipe.isStandard()) {
            return model; // nobody asked for it
        }
        Map<String, ChannelActivity> seen = new LinkedHashMap<>();
        observe(keys, model, data, KEY_SAMPLES, executor, threads, progress, seen, seen);
        Scope scope = recipe.step(Algorithm.ROTATE_KEYS).orElseThrow().scope();
        RotateKeys.Result result = RotateKeys.apply(model, scope, seen, frozen);
        double equal = equalDb(model, result.model(), data.sample(0), executor, threads);
        if (equal >= EQUAL_DB) {
            passes.add(record(Algorithm.ROTATE_KEYS, result.changes(), result.skipped()));
            return result.model();
        }
        String reason =
                "turned keys change its outputs (%.0f dB): heads lie in another order, or the halves of a head are"
                        + " turned differently";
        passes.add(
                record(Algorithm.ROTATE_KEYS, List.of(), Map.of("model", String.format(Locale.ROOT, reason, equal))));
        return model;
    }

    /// The least SQNR of the outputs of `after` against those of `before`, in decibels.
    private static double equalDb(
            Model before, Model after, Map<String, Tensor> inputs, Executor executor, int threads) {
        if (after == before) {
            return Double.POSITIVE_INFINITY;
        }
        Executor.Options options = new Executor.Options(threads, Executor.Optimization.DEFAULT);
        List<String> outputs =
                before.graph().outputs().stream().map(ValueInfo::name).toList();
        try (Executor.Session one = executor.open(before, outputs, options);
                Executor.Session other = executor.open(after, outputs, options)) {
            Map<String, Tensor> expected = one.run(inputs);
            Map<String, Tensor> seen = other.run(inputs);
            return expected.entrySet().stream()
                    .filter(output -> output.getValue().type() == DataType.FLOAT)
                    .mapToDouble(output -> SignalToNoise.of(
                                    output.getValue(), Objects.requireNonNull(seen.get(output.getKey())))
                            .decibels())
                    .min()
                    .orElse(Double.POSITIVE_INFINITY);
        }
    }

    private static PassRecord record(Algorithm algorithm, List<String> changes, Map<String, String> skipped) {
        return new PassRecord(
                algorithm.id(),
                changes,
                skipped.entrySet().stream()
                        .map(left -> new Skipped(left.getKey(), null, left.getValue()))
                        .toList());
    }

    /// The last quarter of the samples goes to `heldOut`, not every fourth one: neighbours are often alike.
    private static void observe(
            Model model,
            DataSet data,
            Executor executor,
            int threads,
            Progress progress,
            Map<String, ChannelActivity> found,
            Map<String, ChannelActivity> heldOut) {
        observe(EqualizeCrossLayer.observed(model), model, data, SAMPLES, executor, threads, progress, found, heldOut);
    }

    private static void observe(
            Map<String, ChannelActivity> watched,
            Model model,
            DataSet data,
            long most,
            Executor executor,
            int threads,
            Progress progress,
            Map<String, ChannelActivity> found,
            Map<String, ChannelActivity> heldOut) {
        if (watched.isEmpty()) {
            return;
        }
        long samples = Math.min(most, data.size());
        Executor.Options options = new Executor.Options(threads, Executor.Optimization.DEFAULT);
        try (Progress.Stage stage = progress.begin("watching channels", samples);
                Batches batches = data.batches((int) Math.clamp(samples / HELD_OUT, 1, BATCH));
                Executor.Session session = executor.open(model, List.copyOf(watched.keySet()), options)) {
            long seen = 0;
            while (seen < samples && batches.hasNext()) {
                Batch batch = batches.next();
                Map<String, ChannelActivity> into = seen < samples - samples / HELD_OUT ? found : heldOut;
                Map<String, Tensor> values = session.run(batch.inputs());
                watched.forEach((value, empty) -> {
                    Tensor tensor = values.get(value);
                    if (tensor != null
                            && tensor.type() == DataType.FLOAT
                            && tensor.shape().rank() >= 2) {
                        int rows = (int) Math.min(batch.size(), tensor.shape().dim(0));
                        into.computeIfAbsent(value, v -> empty.fresh()).add(tensor, rows);
                    }
                });
                seen += batch.size();
                stage.advance(batch.size());
            }
        }
    }
}
