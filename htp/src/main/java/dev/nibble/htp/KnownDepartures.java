package dev.nibble.htp;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Operators that the compiler accepts and the emulator computes otherwise than ONNX says, or less exactly than their
/// width lets expect. Seen in one-operator models with onnxruntime-qnn 2.7.0, v75.
public final class KnownDepartures {
    /// How `Resize` nearest finds the sample that it takes.
    public record Nearest(String coordinates, String rounding) {}

    /// The combinations of `Resize` nearest that are computed as ONNX says.
    public static final List<Nearest> SOUND_NEAREST = List.of(
            new Nearest("asymmetric", "floor"),
            new Nearest("pytorch_half_pixel", "round_prefer_floor"),
            new Nearest("half_pixel", "round_prefer_ceil"),
            new Nearest("align_corners", "round_prefer_floor"),
            new Nearest("align_corners", "round_prefer_ceil"));

    private KnownDepartures() {}

    /// What is known of the nodes of `graph`, by node.
    public static Map<String, String> of(Graph graph) {
        Map<String, String> known = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            cause(graph, node).ifPresent(cause -> known.put(node.label(), cause));
        }
        return known;
    }

    /// What is known of `node`; empty where nothing is.
    public static Optional<String> cause(Graph graph, Node node) {
        if (!node.isStandard()) {
            return Optional.empty();
        }
        int bits = bits(graph, node);
        String cause = switch (node.opType()) {
            case "Resize" -> resize(graph, node, bits);
            case "CumSum" -> bits == 8 ? "CumSum is computed wrongly at 8 bits" : "";
            case "Asin" ->
                bits > 0 ? "a quantized Asin is computed wrongly where its input may be outside −1 to 1" : "";
            case "Log" -> bits == 16 ? "Log is computed wrongly at 16 bits" : "";
            case "Conv" -> dilated(graph, node) ? "a dilated Conv with 16-bit weights reaches 32 dB, not 85" : "";
            case "Tan" -> "Tan is rough, and wrong near its poles: 61 dB at 16 bits within ±1, 13 dB within ±1.5";
            case "ThresholdedRelu" ->
                bits > 0
                        ? "a quantized ThresholdedRelu may take a value near its threshold for one on the other side"
                        : "";
            case "InstanceNormalization", "BatchNormalization" ->
                weightBits(graph, node) == 4 ? node.opType() + " with 4-bit parameters is computed wrongly" : "";
            case "MatMul" ->
                unsigned16(graph, node)
                        ? "the second value of a MatMul in unsigned 16 bits is cut to 8 bits: 40 dB, not 74 as with signed ones"
                        : "";
            case "LSTM" -> "LSTM reaches 36 dB: it is computed in half precision";
            case "Softplus", "Mish" -> bits == 16 ? node.opType() + " reaches 41 dB at 16 bits" : "";
            case "Concat" ->
                bits > 0
                        ? "where an input's range is wider than the output's, the saturation in between may be skipped"
                        : "";
            default -> "";
        };
        return cause.isEmpty() ? Optional.empty() : Optional.of(cause);
    }

    private static String resize(Graph graph, Node node, int bits) {
        String mode = node.stringAttribute("mode", "nearest");
        String coordinates = node.stringAttribute("coordinate_transformation_mode", "half_pixel");
        String rounding = node.stringAttribute("nearest_mode", "round_prefer_floor");
        Nearest nearest = new Nearest(coordinates, rounding);
        // Enlarged a whole number of times there is no sample half-way between two.
        boolean rounded =
                nearest.equals(new Nearest("half_pixel", "round_prefer_floor")) && enlargesWholeTimes(graph, node);
        if (mode.equals("nearest") && !SOUND_NEAREST.contains(nearest) && !rounded) {
            return "Resize nearest with %s and %s is computed wrongly; placement --apply writes a form that is not, where one is the same"
                    .formatted(coordinates, rounding);
        }
        return mode.equals("cubic") && coordinates.equals("align_corners") && bits == 16
                ? "Resize cubic with align_corners is computed wrongly at 16 bits"
                : "";
    }

    private static boolean enlargesWholeTimes(Graph graph, Node node) {
        if (!node.hasInput(2)) {
            return false;
        }
        float[] scales = graph.initializer(node.input(2))
                .map(stored -> stored.tensor().toFloats())
                .orElse(new float[] {0});
        boolean whole = true;
        for (float scale : scales) {
            whole &= scale >= 1 && scale == Math.rint(scale);
        }
        return whole;
    }

    private static boolean dilated(Graph graph, Node node) {
        for (long dilation : node.intsAttribute("dilations")) {
            if (dilation > 1) {
                return graph.producer(node.input(1))
                        .filter(weight -> weight.is("DequantizeLinear"))
                        .flatMap(weight -> graph.type(weight.input(0)))
                        .filter(type -> type.bits() == 16)
                        .isPresent();
            }
        }
        return false;
    }

    /// The width of the codes of the second input; 0 where it is not quantized.
    private static int weightBits(Graph graph, Node node) {
        return node.hasInput(1)
                ? codes(graph, node.input(1)).map(DataType::bits).orElse(0)
                : 0;
    }

    /// Whether the second input is computed by the model, and in 16 bits without sign.
    private static boolean unsigned16(Graph graph, Node node) {
        return graph.producer(node.input(1))
                .filter(maker -> maker.is("DequantizeLinear")
                        && graph.initializer(maker.input(0)).isEmpty())
                .flatMap(maker -> codes(graph, node.input(1)))
                .filter(type -> type == DataType.UINT16)
                .isPresent();
    }

    private static Optional<DataType> codes(Graph graph, String value) {
        return graph.producer(value)
                .filter(maker -> maker.is("DequantizeLinear"))
                .flatMap(maker -> graph.type(maker.input(0))
                        .or(() -> maker.hasInput(2) ? graph.type(maker.input(2)) : Optional.empty()));
    }

    /// The width of what `node` reads first; 0 where it is not quantized.
    private static int bits(Graph graph, Node node) {
        List<Integer> widths = new ArrayList<>();
        graph.producer(node.input(0))
                .filter(maker -> maker.is("DequantizeLinear") && maker.hasInput(2))
                .flatMap(maker -> graph.type(maker.input(2)))
                .ifPresent(type -> widths.add(type.bits()));
        return widths.isEmpty() ? 0 : widths.getFirst();
    }
}
