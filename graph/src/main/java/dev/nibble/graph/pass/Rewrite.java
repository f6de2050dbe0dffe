package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import java.util.List;
import java.util.Optional;

/// A change that keeps what a model computes and may make it faster, one place at a time. Whether it pays at a place is
/// for others to say: unlike a [Pass], it does not do what it can.
public interface Rewrite {
    String name();

    /// The places of `model` where it can be done, and those that nearly fit.
    Found find(Model model);

    /// `model` with the change made at the place called `anchor`; empty where there is no such place any more.
    Optional<Model> apply(Model model, String anchor);

    /// @param places in the order of the graph
    record Found(List<Place> places, List<PassResult.Skipped> skipped) {
        public Found {
            places = List.copyOf(places);
            skipped = List.copyOf(skipped);
        }
    }

    /// @param anchor the value by which [#apply] finds the place
    /// @param nodes the labels of the nodes that change
    /// @param evidence what was seen, a phrase
    record Place(String anchor, List<String> nodes, String evidence) {
        public Place {
            nodes = List.copyOf(nodes);
        }
    }
}
