package dev.nibble.pipeline.htp;

import dev.nibble.graph.Model;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.pipeline.ModelFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// A model whose shapes are all fixed, as the compiler wants it.
///
/// @param said a sentence for each thing that was decided without being asked for
record StaticModel(Model model, List<String> said) {
    /// Reads and checks `file`; an open batch becomes 1.
    ///
    /// @throws dev.nibble.graph.NibbleException where the file is no sound model, or another dimension stays open
    static StaticModel read(Path file, Map<String, long[]> shapes) {
        Model read = ModelFile.toRun(file, Map.of()).model();
        BindShapes.Bound bound = BindShapes.bind(read, shapes);
        return new StaticModel(ShapeInference.inferOwn(bound.requireStatic()).model(), bound.said());
    }
}
