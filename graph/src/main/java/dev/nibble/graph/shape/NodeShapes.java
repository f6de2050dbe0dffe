package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One node in the course of shape inference: what is known of its inputs, and where its outputs are put.
final class NodeShapes {
    final Node node;
    final long opset;
    private final Scope scope;
    private boolean done;

    NodeShapes(Node node, long opset, Scope scope) {
        this.node = node;
        this.opset = opset;
        this.scope = scope;
    }

    /// Whether a rule has said something of an output.
    boolean done() {
        return done;
    }

    ValueType.@Nullable TensorType input(int index) {
        return node.hasInput(index) ? scope.type(node.input(index)) : null;
    }

    /// The dimensions of input `index`; null where the rank is not known or the input is left out.
    @Nullable
    List<Dim> dims(int index) {
        ValueType.TensorType type = input(index);
        return type == null ? null : type.dims();
    }

    /// The rank of input `index`; −1 where it is not known.
    int rank(int index) {
        List<Dim> dims = dims(index);
        return dims == null ? -1 : dims.size();
    }

    /// The element type's number of input `index`; 0 where it is not known.
    int type(int index) {
        ValueType.TensorType type = input(index);
        return type == null ? 0 : type.elementCode();
    }

    /// The first known element type among the inputs from `index` on.
    int typeFrom(int index) {
        for (int i = index; i < node.inputs().size(); i++) {
            if (type(i) != 0) {
                return type(i);
            }
        }
        return 0;
    }

    @Nullable
    IntValues value(int index) {
        return node.hasInput(index) ? scope.value(node.input(index)) : null;
    }

    /// The whole numbers of input `index`, if all of them are known.
    long @Nullable [] longs(int index) {
        IntValues value = value(index);
        return value == null ? null : value.known();
    }

    /// The numbers of a small constant input.
    float @Nullable [] floats(int index) {
        Initializer stored = node.hasInput(index) ? scope.constant(node.input(index)) : null;
        if (stored == null || !stored.hasData() || stored.shape().elements() > IntValues.LIMIT) {
            return null;
        }
        try {
            Tensor tensor = stored.tensor();
            return tensor.toFloats();
        } catch (NibbleException e) {
            // ModelChecker reports a tensor whose length does not fit; here it is only not known.
            return null;
        }
    }

    /// An attribute of old opsets that became input `index` later; null where neither is known. An input that is
    /// there but not known is null, too.
    long @Nullable [] attributeOrInput(String key, int index) {
        if (node.attribute(key).isPresent()) {
            return node.intsAttribute(key);
        }
        return longs(index);
    }

    boolean has(String key) {
        return node.attribute(key).isPresent();
    }

    void set(int index, int type, @Nullable List<Dim> dims) {
        if (!node.output(index).isEmpty()) {
            scope.put(node.output(index), type, dims);
            done = true;
        }
    }

    void set(int index, DataType type, @Nullable List<Dim> dims) {
        set(index, type.code(), dims);
    }

    void setValue(int index, @Nullable IntValues value) {
        if (value != null
                && value.size() <= IntValues.LIMIT
                && !node.output(index).isEmpty()) {
            scope.putValue(node.output(index), value);
        }
    }

    /// Output 0 is as input 0.
    void same() {
        set(0, type(0), dims(0));
    }

    /// Output 0 has input 0's element type and the broadcast shape of the inputs `[from, to)`.
    void broadcast(int type, int from, int to) {
        List<Dim> dims = dims(from);
        for (int i = from + 1; i < to; i++) {
            dims = Dims.broadcast(dims, dims(i));
        }
        set(0, type, dims);
    }

    /// A list attribute, or `count` times `otherwise`.
    long[] ints(String key, int count, long otherwise) {
        long[] given = node.intsAttribute(key);
        if (given.length > 0) {
            if (given.length < count) {
                throw new Dims.UnfitShape("attribute '%s' has %d numbers, not %d".formatted(key, given.length, count));
            }
            return given;
        }
        long[] all = new long[count];
        Arrays.fill(all, otherwise);
        return all;
    }

    static List<Dim> changed(List<Dim> dims, int axis, Dim dim) {
        List<Dim> changed = new ArrayList<>(dims);
        changed.set(axis, dim);
        return changed;
    }

    Optional<DataType> dataType(int index) {
        return DataType.ofCode(type(index));
    }

    Scope scope() {
        return scope;
    }
}
