package dev.nibble.npu.work;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.npu.Nets;
import dev.nibble.npu.Shared;
import dev.nibble.npu.fuse.FuseLayers;
import dev.nibble.npu.fuse.FusionRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CountWorkTest {
    /// Published figures have three digits, and some count the few products outside convolutions and matrices.
    private static final double PUBLISHED = 0.02;

    private static List<Work> fused(Path file) {
        Flow flow = ReadFlow.of(
                ModelReader.read(file, ModelReader.Weights.MAY_BE_MISSING).graph());
        return CountWork.of(FuseLayers.apply(flow, FusionRule.all()).flow());
    }

    /// Multiply-accumulates as torchvision publishes them for its models (there called GFLOPS), at 224².
    @ParameterizedTest
    @CsvSource({
        "topologies/mobilenet_v2, 0.301",
        "topologies/resnet18, 1.814",
        "topologies/resnet50, 4.089",
        "topologies/resnet101, 7.801",
        "topologies/resnext50, 4.230",
        "topologies/resnext101, 16.414",
        "topologies/densenet121, 2.834",
        "topologies/squeezenet1_1, 0.349",
        "topologies/mobilenet_v3_large, 0.217",
        "topologies/efficientnet_b0, 0.386",
        "topologies/convnext_tiny, 4.456",
        "topologies/mnasnet05, 0.104",
        "holdout/googlenet, 1.498",
        "holdout/mobilenet_v3_small, 0.057",
        "holdout/regnet_y_800mf, 0.834",
    })
    void macsAreThosePublished(String name, double gigamacs) {
        double counted = fused(Shared.npu(name + ".onnx")).stream()
                        .mapToDouble(Work::macs)
                        .sum()
                / 1e9;
        assertEquals(gigamacs, counted, gigamacs * PUBLISHED);
    }

    @Test
    void everyOperatorOfTheDataSetHasARule() throws IOException {
        for (String folder : List.of("topologies", "holdout")) {
            try (Stream<Path> files = Files.list(Shared.npu(folder))) {
                for (Path file : files.filter(f -> f.toString().endsWith(".onnx"))
                        .sorted()
                        .toList()) {
                    TreeSet<String> without = new TreeSet<>();
                    fused(file).forEach(w -> without.addAll(w.withoutRule()));
                    assertTrue(without.isEmpty(), file + ": " + without);
                }
            }
        }
    }

    @Test
    void aConvolutionRoundsUpChannelsKernelAndRows() {
        Work work =
                only(new Nets().input("x", 1, 3, 12, 16).conv3("y", "x", 3, 40).output("y"));
        assertEquals(12 * 16 * 40 * 27, work.macs());
        // 12 rows are computed as 16, 40 channels as 64, 27 products as 32.
        assertEquals(16 * 16 * 64 * 32, work.paddedMacs());
        assertEquals(40 * 27, work.weights());
        assertEquals(12 * 16 * 3, work.entering());
        assertEquals(12 * 16 * 64, work.written());
        assertEquals(12 * 16 * 40, work.leaving());
    }

    @Test
    void aDepthwiseConvolutionIsVectorWork() {
        Work work = only(new Nets()
                .input("x", 1, 40, 8, 8)
                .weight("w", 40, 1, 3, 3)
                .node(
                        "y",
                        "Conv",
                        "x w",
                        Attribute.of("group", 40),
                        Attribute.ofInts("kernel_shape", 3, 3),
                        Attribute.ofInts("pads", 1, 1, 1, 1))
                .output("y"));
        assertEquals(8 * 8 * 40 * 9, work.macs());
        assertEquals(0, work.paddedMacs());
        assertEquals(8 * 8 * 64 * 9, work.vector(VectorKind.DEPTHWISE));
    }

    @Test
    void narrowGroupsShareTiles() {
        Work work = only(new Nets()
                .input("x", 1, 64, 8, 8)
                .weight("w", 64, 4, 1, 1)
                .node("y", "Conv", "x w", Attribute.of("group", 16), Attribute.ofInts("kernel_shape", 1, 1))
                .output("y"));
        assertEquals(8 * 8 * 64 * 4, work.macs());
        // Sixteen groups of four channels: eight beside each other in 32×32, two such tiles.
        assertEquals(8 * 8 * 2 * 32 * 32, work.paddedMacs());
    }

    @Test
    void aMatrixProductCountsRowsColumnsAndInner() {
        Work work = only(new Nets()
                .input("x", 1, 10, 48)
                .weight("w", 48, 20)
                .node("y", "MatMul", "x w")
                .output("y"));
        assertEquals(10 * 48 * 20, work.macs());
        assertEquals(10 * 64 * 32, work.paddedMacs());
    }

    @Test
    void aRecurrentCellMultipliesInputAndState() {
        // Five steps, batch 2, 12 inputs, hidden size 16: four gates.
        Work work = only(new Nets()
                .input("x", 5, 2, 12)
                .weight("w", 1, 64, 12)
                .weight("r", 1, 64, 16)
                .node("y", "LSTM", "x w r", Attribute.of("hidden_size", 16))
                .output("y"));
        assertEquals(5 * 2 * 64 * (12 + 16), work.macs());
        assertEquals(5 * 2 * 64, work.vector(VectorKind.FUNCTION));
    }

    @Test
    void concatenationOfWholeBlocksIsFreeUnlessSharedPartsAreRescaled() {
        Nets aligned = new Nets()
                .input("x", 1, 32, 8, 8)
                .conv3("a", "x", 32, 64)
                .conv3("b", "x", 32, 32)
                .node("y", "Concat", "a b", Attribute.of("axis", 1))
                .output("y");
        assertTrue(last(aligned).free());
        // The same part read elsewhere too cannot be made at the concatenation's scale.
        Nets shared = new Nets()
                .input("x", 1, 32, 8, 8)
                .conv3("a", "x", 32, 64)
                .conv3("b", "x", 32, 32)
                .node("r", "Sigmoid", "a")
                .node("y", "Concat", "a b", Attribute.of("axis", 1))
                .output("y", "r");
        assertEquals(8 * 8 * 64, last(shared).requantized());
        assertEquals(0, last(shared).vector(VectorKind.MOVEMENT));
        Nets ragged = new Nets()
                .input("x", 1, 32, 8, 8)
                .conv3("a", "x", 32, 24)
                .conv3("b", "x", 32, 32)
                .node("y", "Concat", "a b", Attribute.of("axis", 1))
                .output("y");
        assertEquals(8 * 8 * 64, last(ragged).vector(VectorKind.MOVEMENT));
    }

    @Test
    void aDilatedConvolutionMovesItsPictures() {
        Work work = only(new Nets()
                .input("x", 1, 32, 16, 16)
                .weight("w", 32, 32, 3, 3)
                .node(
                        "y",
                        "Conv",
                        "x w",
                        Attribute.ofInts("kernel_shape", 3, 3),
                        Attribute.ofInts("dilations", 2, 2),
                        Attribute.ofInts("pads", 2, 2, 2, 2))
                .output("y"));
        assertEquals(2 * 16 * 16 * 32, work.vector(VectorKind.MOVEMENT));
    }

    @Test
    void normalizationOfAPictureIsCountedByPixels() {
        List<Work> works = CountWork.of(new Nets()
                .input("x", 1, 3, 10, 10)
                .weight("mean", 1, 3, 1, 1)
                .weight("std", 1, 3, 1, 1)
                .node("d", "Sub", "x mean")
                .node("y", "Div", "d std")
                .output("y")
                .flow());
        assertEquals(100, works.stream().mapToDouble(Work::normalizedPixels).sum());
    }

    @Test
    void inputsFromTheLayerBeforeAndFromFurtherBackAreToldApart() {
        List<Work> works = CountWork.of(new Nets()
                .input("x", 1, 32, 8, 8)
                .conv3("a", "x", 32, 32)
                .conv3("b", "a", 32, 32)
                .node("y", "Add", "b a")
                .output("y")
                .flow());
        assertEquals(8 * 8 * 32, works.get(2).adjacent());
        assertEquals(8 * 8 * 32, works.get(2).skipped());
    }

    @Test
    void constantChainsAndReshapesCostNothing() {
        Flow flow = new Nets()
                .input("x", 1, 8, 32)
                .node("s", "Shape", "x")
                .node("r", "Reshape", "x s")
                .node("y", "Relu", "r")
                .output("y")
                .flow();
        List<Work> works = CountWork.of(flow);
        assertEquals(
                List.of("Reshape", "Relu"),
                flow.layers().stream().map(Layer::type).toList());
        assertTrue(works.get(0).free());
        assertEquals(8 * 32, works.get(1).vector(VectorKind.ELEMENTWISE));
    }

    private static Work only(Nets net) {
        List<Work> works = CountWork.of(net.flow());
        assertEquals(1, works.size());
        return works.getFirst();
    }

    private static Work last(Nets net) {
        return CountWork.of(net.flow()).getLast();
    }
}
