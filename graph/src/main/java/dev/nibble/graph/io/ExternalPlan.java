package dev.nibble.graph.io;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Which tensors of a model go into a data file beside it, and where in that file.
final class ExternalPlan {
    /// Offsets are multiples of this, so that a mapped tensor starts on a page.
    private static final long ALIGNMENT = 4096;

    private final Map<Initializer, Place> places = new IdentityHashMap<>();
    private final List<Place> order = new ArrayList<>();
    private long end;

    /// Where a tensor stands in the data file.
    record Place(Map<String, String> entries, long offset, Payload data) {}

    /// Everything stays in the model file.
    static ExternalPlan none() {
        return new ExternalPlan();
    }

    /// Tensors of at least `threshold` bytes go into the file named `location`.
    static ExternalPlan of(Graph graph, String location, long threshold) {
        ExternalPlan plan = new ExternalPlan();
        for (Initializer tensor : graph.initializers()) {
            if (tensor.packedBytes() >= threshold && tensor.hasData()) {
                Payload packed = Payload.of(tensor);
                long offset = Math.ceilDiv(plan.end, ALIGNMENT) * ALIGNMENT;
                Map<String, String> entries = new LinkedHashMap<>();
                entries.put("location", location);
                entries.put("offset", Long.toString(offset));
                entries.put("length", Long.toString(packed.size()));
                Place place = new Place(entries, offset, packed);
                plan.places.put(tensor, place);
                plan.order.add(place);
                plan.end = offset + packed.size();
            }
        }
        return plan;
    }

    @Nullable
    Place place(Initializer tensor) {
        return places.get(tensor);
    }

    /// The places in the order in which they stand in the file.
    List<Place> places() {
        return order;
    }
}
