package dev.nibble.graph.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.check.ModelChecker;
import dev.nibble.graph.io.ModelReader;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ShapeInferenceTest {
    /// Declared shapes of the backend tests' outputs are the truth; ours may be less precise, never different.
    @Test
    void ourRulesNeverContradictTheBackendTests() {
        List<String> wrong = new ArrayList<>();
        Map<String, Integer> open = new TreeMap<>();
        int[] counts = new int[2];
        SharedData.backendModels().forEach((name, bytes) -> {
            Model model = ModelReader.read(MemorySegment.ofArray(bytes), name, null);
            ShapeInference.Result result = ShapeInference.inferOwn(undeclared(model));
            result.conflicts().forEach(c -> wrong.add(name + ": " + c));
            compare(name, model.graph().outputs(), result.model().graph(), wrong, counts);
            result.withoutRule().forEach((op, n) -> open.merge(op, n, Integer::sum));
            if (result.open() > 0) {
                open.merge("OPEN " + model.graph().nodes().getFirst().opType() + " " + name, 1, Integer::sum);
            }
        });
        System.err.println(counts[0] + " of " + counts[1] + " " + open);
        assertEquals(List.of(), wrong);
    }

    @Test
    void ourRulesGiveWhatTheTopologiesDeclare() {
        List<String> wrong = new ArrayList<>();
        for (String folder : List.of("npu/topologies", "npu/holdout", "assets/models")) {
            for (Map.Entry<String, Path> file : SharedData.models(folder).entrySet()) {
                Model model = ModelReader.read(file.getValue());
                int[] counts = new int[2];
                ShapeInference.Result result = ShapeInference.inferOwn(undeclared(model));
                result.conflicts().forEach(c -> wrong.add(file.getKey() + ": " + c));
                List<ValueInfo> declared = new ArrayList<>(model.graph().valueInfos());
                declared.addAll(model.graph().outputs());
                compare(file.getKey(), declared, result.model().graph(), wrong, counts);
                System.err.println(file.getKey() + " " + counts[0] + "/" + counts[1] + " open " + result.open() + " " + result.withoutRule());
            }
        }
        assertEquals(List.of(), wrong);
    }

    private static void compare(String name, List<ValueInfo> declared, Graph inferred, List<String> wrong, int[] counts) {
        for (ValueInfo value : declared) {
            if (!(value.type() instanceof ValueType.TensorType(int code, List<Dim> dims, var e)) || dims == null) {
                continue;
            }
            ValueType.TensorType found =
                    inferred.valueInfo(value.name()).flatMap(ValueInfo::tensorType).orElse(null);
            counts[1]++;
            if (found == null || found.dims() == null) {
                continue;
            }
            boolean exact = true;
            boolean fits = found.dims().size() == dims.size() && found.elementCode() == code;
            for (int i = 0; fits && i < dims.size(); i++) {
                exact &= found.dims().get(i) instanceof Dim.Known;
                fits = !(dims.get(i) instanceof Dim.Known(long a)) || !(found.dims().get(i) instanceof Dim.Known(long b)) || a == b;
            }
            counts[0] += exact ? 1 : 0;
            if (!fits) {
                wrong.add("%s: '%s' is %s, not %s".formatted(name, value.name(), value.type(), found));
            }
        }
    }

    /// The model without what it declares of its intermediate values and of its outputs' shapes.
    private static Model undeclared(Model model) {
        Graph g = model.graph();
        return model.withGraph(new Graph(
                g.name(),
                g.nodes(),
                g.initializers(),
                g.sparseInitializers(),
                g.inputs(),
                g.outputs().stream().map(o -> o.withType(new ValueType.Unstated())).toList(),
                List.of(),
                g.carried()));
    }
}
