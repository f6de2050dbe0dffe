package dev.nibble.npu.profile.read;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import dev.nibble.npu.profile.Advice;
import dev.nibble.npu.profile.Profile.Offloaded;
import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import dev.nibble.npu.profile.Where;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.json.JsonFactory;

/// The three JSON dialects, token by token: objects are gathered while they are open, and what they hold is recorded
/// when they close. What stood before the place where a file was cut counts.
final class ReadJson {
    private static final JsonFactory FACTORY = JsonFactory.builder().build();

    private final Recorder recorder;
    private final JsonParser json;
    private String method = "";
    private Section section = Section.EXECUTE;
    private boolean execution;

    private ReadJson(Recorder recorder, JsonParser json) {
        this.recorder = recorder;
        this.json = json;
    }

    static void read(InputStream in, Recorder recorder) {
        try (JsonParser json = FACTORY.createParser(tools.jackson.core.ObjectReadContext.empty(), in)) {
            new ReadJson(recorder, json).all();
        } catch (JacksonException e) {
            String where = e.getLocation() == null
                    ? ""
                    : " near line " + e.getLocation().getLineNr();
            boolean nothing = recorder.current.isEmpty()
                    && recorder.partitions.isEmpty()
                    && recorder.single.isEmpty()
                    && recorder.offloaded.isEmpty();
            if (nothing) {
                throw new NibbleException(
                        "'%s' is not JSON%s: %s"
                                .formatted(recorder.file, where, ParserMessage.plain(e.getOriginalMessage())),
                        "was it cut? Write the profile anew",
                        e);
            }
            recorder.said.add("the file stops being JSON" + where + ": what stands behind was left out");
        }
    }

    private void all() {
        switch (recorder.dialect) {
            case ORT_CHROME_TRACE -> recorder.endsAreTold();
            case QNN_OP_TRACE, QNN_JSON, QNN_TEXT, QNN_CSV, ORT_QNN_CSV, SNPE_DIAGVIEW, LOOSE_TEXT -> {}
        }
        for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
            if (token == JsonToken.START_OBJECT) {
                object("");
            }
        }
    }

    /// Reads the object that has just begun. Scalars of objects called `args` or `header` count as its own.
    private Map<String, String> object(String key) {
        Map<String, String> values = new HashMap<>(8);
        String name = "";
        for (JsonToken token = json.nextToken();
                token != null && token != JsonToken.END_OBJECT;
                token = json.nextToken()) {
            switch (token) {
                case PROPERTY_NAME -> name = json.currentName();
                case START_OBJECT -> {
                    Map<String, String> inner = object(name);
                    if (name.equals("args")) {
                        inner.forEach((k, v) -> values.putIfAbsent("args." + k, v));
                    }
                }
                case START_ARRAY -> {
                    before(name, values);
                    array(name, values);
                }
                case VALUE_STRING, VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> {
                    values.put(name, json.getString());
                    if (name.equals("method")) {
                        method(values.getOrDefault(name, ""));
                    }
                }
                default -> {}
            }
        }
        closed(key, values);
        return values;
    }

    private void array(String name, Map<String, String> owner) {
        StringBuilder sources = new StringBuilder();
        int depth = 1;
        while (depth > 0) {
            JsonToken token = json.nextToken();
            if (token == null) {
                return;
            }
            switch (token) {
                case START_ARRAY -> depth++;
                case END_ARRAY -> depth--;
                case START_OBJECT -> {
                    Map<String, String> inner = object(name);
                    if (name.equals("sources")
                            && "OP".equals(inner.get("type"))
                            && inner.get("name") instanceof String source) {
                        sources.append(sources.isEmpty() ? "" : ";").append(source);
                    }
                }
                default -> {}
            }
        }
        if (!sources.isEmpty()) {
            owner.put("sources", sources.toString());
        }
    }

    /// An array begins: what its owner is must be recorded before the events inside.
    private void before(String name, Map<String, String> owner) {
        switch (recorder.dialect) {
            case QNN_JSON -> {
                if (name.startsWith("sub") && owner.containsKey("identifier")) {
                    event(owner);
                    owner.put("recorded", "");
                }
            }
            case QNN_OP_TRACE -> {
                if (name.equals("op_mappings")) {
                    recorder.endExecution();
                    recorder.graph(owner.getOrDefault("graph_name", ""));
                }
            }
            case ORT_CHROME_TRACE, QNN_TEXT, QNN_CSV, ORT_QNN_CSV, SNPE_DIAGVIEW, LOOSE_TEXT -> {}
        }
    }

    private void closed(String key, Map<String, String> values) {
        switch (recorder.dialect) {
            case QNN_JSON -> {
                if (values.containsKey("identifier") && !values.containsKey("recorded")) {
                    event(values);
                }
            }
            case QNN_OP_TRACE -> mapping(key, values);
            case ORT_CHROME_TRACE -> {
                if (values.containsKey("dur") && values.containsKey("name")) {
                    trace(values);
                }
            }
            case QNN_TEXT, QNN_CSV, ORT_QNN_CSV, SNPE_DIAGVIEW, LOOSE_TEXT -> {}
        }
    }

    private void method(String name) {
        method = name;
        Section named = Section.named(name);
        section = named == null ? Section.EXECUTE : named;
    }

    private void event(Map<String, String> values) {
        long line = json.currentLocation().getLineNr();
        String identifier = values.getOrDefault("identifier", "").strip();
        Quantity quantity = Quantity.of(values.getOrDefault("unit", "").strip());
        double number = Quantity.number(values.getOrDefault("value", ""));
        if (method.contains("IPS")) {
            quantity = new Quantity(Unit.PER_SECOND, 1);
        }
        if (quantity == null || Double.isNaN(number)) {
            recorder.skip("an event without figure or unit", line);
            return;
        }
        double value = number * quantity.factor();
        if (identifier.startsWith("Wait (Scheduler")) {
            recorder.waited(value);
            return;
        }
        if (identifier.startsWith("Wait (") || identifier.startsWith("Overlap")) {
            return;
        }
        boolean node = section == Section.EXECUTE
                && (identifier.contains("OpId_") || "NODE".equals(values.get("type")))
                && (quantity.unit() == Unit.CYCLES || quantity.unit() == Unit.MICROS);
        if (node) {
            recorder.node(identifier, quantity.unit(), value, line);
        } else {
            recorder.figure(section, identifier, quantity.unit(), value, true, line);
        }
    }

    private void mapping(String key, Map<String, String> values) {
        if (key.equals("op_mappings") && values.get("dst_name") instanceof String name) {
            recorder.listed(name);
            int number = recorder.numberOf(name);
            recorder.operators.putIfAbsent(number, values.getOrDefault("dst_qnn_op_type", ""));
            recorder.sources.putIfAbsent(number, values.getOrDefault("sources", ""));
        } else if (key.equals("unsupported_nodes") && values.get("node_name") instanceof String name) {
            String op = values.getOrDefault("op_type", "");
            String reason = values.getOrDefault("reason", "");
            recorder.offloaded.add(new Offloaded(name, op, null, reason, Advice.of(op, reason)));
        } else if (key.equals("summary") && values.containsKey("total_onnx_nodes")) {
            recorder.said.add("of %s ONNX nodes %s are supported, in %s partitions of %s QNN operators"
                    .formatted(
                            values.get("total_onnx_nodes"),
                            values.getOrDefault("supported_nodes", "?"),
                            values.getOrDefault("qnn_subgraphs", "?"),
                            values.getOrDefault("total_qnn_ops", "?")));
        }
    }

    private void trace(Map<String, String> values) {
        long line = json.currentLocation().getLineNr();
        String name = values.getOrDefault("name", "");
        double micros = Quantity.number(values.getOrDefault("dur", ""));
        if (Double.isNaN(micros)) {
            recorder.skip("an event without a duration", line);
            return;
        }
        if ("Node".equals(values.get("cat"))) {
            if (!name.endsWith("_kernel_time")) {
                return; // fences: waiting, which is in the run's time
            }
            String node = name.substring(0, name.length() - "_kernel_time".length());
            recorder.node(node, Unit.MICROS, micros, line);
            int number = recorder.numberOf(node);
            recorder.operators.putIfAbsent(number, values.getOrDefault("args.op_name", ""));
            recorder.places.putIfAbsent(number, Where.of(values.getOrDefault("args.provider", "")));
        } else if (name.equals("model_run")) {
            recorder.figure(Section.EXECUTE, name, Unit.MICROS, micros, true, line);
            recorder.endExecution();
            execution = true;
        } else if (name.equals("session_initialization") || name.startsWith("model_loading")) {
            recorder.figure(Section.INIT, name, Unit.MICROS, micros, true, line);
        } else if (!name.equals("SequentialExecutor::Execute") && execution) {
            recorder.skip("an event that is neither a node nor a run", line);
        }
    }
}
