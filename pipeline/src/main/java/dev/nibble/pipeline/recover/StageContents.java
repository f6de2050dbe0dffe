package dev.nibble.pipeline.recover;

import dev.nibble.data.Finding;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.weight.DecideWeights.Decision;
import dev.nibble.quant.weight.WeightStep;
import dev.nibble.report.PassRecord;
import dev.nibble.report.Skipped;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How stages are kept in a run directory.
public final class StageContents {
    private StageContents() {}

    /// A model as parts of a [RunDirectory.Key]: its operators and its constants.
    public static List<Object> parts(Model model) {
        List<Object> parts = new ArrayList<>();
        parts.add(model.opset());
        for (Node node : model.graph().nodes()) {
            parts.add(List.of(node.opType(), node.inputs(), node.outputs(), node.attributes()));
        }
        model.graph().initializers().stream()
                .filter(Initializer::hasData)
                .sorted(Comparator.comparing(Initializer::name))
                .forEach(constant -> {
                    parts.add(constant.name() + constant.shape() + constant.typeCode());
                    parts.add(constant.tensor().data());
                });
        return parts;
    }

    /// A calibration: what was seen of each value, and what was found in the samples on the way.
    public record Observed(Map<String, Observation> values, List<Finding> findings) {
        public Observed {
            findings = List.copyOf(findings);
        }
    }

    public static void write(Observed observed, DataOutputStream out) throws IOException {
        out.writeInt(observed.values().size());
        for (Map.Entry<String, Observation> entry : observed.values().entrySet()) {
            out.writeUTF(entry.getKey());
            entry.getValue().write(out);
        }
        out.writeInt(observed.findings().size());
        for (Finding finding : observed.findings()) {
            out.writeUTF(finding.code());
            out.writeUTF(finding.severity().name());
            out.writeUTF(finding.text());
            out.writeUTF(finding.fix());
        }
    }

    public static Observed observed(DataInputStream in) throws IOException {
        Map<String, Observation> values = new LinkedHashMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            values.put(in.readUTF(), Observation.read(in));
        }
        List<Finding> findings = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            findings.add(new Finding(in.readUTF(), Finding.Severity.valueOf(in.readUTF()), in.readUTF(), in.readUTF()));
        }
        return new Observed(values, findings);
    }

    static void write(List<PassRecord> passes, DataOutputStream out) throws IOException {
        out.writeInt(passes.size());
        for (PassRecord pass : passes) {
            out.writeUTF(pass.name());
            out.writeInt(pass.changes().size());
            for (String change : pass.changes()) {
                out.writeUTF(change);
            }
            out.writeInt(pass.skipped().size());
            for (Skipped skipped : pass.skipped()) {
                out.writeUTF(skipped.node());
                out.writeUTF(skipped.reason());
            }
        }
    }

    static List<PassRecord> passes(DataInputStream in) throws IOException {
        List<PassRecord> passes = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = in.readUTF();
            List<String> changes = new ArrayList<>();
            for (int i = in.readInt(); i > 0; i--) {
                changes.add(in.readUTF());
            }
            List<Skipped> skipped = new ArrayList<>();
            for (int i = in.readInt(); i > 0; i--) {
                skipped.add(new Skipped(in.readUTF(), null, in.readUTF()));
            }
            passes.add(new PassRecord(name, changes, skipped));
        }
        return passes;
    }

    static void write(Decision decision, DataOutputStream out) throws IOException {
        if (!(decision.codes().encoding() instanceof TensorEncoding.Affine encoding)) {
            throw new IllegalStateException("decided weights have integer codes");
        }
        write(encoding.scales(), out);
        byte[] codes = decision.codes().codes().data().toArray(ValueLayout.JAVA_BYTE);
        out.writeInt(codes.length);
        out.write(codes);
        write(decision.bias(), out);
        out.writeDouble(decision.before());
        out.writeDouble(decision.after());
        out.writeInt(decision.untouched());
        out.writeDouble(decision.damping());
        out.writeInt(decision.steps().size());
        for (Map.Entry<WeightStep, Double> step : decision.steps().entrySet()) {
            out.writeUTF(step.getKey().name());
            out.writeDouble(step.getValue());
        }
    }

    /// @param start the encoding that was decided under, scales apart
    static Decision decision(Shape shape, TensorEncoding.Affine start, DataInputStream in) throws IOException {
        float[] scales = floats(in);
        byte[] codes = new byte[in.readInt()];
        in.readFully(codes);
        MemorySegment packed = Arena.ofAuto().allocate(Math.max(1, codes.length), 64);
        MemorySegment.copy(codes, 0, packed, ValueLayout.JAVA_BYTE, 0, codes.length);
        float[] bias = floats(in);
        double before = in.readDouble();
        double after = in.readDouble();
        int untouched = in.readInt();
        double damping = in.readDouble();
        Map<WeightStep, Double> steps = new EnumMap<>(WeightStep.class);
        for (int left = in.readInt(); left > 0; left--) {
            steps.put(WeightStep.valueOf(in.readUTF()), in.readDouble());
        }
        TensorEncoding.Affine encoding =
                new TensorEncoding.Affine(start.grid(), start.granularity(), scales, start.zeroPoints());
        Tensor tensor = new Tensor(encoding.dataType(), shape, packed.asSlice(0, codes.length));
        return new Decision(new QuantizedTensor(tensor, encoding), bias, before, after, steps, untouched, damping);
    }

    private static void write(float[] values, DataOutputStream out) throws IOException {
        out.writeInt(values.length);
        for (float value : values) {
            out.writeFloat(value);
        }
    }

    private static float[] floats(DataInputStream in) throws IOException {
        float[] values = new float[in.readInt()];
        for (int i = 0; i < values.length; i++) {
            values[i] = in.readFloat();
        }
        return values;
    }
}
