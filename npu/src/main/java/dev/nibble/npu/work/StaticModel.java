package dev.nibble.npu.work;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.check.ModelChecker;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// A model whose shapes are all known, with or without the data of its weights.
///
/// @param said what was fixed without being asked for
public record StaticModel(Model model, List<String> said) {
    public StaticModel {
        said = List.copyOf(said);
    }

    /// The model in `file`. Where it does not state all shapes itself, they are inferred.
    ///
    /// @param shapes of inputs, by name
    /// @throws NibbleException where the file cannot be read or is no sound model, or a dimension stays open
    public static StaticModel read(Path file, Map<String, long[]> shapes) {
        Model read = sound(file, ModelReader.read(file, ModelReader.Weights.MAY_BE_MISSING));
        if (shapes.isEmpty() && isKnown(read.graph())) {
            return new StaticModel(read, List.of());
        }
        BindShapes.Bound bound = BindShapes.bind(read, shapes);
        Model open = bound.requireStatic();
        // Nibble's own rules know nearly every shape, and faster than a native library loads.
        ShapeInference.Result own = ShapeInference.inferOwn(open);
        return new StaticModel(
                own.open() == 0 ? own.model() : ShapeInference.infer(open).model(), bound.said());
    }

    /// With its nodes in order.
    private static Model sound(Path file, Model model) {
        try {
            return ModelChecker.accept(model).model();
        } catch (NibbleException e) {
            throw new NibbleException("'%s': %s".formatted(file, e.getMessage()), e.hint(), e);
        }
    }

    private static boolean isKnown(Graph graph) {
        return graph.nodes().stream()
                        .flatMap(n -> n.outputs().stream())
                        .allMatch(o -> o.isEmpty() || graph.shape(o).isPresent())
                && graph.feeds().stream().allMatch(f -> graph.shape(f.name()).isPresent());
    }
}
