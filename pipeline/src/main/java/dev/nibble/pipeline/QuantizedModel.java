package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.pass.RaiseOpset;
import dev.nibble.pipeline.calibrate.Calibration;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.calibrate.InputMeans;
import dev.nibble.pipeline.calibrate.JoinedRanges;
import dev.nibble.pipeline.calibrate.MaskedScores;
import dev.nibble.pipeline.calibrate.OutputErrors;
import dev.nibble.pipeline.calibrate.RangeCosts;
import dev.nibble.pipeline.calibrate.Ranges;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.Algorithm;
import dev.nibble.pipeline.recover.CorrectNormalizations;
import dev.nibble.pipeline.recover.PrepareChannels;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.pipeline.recover.RecoverWeights;
import dev.nibble.pipeline.recover.StageContents;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.export.ExportResult;
import dev.nibble.quant.export.FloatTwin;
import dev.nibble.quant.export.QdqExport;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.Finding;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.quant.place.WeightQuantizer;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.quant.range.WeightRanges;
import dev.nibble.quant.weight.BatchNormStatistics;
import dev.nibble.quant.weight.CorrectBias;
import dev.nibble.quant.weight.RowRanges;
import dev.nibble.report.PassRecord;
import dev.nibble.target.PlacementRules;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A model with its quantization: where the quantizers are, what they do, and both files that follow from it.
///
/// @param exact the float model before any rounding, with the plan's value names: what errors are taken against
/// @param biases what bias correction did; null where it was not asked for
/// @param normalizations what it did to the shifts of normalizations; null where it was not asked for, or without samples
/// @param channelPasses what was done to the float model's channels before anything was quantized
/// @param channelRanges what that did to the weight whose rows differed most
/// @param recovered what deciding the weights did; null where it was not asked for
/// @param choices the range chosen for each encoding, by the value whose encoding it is
/// @param twin the float model that the encodings key on
/// @param export the QDQ model
/// @param masks of attention, and the ranges behind them
/// @param findings what a user should know
/// @param parameters what chose the ranges of weights: `min-max`
/// @param calibrateSeconds wall time of the pass over the samples, every calibrator ready
/// @param quantizeSeconds wall time of everything after it
public record QuantizedModel(
        PlacementPlan plan,
        Model exact,
        CorrectBias.@Nullable Result biases,
        CorrectNormalizations.@Nullable Result normalizations,
        List<PassRecord> channelPasses,
        Optional<RowRanges> channelRanges,
        RecoverWeights.@Nullable Result recovered,
        Map<String, Ranges.Choice> choices,
        Quantization quantization,
        Model twin,
        ExportResult export,
        List<MaskedScores.Found> masks,
        List<Finding> findings,
        String parameters,
        double calibrateSeconds,
        double quantizeSeconds) {
    /// Samples on which range candidates are compared at the consumers' outputs: enough to rank ranges that were
    /// found on all samples.
    private static final int COMPARED_SAMPLES = 16;

    /// Names that a message lists.
    private static final int SHOWN = 5;

    /// Plans the quantizers, calibrates, chooses ranges, quantizes the weights and writes the QDQ graph.
    ///
    /// @param model prepared: see [PreparedModel]
    /// @param parameters how the ranges of weights are chosen
    /// @param recipe what is done to get accuracy back
    /// @param memory what the tensors of calibration may take
    /// @param batch samples a run; 0 leaves the choice to the plan
    /// @param run keeps finished stages
    public static QuantizedModel of(
            Model model,
            PlacementRules rules,
            Precision precision,
            Calibrator calibrator,
            RangeSearch parameters,
            Recipe recipe,
            Boundary boundary,
            DataSet data,
            Executor executor,
            int threads,
            MemoryBudget memory,
            int batch,
            Doctor doctor,
            RunDirectory run,
            Progress progress) {
        recipe.requireScopes(model.graph());
        PrepareChannels.Result channels = PrepareChannels.of(
                model,
                recipe,
                precision.overrides(),
                data,
                executor,
                threads,
                run,
                Optional.of(new QuantizedTrial(
                        rules, precision, calibrator, parameters, data, executor, threads, memory, batch, progress)),
                progress);
        PlacementPlan plan = plan(channels.model(), rules, precision);
        Executor.Options options = new Executor.Options(threads, Executor.Optimization.DEFAULT);
        long start = System.nanoTime();
        Map<String, Observation> observed = plan.observed().isEmpty()
                ? Map.of()
                : observed(plan, data, executor, threads, memory, batch, doctor, run, progress);
        plan = MaskedScores.bound(plan, observed, precision.activationBits().orElse(16));
        observed = MaskedScores.asBounded(plan, observed);
        long calibrated = System.nanoTime();
        Ranges ranges = Ranges.search(plan, observed, calibrator.searches());
        Map<String, Ranges.Choice> choices = switch (calibrator) {
            case Calibrator.Single(var search) -> ranges.all(search.id());
            case Calibrator.Auto _ when ranges.candidates().isEmpty() -> Map.of();
            case Calibrator.Auto auto ->
                ranges.best(plan, costs(plan, ranges, data, executor, options, memory, progress));
        };
        observed.values().forEach(observation -> observation.histogram().dropSums());
        Map<String, Encoding> encodings = encodings(choices);
        Map<String, TensorEncoding.Affine> weights = weights(plan, parameters);
        QuantizeModel.Result result = QuantizeModel.apply(plan, encodings, weights, Map.of());
        Model exact = plan.model();
        CorrectBias.Result corrected = null;
        Map<String, QuantizedTensor> codes = Map.of();
        RecoverWeights.Result recovered = null;
        Recipe.Step correction = recipe.step(Algorithm.CORRECT_BIAS).orElse(null);
        if (recipe.decidesWeights()) {
            recovered = RecoverWeights.of(
                    plan, result.quantization(), recipe, data, executor, threads, memory.bytes(), run, progress);
            plan = recovered.plan();
            codes = recovered.codes();
            result = QuantizeModel.apply(plan, encodings, weights, codes);
        } else if (correction != null) {
            var read = CorrectBias.inputs(plan, correction.scope());
            corrected = CorrectBias.apply(
                    plan,
                    result.quantization(),
                    correction.scope(),
                    read.isEmpty() ? Map.of() : InputMeans.of(plan.model(), read, data, executor, options, progress));
            plan = corrected.plan();
            result = QuantizeModel.apply(plan, encodings, weights, Map.of());
        }
        CorrectNormalizations.Result normalizations = null;
        if (correction != null) {
            normalizations = CorrectNormalizations.of(
                    plan, result.quantization(), correction.scope(), data, executor, threads, memory.bytes(), progress);
            if (!normalizations.corrected().isEmpty()) {
                plan = normalizations.plan();
                result = QuantizeModel.apply(plan, encodings, weights, codes);
            }
        }
        long done = System.nanoTime();
        return finished(
                plan,
                exact,
                corrected,
                normalizations,
                channels.passes(),
                RowRanges.worst(model, channels.model()),
                recovered,
                choices,
                result,
                observed,
                boundary,
                parameters,
                (calibrated - start) / 1e9,
                (done - calibrated) / 1e9);
    }

    /// As [#of], where every range is given: no sample is looked at, and no bias corrected.
    ///
    /// @throws NibbleException where a range is not known; names the values
    public static QuantizedModel withoutData(
            Model model, PlacementRules rules, Precision precision, RangeSearch parameters, Boundary boundary) {
        return withoutData(model, rules, precision, parameters, boundary, Recipe.PLAIN, Map.of());
    }

    /// As [#of], where every range is given: no sample is looked at. Of the recipe's steps bias correction is taken,
    /// where batch norms say what a layer reads; the others need samples.
    ///
    /// @param statistics of values of `model`; see [BatchNormStatistics]
    /// @throws NibbleException where a range is not known; names the values
    public static QuantizedModel withoutData(
            Model model,
            PlacementRules rules,
            Precision precision,
            RangeSearch parameters,
            Boundary boundary,
            Recipe recipe,
            Map<String, BatchNormStatistics> statistics) {
        long start = System.nanoTime();
        PlacementPlan plan = plan(model, rules, precision);
        List<String> unknown = plan.observed();
        if (!unknown.isEmpty()) {
            throw new NibbleException(
                    "without samples the ranges of %d values are not known: %s%s"
                            .formatted(
                                    unknown.size(),
                                    String.join(", ", unknown.subList(0, Math.min(SHOWN, unknown.size()))),
                                    unknown.size() > SHOWN ? ", …" : ""),
                    "give --data, or --quantization-overrides with the encodings of all of them");
        }
        Map<String, TensorEncoding.Affine> weights = weights(plan, parameters);
        QuantizeModel.Result result = QuantizeModel.apply(plan, Map.of(), weights, Map.of());
        Model exact = plan.model();
        CorrectBias.Result corrected = null;
        Recipe.Step correction = recipe.step(Algorithm.CORRECT_BIAS).orElse(null);
        if (correction != null && !statistics.isEmpty()) {
            corrected = CorrectBias.analytic(plan, result.quantization(), correction.scope(), statistics);
            plan = corrected.plan();
            result = corrected.corrected().isEmpty() ? result : QuantizeModel.apply(plan, Map.of(), weights, Map.of());
        }
        return finished(
                plan,
                exact,
                corrected,
                null,
                List.of(),
                Optional.empty(),
                null,
                Map.of(),
                result,
                Map.of(),
                boundary,
                parameters,
                0,
                (System.nanoTime() - start) / 1e9);
    }

    private static QuantizedModel finished(
            PlacementPlan plan,
            Model exact,
            CorrectBias.@Nullable Result corrected,
            CorrectNormalizations.@Nullable Result normalizations,
            List<PassRecord> passes,
            Optional<RowRanges> channelRanges,
            RecoverWeights.@Nullable Result recovered,
            Map<String, Ranges.Choice> choices,
            QuantizeModel.Result result,
            Map<String, Observation> observed,
            Boundary boundary,
            RangeSearch parameters,
            double calibrateSeconds,
            double quantizeSeconds) {
        long start = System.nanoTime();
        ExportResult export = QdqExport.export(plan, result.quantization(), boundary);
        List<Finding> findings = new ArrayList<>(plan.notes());
        findings.addAll(result.findings());
        List<MaskedScores.Found> masks = MaskedScores.found(plan, observed, encodings(choices));
        findings.addAll(MaskedScores.findings(masks));
        findings.addAll(JoinedRanges.find(plan, observed, result.quantization().activations()));
        findings.addAll(export.findings());
        Model twin = FloatTwin.of(plan, result.quantization());
        return new QuantizedModel(
                plan,
                exact,
                corrected,
                normalizations,
                passes,
                channelRanges,
                recovered,
                choices,
                result.quantization(),
                twin,
                export,
                masks,
                findings,
                parameters.id(),
                calibrateSeconds,
                quantizeSeconds + (System.nanoTime() - start) / 1e9);
    }

    private static Map<String, Encoding> encodings(Map<String, Ranges.Choice> choices) {
        Map<String, Encoding> encodings = new LinkedHashMap<>();
        choices.forEach((source, choice) -> encodings.put(source, choice.range().encoding()));
        return encodings;
    }

    /// What calibration sees, or what `run` keeps of it.
    private static Map<String, Observation> observed(
            PlacementPlan plan,
            DataSet data,
            Executor executor,
            int threads,
            MemoryBudget memory,
            int batch,
            Doctor doctor,
            RunDirectory run,
            Progress progress) {
        Model model = MaskedScores.separable(plan.model());
        List<Object> follows = new ArrayList<>(run.keeps() ? StageContents.parts(model) : List.of());
        follows.add(plan.observed());
        follows.add(memory.bytes());
        RunDirectory.Key key = run.key("calibration", follows.toArray());
        Optional<StageContents.Observed> kept = run.read(key, "calibration", StageContents::observed);
        if (kept.isPresent()) {
            doctor.recall(kept.get().findings());
            return kept.get().values();
        }
        Map<String, Observation> observed =
                Calibration.observe(model, plan.observed(), data, executor, threads, memory, batch, doctor, progress);
        run.write(key, out -> StageContents.write(new StageContents.Observed(observed, doctor.findings()), out));
        return observed;
    }

    private static Map<String, TensorEncoding.Affine> weights(PlacementPlan plan, RangeSearch parameters) {
        Map<String, TensorEncoding.Affine> chosen = new LinkedHashMap<>();
        for (WeightQuantizer weight : plan.weights()) {
            Tensor values = plan.model()
                    .graph()
                    .initializer(weight.name())
                    .orElseThrow()
                    .tensor();
            if (!plan.isFrozen(weight.name())) {
                chosen.put(
                        weight.name(),
                        WeightRanges.choose(weight.name(), values, weight.scheme(), search(plan, weight, parameters)));
            }
        }
        return chosen;
    }

    /// A width that is forced on a single weight has the search that suits it, as `auto` has.
    private static RangeSearch search(PlacementPlan plan, WeightQuantizer weight, RangeSearch parameters) {
        boolean narrow = weight.scheme().bits() < 8;
        boolean forced = plan.forced(weight.name()).isPresent()
                && narrow != plan.precision().weightBits() < 8;
        return !forced ? parameters : narrow ? new RangeSearch.Mse() : new RangeSearch.MinMax();
    }

    /// The quantizers of `model`, its opset raised where the formats need that.
    ///
    /// @throws NibbleException as [Placement#plan]
    static PlacementPlan plan(Model model, PlacementRules rules, Precision precision) {
        PlacementPlan plan = Placement.plan(model, rules, precision);
        if (plan.model().opset() >= plan.requiredOpset()) {
            return plan;
        }
        Model raised = new RaiseOpset(plan.requiredOpset()).apply(model).model();
        return Placement.plan(raised, rules, precision);
    }

    private static Map<String, OutputErrors.Cost> costs(
            PlacementPlan plan,
            Ranges ranges,
            DataSet data,
            Executor executor,
            Executor.Options options,
            MemoryBudget memory,
            Progress progress) {
        Map<String, Map<String, Encoding>> candidates = ranges.encodings(plan);
        List<String> values = plan.activations().stream()
                .map(quantizer -> quantizer.name())
                .filter(name -> candidates.values().stream().anyMatch(c -> c.containsKey(name)))
                .toList();
        long samples = Math.min(COMPARED_SAMPLES, data.size());
        return new RangeCosts(
                        plan.model(),
                        candidates,
                        samples,
                        i -> data.sample(i * data.size() / samples),
                        data.sample(data.largest()),
                        executor,
                        options,
                        memory,
                        progress)
                .costs(values);
    }
}
