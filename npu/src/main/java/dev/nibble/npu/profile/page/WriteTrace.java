package dev.nibble.npu.profile.page;

import dev.nibble.npu.profile.Profile;
import dev.nibble.npu.profile.Profile.NodeTime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/// A profile as a Chrome trace, for `chrome://tracing` and Perfetto: the mean run, node after node, a process a
/// partition. The order is the file's; the time between nodes is not in profiles, so there is none.
public final class WriteTrace {
    private WriteTrace() {}

    public static void to(Path file, Profile profile) throws IOException {
        boolean timed = profile.timed();
        try (var out = Files.newBufferedWriter(file);
                JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), out)) {
            json.writeStartObject();
            json.writeStringProperty("displayTimeUnit", "ms");
            json.writeName("otherData");
            json.writeStartObject();
            json.writeStringProperty("file", profile.file());
            json.writeStringProperty("dialect", profile.dialect().id());
            json.writeStringProperty("unit", timed ? "microseconds" : "cycles: 1 µs on screen is 1 cycle, no time");
            json.writeEndObject();
            json.writeName("traceEvents");
            json.writeStartArray();
            double at = 0;
            int partition = -1;
            for (NodeTime node : profile.nodes()) {
                if (node.partition() != partition) {
                    partition = node.partition();
                    name(json, partition, timed);
                }
                event(json, node, at);
                at += node.value();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
    }

    private static void name(JsonGenerator json, int partition, boolean timed) {
        json.writeStartObject();
        json.writeStringProperty("ph", "M");
        json.writeStringProperty("name", "process_name");
        json.writeNumberProperty("pid", partition);
        json.writeName("args");
        json.writeStartObject();
        json.writeStringProperty("name", "partition " + partition + (timed ? "" : " (cycles, not µs)"));
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void event(JsonGenerator json, NodeTime node, double at) {
        json.writeStartObject();
        json.writeStringProperty("ph", "X");
        json.writeStringProperty("name", node.name());
        json.writeStringProperty("cat", node.op().isEmpty() ? "node" : node.op());
        json.writeNumberProperty("pid", node.partition());
        json.writeNumberProperty("tid", node.where().ordinal());
        json.writeNumberProperty("ts", at);
        json.writeNumberProperty("dur", node.value());
        json.writeName("args");
        json.writeStartObject();
        json.writeStringProperty("where", node.where().id());
        json.writeNumberProperty("share", node.share());
        if (!node.onnx().isEmpty()) {
            json.writeStringProperty("onnx", String.join(";", node.onnx()));
        }
        json.writeEndObject();
        json.writeEndObject();
    }
}
