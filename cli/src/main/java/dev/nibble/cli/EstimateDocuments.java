package dev.nibble.cli;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.FusionGain;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.fit.Calibrate;
import dev.nibble.npu.fit.Errors;
import dev.nibble.npu.memory.MemoryTimeline;
import dev.nibble.report.Badge;
import dev.nibble.report.Document;
import dev.nibble.report.EstimateDocument;
import dev.nibble.report.Finding;
import dev.nibble.report.FitDocument;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// What `npu` finds, as the documents that are printed.
final class EstimateDocuments {
    private EstimateDocuments() {}

    static EstimateDocument of(List<Estimate> estimates) {
        return new EstimateDocument(
                Document.SCHEMA_VERSION,
                Version.current().nibble(),
                estimates.stream().map(EstimateDocuments::entry).toList());
    }

    private static EstimateDocument.Entry entry(Estimate e) {
        Map<String, Integer> bottlenecks = new LinkedHashMap<>();
        e.bottlenecks().forEach((what, layers) -> bottlenecks.put(word(what), layers));
        return new EstimateDocument.Entry(
                e.path(),
                e.target(),
                Badge.ESTIMATED,
                e.precision(),
                e.runtime(),
                e.model(),
                e.totalMicros(),
                e.lowMicros(),
                e.highMicros(),
                e.basis(),
                e.runMicros(),
                e.gops(),
                e.megabytes(),
                e.ridgeOperationsPerByte(),
                bottlenecks,
                e.layers().stream().map(EstimateDocuments::layer).toList(),
                e.fusions().stream().map(EstimateDocuments::fusion).toList(),
                e.nearMisses().stream()
                        .map(m -> new EstimateDocument.NearMiss(m.rule(), m.node(), m.reason()))
                        .toList(),
                memory(e.memory()),
                e.findings().stream().map(EstimateDocuments::finding).toList(),
                e.said());
    }

    static String word(Bottleneck bottleneck) {
        return bottleneck.name().toLowerCase(Locale.ROOT);
    }

    private static EstimateDocument.Layer layer(LayerEstimate l) {
        return new EstimateDocument.Layer(
                l.name(),
                l.op(),
                l.fusedInto(),
                l.precision(),
                l.macs(),
                l.bytes(),
                l.intensity(),
                l.micros(),
                l.share(),
                word(l.bottleneck()),
                l.utilization(),
                l.tile() == null
                        ? null
                        : new EstimateDocument.Tile(
                                l.tile().height(),
                                l.tile().width(),
                                l.tile().channels(),
                                l.tile().tiles(),
                                l.tile().tileBytes(),
                                l.tile().fits()),
                l.spilledBytes());
    }

    private static EstimateDocument.Fusion fusion(FusionGain f) {
        return new EstimateDocument.Fusion(
                f.rule(),
                f.layer(),
                f.nodes(),
                f.beforeMicros(),
                f.afterMicros(),
                f.savedTrafficBytes(),
                f.savedSpillBytes());
    }

    private static EstimateDocument.Memory memory(MemoryTimeline memory) {
        return new EstimateDocument.Memory(
                memory.liveBytes(), memory.peakBytes(), memory.peakLayer(), memory.peakTensors());
    }

    private static Finding finding(Estimate.Finding f) {
        return new Finding(
                f.code(),
                f.severity().equals("warning") ? Finding.Severity.WARNING : Finding.Severity.NOTE,
                f.text(),
                f.fix());
    }

    static FitDocument of(Calibrate.Result result, List<String> files) {
        return new FitDocument(
                Document.SCHEMA_VERSION,
                Version.current().nibble(),
                result.rows(),
                result.sha256(),
                result.skipped(),
                result.cross().stream().map(EstimateDocuments::errors).toList(),
                result.warnings(),
                files);
    }

    private static FitDocument.Errors errors(Errors e) {
        return new FitDocument.Errors(
                e.label(),
                e.rows(),
                e.meanPercent(),
                e.medianPercent(),
                e.spearman(),
                groups(e.byPrecision()),
                groups(e.byFamily()),
                groups(e.byDevice()),
                e.worst().stream()
                        .map(w -> new FitDocument.Row(
                                w.topology(), w.precision(), w.device(), w.predictedMicros(), w.measuredMicros()))
                        .toList());
    }

    private static Map<String, FitDocument.Group> groups(SortedMap<String, Errors.Group> groups) {
        Map<String, FitDocument.Group> all = new TreeMap<>();
        groups.forEach((name, g) -> all.put(name, new FitDocument.Group(g.rows(), g.percent())));
        return all;
    }
}
