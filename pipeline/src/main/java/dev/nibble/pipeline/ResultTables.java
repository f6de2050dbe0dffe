package dev.nibble.pipeline;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Sweep;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.calibrate.Ranges;
import dev.nibble.pipeline.measure.LayerComparison;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.report.LayerError;
import dev.nibble.report.RangeChoice;
import dev.nibble.report.TensorHistogram;
import dev.nibble.report.TensorRow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The tables of a result: every quantized tensor, every layer's error, the worst tensors' histograms.
final class ResultTables {
    /// Bins of a histogram that is drawn.
    private static final int BINS = 200;

    private static final int WORST = 10;

    private final QuantizedModel quantized;
    private final Graph graph;
    private final Map<String, Double> weightDecibels = new HashMap<>();

    ResultTables(QuantizedModel quantized) {
        this.quantized = quantized;
        this.graph = quantized.plan().model().graph();
    }

    /// Inputs and activations in graph order, then weights, then biases.
    List<TensorRow> tensors() {
        List<TensorRow> rows = new ArrayList<>();
        for (ActivationQuantizer quantizer : quantized.plan().activations()) {
            quantized
                    .quantization()
                    .activation(quantizer.name())
                    .ifPresent(encoding -> rows.add(activation(quantizer, encoding)));
        }
        LinearQuantization linear = new LinearQuantization();
        quantized.quantization().weights().forEach((name, codes) -> {
            Tensor exact = graph.initializer(name).orElseThrow().tensor();
            double decibels = noise(exact, codes, linear).decibels();
            weightDecibels.put(name, decibels);
            rows.add(constant(name, codes, TensorRow.Kind.WEIGHT, decibels));
        });
        quantized
                .quantization()
                .biases()
                .forEach((name, codes) -> rows.add(constant(name, codes, TensorRow.Kind.BIAS, null)));
        return rows;
    }

    /// What rounding did to a weight, piece by piece: it may be larger than memory.
    private static SignalToNoise noise(Tensor exact, QuantizedTensor codes, LinearQuantization linear) {
        Tensor floats = floats(exact);
        SignalToNoise noise = SignalToNoise.NONE;
        try (Arena arena = Arena.ofConfined();
                Sweep sweep = new Sweep(floats.data())) {
            MemorySegment rounded = arena.allocate(
                    Math.max(1, Math.min(Sweep.PIECE, floats.data().byteSize())), 64);
            long size = floats.data().byteSize();
            for (long from = 0; from < size; from += Sweep.PIECE) {
                long bytes = Math.min(Sweep.PIECE, size - from);
                linear.dequantize(codes, from / 4, rounded.asSlice(0, bytes));
                SignalToNoise here =
                        SignalToNoise.of(part(floats.data().asSlice(from, bytes)), part(rounded.asSlice(0, bytes)));
                noise = noise.plus(here);
                sweep.passed(from);
            }
        }
        return noise;
    }

    private static Tensor part(MemorySegment floats) {
        return new Tensor(DataType.FLOAT, Shape.of(floats.byteSize() / 4), floats);
    }

    private static Tensor floats(Tensor tensor) {
        return tensor.type() == DataType.FLOAT ? tensor : Tensor.of(tensor.shape(), tensor.toFloats());
    }

    private TensorRow activation(ActivationQuantizer quantizer, Encoding encoding) {
        Ranges.Choice choice = quantized.choices().get(quantizer.source());
        boolean fixed = quantizer.fixed().isPresent();
        TensorRow.Kind kind = graph.isInput(quantizer.name())
                ? TensorRow.Kind.INPUT
                : graph.isOutput(quantizer.name()) ? TensorRow.Kind.OUTPUT : TensorRow.Kind.ACTIVATION;
        return new TensorRow(
                quantizer.name(),
                kind,
                encoding.grid().bits(),
                (double) encoding.scale(),
                (long) encoding.zeroPoint(),
                encoding.min(),
                encoding.max(),
                quantized.plan().isFrozen(quantizer.source())
                        ? "override"
                        : fixed ? "fixed" : choice == null ? "derived" : choice.calibrator(),
                choice == null || !quantizer.isSource()
                        ? null
                        : choice.range().error().sqnrDb(),
                quantizer.producer(),
                encoding.grid().dataType().onnxName(),
                "tensor",
                1);
    }

    private TensorRow constant(String name, QuantizedTensor codes, TensorRow.Kind kind, @Nullable Double decibels) {
        String op = graph.consumers(name).stream().map(Node::opType).findFirst().orElse(null);
        return switch (codes.encoding()) {
            case TensorEncoding.Float16 half ->
                new TensorRow(name, kind, 16, null, null, null, null, null, decibels, op, "float16", "tensor", 0);
            case TensorEncoding.Affine affine -> {
                Encoding widest = affine.at(0);
                for (int i = 1; i < affine.groups(); i++) {
                    widest = affine.scale(i) > widest.scale() ? affine.at(i) : widest;
                }
                yield new TensorRow(
                        name,
                        kind,
                        affine.bits(),
                        (double) widest.scale(),
                        (long) widest.zeroPoint(),
                        widest.min(),
                        widest.max(),
                        quantized.plan().isFrozen(name)
                                ? "override"
                                : kind == TensorRow.Kind.BIAS ? "derived" : quantized.parameters(),
                        decibels,
                        op,
                        affine.dataType().onnxName(),
                        granularity(affine.granularity()),
                        affine.groups());
            }
        };
    }

    private static String granularity(Granularity granularity) {
        return switch (granularity) {
            case Granularity.PerTensor() -> "tensor";
            case Granularity.PerChannel(int axis) -> "channel(%d)".formatted(axis);
            case Granularity.PerBlock(int axis, int size) -> "block(%d, %d)".formatted(axis, size);
        };
    }

    /// The layers in the order in which they run; the worst ones with what to try. Call after [#tensors].
    List<LayerError> layers(List<LayerComparison.Row> rows) {
        List<LayerComparison.Row> worst = worst(rows);
        return rows.stream()
                .map(row -> new LayerError(
                        row.value(),
                        row.op(),
                        row.graphWise().decibels(),
                        row.layerWise().decibels(),
                        row.graphWise().cosine(),
                        worst.contains(row) ? advice(row) : null))
                .toList();
    }

    private static List<LayerComparison.Row> worst(List<LayerComparison.Row> rows) {
        return rows.stream()
                .filter(row -> !Double.isNaN(row.layerWise().decibels()))
                .sorted(Comparator.comparingDouble(row -> row.layerWise().decibels()))
                .limit(WORST)
                .toList();
    }

    /// Which part of a layer is the coarser one, and what makes it finer.
    private String advice(LayerComparison.Row row) {
        Node node = graph.producer(row.value()).orElse(null);
        Node linear = node;
        while (linear != null && weightOf(linear) == null && linear.inputs().size() >= 1) {
            Node before = graph.producer(linear.input(0)).orElse(null);
            boolean follows = before != null
                    && graph.consumers(linear.input(0)).size() == 1
                    && linear.isAny("Relu", "Clip", "LeakyRelu", "PRelu", "HardSwish");
            linear = follows ? before : null;
        }
        String weight = linear == null ? null : weightOf(linear);
        Double weightDb = weight == null ? null : weightDecibels.get(weight);
        Ranges.Choice output = quantized.choices().get(row.value());
        double outputDb = output == null
                ? Double.POSITIVE_INFINITY
                : output.range().error().sqnrDb();
        if (weight != null && weightDb != null && weightDb < outputDb) {
            boolean perTensor = quantized
                    .quantization()
                    .constant(weight)
                    .map(codes -> codes.encoding().granularity() instanceof Granularity.PerTensor)
                    .orElse(false);
            return String.format(
                    Locale.ROOT,
                    "its weight '%s' is the coarser part (%.1f dB): %s",
                    weight,
                    weightDb,
                    perTensor
                            ? "try --weight-granularity channel"
                            : "try more bits for it, or --param-calibration mse");
        }
        return output == null
                ? "its inputs are the coarser part: try --act-bitwidth 16"
                : String.format(
                        Locale.ROOT,
                        "its output range is the coarser part (%.1f dB): try --act-bitwidth 16, or another"
                                + " --act-calibration",
                        outputDb);
    }

    private @Nullable String weightOf(Node node) {
        return node.inputs().stream()
                .filter(quantized.quantization().weights()::containsKey)
                .findFirst()
                .orElse(null);
    }

    /// The histograms of the values whose layers are worst.
    List<TensorHistogram> histograms(List<LayerComparison.Row> rows) {
        List<TensorHistogram> histograms = new ArrayList<>();
        rows.stream()
                .filter(row -> quantized.choices().containsKey(row.value()))
                .filter(row -> !Double.isNaN(row.layerWise().decibels()))
                .sorted(Comparator.comparingDouble(row -> row.layerWise().decibels()))
                .limit(WORST)
                .forEach(row -> histograms.add(
                        histogram(row.value(), row.op(), quantized.choices().get(row.value()))));
        return histograms;
    }

    private static TensorHistogram histogram(String name, String op, Ranges.@Nullable Choice choice) {
        if (choice == null) {
            throw new IllegalStateException("nothing was chosen for " + name);
        }
        Histogram observed = choice.candidates().observed();
        double low = observed.min();
        double high = observed.max() > low ? observed.max() : low + 1;
        double[] counts = observed.linear(low, high, BINS);
        List<Double> edges = new ArrayList<>();
        List<Long> rounded = new ArrayList<>();
        for (int i = 0; i <= BINS; i++) {
            edges.add(low + (high - low) * i / BINS);
            if (i < BINS) {
                rounded.add(Math.round(counts[i]));
            }
        }
        List<RangeChoice> others = new ArrayList<>();
        choice.candidates().choices().forEach((search, candidate) -> {
            if (!search.equals(choice.calibrator())) {
                others.add(range(search, candidate));
            }
        });
        String note = observed.sampledFraction() < 1
                ? String.format(
                        Locale.ROOT,
                        "drawn from %.1f %% of the values, evenly sampled; extremes are of all",
                        100 * observed.sampledFraction())
                : null;
        return new TensorHistogram(name, op, edges, rounded, range(choice.calibrator(), choice.range()), others, note);
    }

    private static RangeChoice range(String search, dev.nibble.quant.range.RangeChoice choice) {
        return new RangeChoice(
                search,
                choice.encoding().min(),
                choice.encoding().max(),
                choice.error().sqnrDb());
    }
}
