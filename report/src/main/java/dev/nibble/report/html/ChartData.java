package dev.nibble.report.html;

import dev.nibble.report.LayerError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// What the interactive charts draw, as JSON that can stand inside a script element.
final class ChartData {
    private static final JsonMapper MAPPER = new JsonMapper();

    private ChartData() {}

    static String json(List<LayerError> layers, List<HistogramView> histograms) {
        List<String> names = new ArrayList<>();
        List<String> ops = new ArrayList<>();
        List<@Nullable Double> graphWise = new ArrayList<>();
        List<@Nullable Double> layerWise = new ArrayList<>();
        for (LayerError layer : layers) {
            names.add(HostileTextOutput.clean(layer.name()));
            ops.add(HostileTextOutput.clean(layer.op()));
            graphWise.add(layer.graphWiseDb());
            layerWise.add(layer.layerWiseDb());
        }
        List<Map<String, Object>> tensors = new ArrayList<>();
        for (HistogramView view : histograms) {
            Map<String, Object> tensor = new LinkedHashMap<>();
            tensor.put("tensor", HostileTextOutput.clean(view.source().tensor()));
            tensor.put("low", view.low());
            tensor.put("high", view.high());
            tensor.put("counts", view.counts());
            tensor.put("chosen", view.source().chosen());
            tensor.put("ranges", view.source().alternatives());
            tensors.add(tensor);
        }
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("names", names);
        data.put("ops", ops);
        data.put("graphWise", graphWise);
        data.put("layerWise", layerWise);
        data.put("histograms", tensors);
        return escape(HostileTextOutput.clean(MAPPER.writeValueAsString(data)));
    }

    /// JSON has `<`, `>` and `&` in strings only, where an escape means the same; without them no text can end the
    /// script element or open a comment.
    static String escape(String json) {
        return json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026");
    }
}
