package dev.nibble.report;

import java.util.List;

/// What a pass over the graph did, and for each near miss why not.
public record PassRecord(String name, List<String> changes, List<Skipped> skipped) {
    public PassRecord {
        Values.present("passes[].name", name);
        changes = Values.list(changes);
        skipped = Values.list(skipped);
    }
}
