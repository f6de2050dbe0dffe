package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ActivationStoreTest {
    /// The values are the same wherever they lie, also when room in the file is used again.
    @Test
    void keepsTheSameValuesInMemoryAndInTheFile() {
        try (ActivationStore roomy = new ActivationStore(1 << 20);
                ActivationStore tight = new ActivationStore(64);
                Arena arena = Arena.ofConfined()) {
            List<ActivationStore.Kept> first = new ArrayList<>();
            List<ActivationStore.Kept> second = new ArrayList<>();
            for (int round = 0; round < 3; round++) {
                if (round == 1) {
                    first.remove(3).free();
                    second.remove(3).free();
                    first.removeFirst().free();
                    second.removeFirst().free();
                }
                for (int i = 0; i < 5; i++) {
                    float[] values = new float[10 + 3 * i];
                    for (int k = 0; k < values.length; k++) {
                        values[k] = round * 1000 + i * 100 + k / 8f;
                    }
                    // One value is too large for half precision.
                    values[0] = i == 4 ? 1e6f : values[0];
                    Tensor tensor = Tensor.of(Shape.of(values.length), values);
                    first.add(roomy.keep(tensor));
                    second.add(tight.keep(tensor));
                }
            }
            assertFalse(roomy.spilled());
            assertTrue(tight.spilled());
            for (int i = 0; i < first.size(); i++) {
                assertEquals(DataType.FLOAT, second.get(i).type());
                assertArrayEquals(
                        first.get(i).read(arena).toFloats(),
                        second.get(i).read(arena).toFloats());
            }
            assertEquals(1e6f, second.getLast().read(arena).floatAt(0));
        }
    }
}
