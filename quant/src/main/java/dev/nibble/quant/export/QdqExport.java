package dev.nibble.quant.export;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;

/// Writes a quantization into the graph as standard ONNX: every quantized operator stands between
/// DequantizeLinear and QuantizeLinear, and constants are stored as integers behind a DequantizeLinear.
///
/// - A Relu or Clip inside a supergroup is dropped where the output grid lies inside its bounds; its producer
///   then makes the value of its name. Otherwise it stays, with the output's encoding before it as well,
///   which changes nothing.
/// - Values keep their names; `x_DequantizeLinear_Output` is what is read. At a graph output the dequantized
///   value has the output's name.
/// - 8-bit files need opset 13; 16-bit activations, 4-bit and blocked weights opset 21.
public final class QdqExport {
    private QdqExport() {}

    /// The QDQ model of `plan` under `quantization`.
    ///
    /// @throws NibbleException where the model's opset is too old for the formats
    public static ExportResult export(PlacementPlan plan, Quantization quantization, Boundary boundary) {
        Model model = plan.model();
        long needed = plan.requiredOpset();
        if (model.opset() < needed) {
            throw new NibbleException(
                    "%s needs opset %d, but the model is written in opset %d"
                            .formatted(plan.precision(), needed, model.opset()),
                    "raise the opset first: nibble simplify");
        }
        return new QdqWriter(plan, quantization, boundary).write();
    }

    /// The version of ONNX's file format that an opset came with, as far as QDQ files use it.
    static long irVersion(long opset) {
        if (opset >= 24) {
            return opset >= 25 ? 13 : 12;
        }
        if (opset >= 23) {
            return 11;
        }
        if (opset >= 21) {
            return 10;
        }
        return opset >= 19 ? 9 : opset >= 15 ? 8 : 7;
    }
}
