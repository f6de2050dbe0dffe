package dev.nibble.pipeline;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.check.ModelChecker;
import dev.nibble.graph.check.NonFiniteWeights;
import dev.nibble.graph.check.Problem;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.pipeline.measure.FloatEdges;
import dev.nibble.report.Finding;
import dev.nibble.report.ModelInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A model as it was read, checked by Nibble's own rules before any native library sees it.
///
/// @param findings what was found that does not keep the model from being used
public record ModelFile(Path file, Model model, List<Finding> findings) {
    /// Reads and checks `file`, whose weights may be missing.
    ///
    /// @param shapes shapes of inputs; where none is given, open dimensions stay open
    /// @throws NibbleException where the file is no sound model; the message names the file
    public static ModelFile look(Path file, Map<String, long[]> shapes) {
        Model read = ModelReader.read(file, ModelReader.Weights.MAY_BE_MISSING);
        return checked(file, read, shapes);
    }

    /// Reads and checks a model that is going to be run: all weights are there, and finite. Where it takes and gives
    /// quantized integers, the conversions from and to float are added, see [FloatEdges].
    ///
    /// @throws NibbleException as [#look], and where weights are missing, or NaN
    public static ModelFile toRun(Path file, Map<String, long[]> shapes) {
        ModelFile model = checked(file, ModelReader.read(file), shapes);
        List<String> stripped = ModelChecker.stripped(model.model());
        if (!stripped.isEmpty()) {
            throw new NibbleException(
                    "'%s': %d of its tensors have no data, the first is '%s'"
                            .formatted(file, stripped.size(), stripped.getFirst()),
                    "the weights were stripped; use the model with its weights");
        }
        List<Finding> findings = new ArrayList<>(model.findings());
        for (NonFiniteWeights.Finding weight : NonFiniteWeights.find(model.model())) {
            if (weight.problem().isError()) {
                throw named(file, weight.problem());
            }
            findings.add(Findings.of(weight.problem()));
        }
        return new ModelFile(file, FloatEdges.around(model.model()), findings);
    }

    /// What the file is.
    public ModelInfo info() {
        return PreparedModel.info(file, model, file.toString());
    }

    private static ModelFile checked(Path file, Model read, Map<String, long[]> shapes) {
        List<Finding> findings = new ArrayList<>();
        ModelChecker.Checked checked;
        Model bound;
        try {
            checked = ModelChecker.accept(read);
            bound = checked.model();
            if (!shapes.isEmpty()) {
                BindShapes.Bound binding = BindShapes.bind(bound, shapes);
                binding.said()
                        .forEach(said -> findings.add(
                                Findings.note("G002", said, "bind other sizes with --shape NAME=1,3,224,224")));
                bound = binding.model();
            }
        } catch (NibbleException e) {
            throw new NibbleException("'%s': %s".formatted(file, e.getMessage()), e.hint(), e);
        }
        checked.problems().forEach(problem -> findings.add(Findings.of(problem)));
        return new ModelFile(file, bound, findings);
    }

    private static NibbleException named(Path file, Problem problem) {
        return new NibbleException("'%s': %s".formatted(file, problem), problem.hint());
    }
}
