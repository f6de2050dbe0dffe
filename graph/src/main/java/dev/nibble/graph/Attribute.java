package dev.nibble.graph;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// A named constant of a node.
public record Attribute(String name, Value value, Carried carried) {
    public Attribute(String name, Value value) {
        this(name, value, Carried.NONE);
    }

    public static Attribute of(String name, long value) {
        return new Attribute(name, new Value.OfInt(value));
    }

    public static Attribute of(String name, float value) {
        return new Attribute(name, new Value.OfFloat(value));
    }

    public static Attribute of(String name, String value) {
        return new Attribute(
                name,
                new Value.OfString(MemorySegment.ofArray(value.getBytes(StandardCharsets.UTF_8))
                        .asReadOnly()));
    }

    public static Attribute ofInts(String name, long... values) {
        return new Attribute(
                name, new Value.OfInts(java.util.Arrays.stream(values).boxed().toList()));
    }

    public static Attribute of(String name, Initializer value) {
        return new Attribute(name, new Value.OfTensor(value));
    }

    /// What an attribute holds (`AttributeProto.AttributeType`).
    public sealed interface Value {
        record OfFloat(float value) implements Value {}

        record OfInt(long value) implements Value {}

        /// @param value bytes, nearly always UTF-8
        record OfString(MemorySegment value) implements Value {
            public String text() {
                return new String(value.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            }
        }

        record OfTensor(Initializer value) implements Value {}

        record OfGraph(Graph value) implements Value {}

        record OfFloats(List<Float> values) implements Value {}

        record OfInts(List<Long> values) implements Value {}

        record OfStrings(List<MemorySegment> values) implements Value {}

        record OfTensors(List<Initializer> values) implements Value {}

        record OfGraphs(List<Graph> values) implements Value {}

        /// Inside a function: the value of the caller's attribute `of`.
        record Reference(String of, int typeCode) implements Value {}

        /// A sparse tensor, a type, or a kind that is not known: the whole `AttributeProto` as it was encoded.
        record CarriedValue(MemorySegment encoded) implements Value {}
    }

    /// The graphs inside this attribute.
    public List<Graph> graphs() {
        return switch (value) {
            case Value.OfGraph(Graph graph) -> List.of(graph);
            case Value.OfGraphs(List<Graph> graphs) -> graphs;
            case Value.OfFloat f -> List.of();
            case Value.OfInt i -> List.of();
            case Value.OfString s -> List.of();
            case Value.OfTensor t -> List.of();
            case Value.OfFloats f -> List.of();
            case Value.OfInts i -> List.of();
            case Value.OfStrings s -> List.of();
            case Value.OfTensors t -> List.of();
            case Value.Reference r -> List.of();
            case Value.CarriedValue c -> List.of();
        };
    }
}
