package dev.nibble.quant.export;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.SmallModels;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.Legality;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What is exported is what the HTP takes, by the rules learned from its compiler.
class LegalQdqTest {
    @Test
    void everyOperatorHasTypesThatTheHtpAccepts() {
        Legality legality = Legality.htp();
        int checked = 0;
        for (Precision precision : List.of(
                Precision.of(8, WeightGranularity.CHANNEL, 8),
                Precision.of(8, WeightGranularity.TENSOR, 8),
                Precision.of(8, WeightGranularity.CHANNEL, 16),
                Precision.of(4, WeightGranularity.CHANNEL, 8),
                Precision.of(4, WeightGranularity.CHANNEL, 16),
                Precision.of(4, new WeightGranularity.PerBlock(4), 16))) {
            for (var entry : SmallModels.all(precision.requiredOpset()).entrySet()) {
                Graph graph = QdqExportTest.calibrated(entry.getValue(), precision)
                        .qdq(Boundary.FLOAT)
                        .graph();
                for (Node node : graph.nodes()) {
                    if (node.isAny("QuantizeLinear", "DequantizeLinear")) {
                        continue;
                    }
                    Legality.Query query = query(graph, node);
                    Legality.Verdict verdict = legality.check(HtpArch.V75, query);
                    checked++;
                    assertTrue(
                            verdict.accepted(),
                            "%s %s: %s: %s".formatted(precision, entry.getKey(), query, verdict.reason()));
                }
            }
        }
        assertTrue(checked > 100);
    }

    private static Legality.Query query(Graph graph, Node node) {
        String activation = type(codes(graph, node.input(0)));
        String weight = "-";
        String granularity = "-";
        if (node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul", "LayerNormalization")) {
            Node dequantize = graph.producer(node.input(1)).orElseThrow();
            if (graph.initializer(dequantize.input(0)).isPresent()) {
                weight = type(codes(graph, node.input(1)));
                long block = dequantize.intAttribute("block_size", 0);
                boolean scalar = graph.shape(dequantize.input(1)).orElseThrow().rank() == 0;
                granularity = block > 0 ? "block" + block : scalar ? "pt" : "pc";
            }
        }
        Set<String> traits = new HashSet<>();
        if (node.hasInput(2)) {
            traits.add("bias");
        }
        if (node.intAttribute("group", 1) == 4) {
            traits.add("depthwise");
        }
        // Every operator stands between quantizers: what it makes is read by one.
        assertTrue(
                graph.consumers(node.output(0)).stream().allMatch(n -> n.is("QuantizeLinear")),
                node + " makes a value that no QuantizeLinear reads");
        return new Legality.Query(node.opType(), activation + "/" + weight + "/" + granularity, traits);
    }

    private static DataType codes(Graph graph, String value) {
        Node dequantize = graph.producer(value).orElseThrow();
        assertTrue(dequantize.is("DequantizeLinear"), value + " is read from " + dequantize);
        return graph.type(dequantize.input(2)).orElseThrow();
    }

    private static String type(DataType type) {
        return (type.onnxName().startsWith("u") ? "u" : "s") + type.bits();
    }
}
