package dev.nibble.graph;

/// A dimension as a graph declares it.
public sealed interface Dim {
    /// A fixed size, at least 0.
    record Known(long size) implements Dim {
        @Override
        public String toString() {
            return Long.toString(size);
        }
    }

    /// A size with a name (`dim_param`), the same wherever the name stands.
    record Symbol(String name) implements Dim {
        @Override
        public String toString() {
            return name;
        }
    }

    /// A size of which nothing is said.
    record Unknown() implements Dim {
        @Override
        public String toString() {
            return "?";
        }
    }
}
