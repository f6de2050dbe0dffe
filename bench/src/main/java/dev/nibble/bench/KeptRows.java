package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.FileDigest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The graphs of the data set, and where the row of each is kept: a row belongs to the graph's bytes, so another graph of
/// the same name is measured anew.
///
/// @param shared the folder that holds `npu/`
/// @param rows outside version control
record KeptRows(Path shared, Path rows) {
    KeptRows {
        Scratch.create(rows);
    }

    /// All graphs, by name.
    ///
    /// @throws NibbleException where one of `names` is not there
    List<String> graphs(List<String> names) {
        try (Stream<Path> files = Files.list(folder())) {
            List<String> all = files.map(f -> String.valueOf(f.getFileName()))
                    .filter(f -> f.endsWith(".onnx"))
                    .map(f -> f.substring(0, f.length() - ".onnx".length()))
                    .sorted()
                    .toList();
            for (String name : names) {
                if (!all.contains(name)) {
                    throw new NibbleException(
                            "there is no graph '" + name + "'", "graphs are " + String.join(", ", all));
                }
            }
            return all;
        } catch (IOException e) {
            throw new NibbleException("the graphs cannot be listed: " + e.getMessage(), "set NIBBLE_SHARED", e);
        }
    }

    Path graph(String name) {
        return folder().resolve(name + ".onnx");
    }

    /// Where the row of `graph` is or will be.
    Path row(String graph) {
        return rows.resolve(graph + "-" + FileDigest.sha256(graph(graph)).substring(0, 16) + ".properties");
    }

    private Path folder() {
        return shared.resolve("npu/topologies");
    }
}
