package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Executor;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtpExecutorTest {
    private static final Soc SM8650 = new Soc("sm8650", 57);
    private static final Executor.Options OPTIONS = new Executor.Options(1, Executor.Optimization.OFF);

    /// A step of half precision, relative to 1; what is computed here is below 64.
    private static final float HALF = 64f / 2048;

    private static final float NO_ERROR = 0;

    @Test
    void runsAModelAndHandsOutWhatWasAskedFor() {
        HtpExecutor executor = new HtpExecutor(TestLibraries.require(), SM8650, 1);
        try (Executor.Session session = executor.open(TestModels.conv(), List.of("y", "c", "w", "x"), OPTIONS)) {
            Tensor x = Tensor.of(Shape.of(1, 1, 2, 2), 1f, -2f, 3f, -4f);
            for (int i = 0; i < 2; i++) {
                Map<String, Tensor> got = session.run(Map.of("x", x));
                assertEquals(List.of("y", "c", "w", "x"), List.copyOf(got.keySet()));
                assertArrayEquals(new float[] {2, 0, 6, 0}, got.get("y").toFloats(), HALF);
                assertArrayEquals(new float[] {2, -4, 6, -8}, got.get("c").toFloats(), HALF);
                assertArrayEquals(new float[] {2}, got.get("w").toFloats(), NO_ERROR);
            }
        }
    }

    @Test
    void theLibrarysOwnTimeIsPartOfARun() {
        HtpExecutor executor = new HtpExecutor(TestLibraries.require(), SM8650, 1);
        try (HtpSession session = executor.open(TestModels.conv(), List.of("y"), OPTIONS)) {
            Map<String, Tensor> input = Map.of("x", Tensor.of(Shape.of(1, 1, 2, 2), 1f, -2f, 3f, -4f));
            session.run(input);
            Duration first = session.computing();
            assertTrue(first.isPositive());
            long start = System.nanoTime();
            session.run(input);
            Duration wall = Duration.ofNanos(System.nanoTime() - start);
            assertTrue(session.computing().compareTo(first) > 0);
            assertTrue(session.computing().minus(first).compareTo(wall) < 0);
        }
    }

    @Test
    void aBatchIsSharedOutAndPutTogetherInOrder() {
        HtpExecutor executor = new HtpExecutor(TestLibraries.require(), SM8650, 2);
        float[] values = new float[5 * 4];
        float[] wanted = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
            wanted[i] = 2 * i;
        }
        try (Executor.Session session = executor.open(TestModels.conv(), List.of("y"), OPTIONS)) {
            Tensor y = session.run(Map.of("x", Tensor.of(Shape.of(5, 1, 2, 2), values)))
                    .get("y");
            assertEquals(Shape.of(5, 1, 2, 2), y.shape());
            assertArrayEquals(wanted, y.toFloats(), HALF);
        }
    }

    @Test
    void nothingRunsOnTheCpuUnnoticed() {
        HtpExecutor executor = new HtpExecutor(TestLibraries.require(), SM8650, 1);
        try (Executor.Session session = executor.open(TestModels.of("Erf"), List.of("y"), OPTIONS)) {
            NibbleException e = assertThrows(
                    NibbleException.class, () -> session.run(Map.of("x", Tensor.of(Shape.of(1, 4), 1f, 2f, 3f, 4f))));
            assertTrue(e.getMessage().contains("the HTP does not take the whole model"), e.getMessage());
            assertTrue(e.hint().contains("nibble placement"), e.hint());
        }
    }

    @Test
    void anotherBackendThatDoesNotLoadIsAnError(@TempDir Path folder) throws Exception {
        HtpLibraries real = TestLibraries.require();
        HtpLibraries broken = FakeLibrary.HANGS.in(folder);
        java.nio.file.Files.delete(broken.plugin());
        java.nio.file.Files.createSymbolicLink(broken.plugin(), real.plugin());
        java.nio.file.Files.write(broken.backend(), new byte[] {1, 2, 3});
        HtpExecutor executor = new HtpExecutor(broken, SM8650, 1);
        try (Executor.Session session = executor.open(TestModels.conv(), List.of("y"), OPTIONS)) {
            NibbleException e = assertThrows(
                    NibbleException.class,
                    () -> session.run(Map.of("x", Tensor.of(Shape.of(1, 1, 2, 2), 1f, 2f, 3f, 4f))));
            assertTrue(e.getMessage().contains("damaged") || e.getMessage().contains("did not start"), e.getMessage());
        }
    }

    @Test
    void namesThatAreNotInTheModelAreRefusedBeforeAnyProcessStarts(@TempDir Path folder) throws Exception {
        HtpExecutor executor = new HtpExecutor(FakeLibrary.HANGS.in(folder), SM8650, 1);
        NibbleException e = assertThrows(
                NibbleException.class, () -> executor.open(TestModels.conv(), List.of("nothing"), OPTIONS));
        assertEquals("model 'conv' has no value named 'nothing'", e.getMessage());
    }

    @Test
    void withoutLibrariesItSaysHowToGetThem(@TempDir Path folder) {
        NibbleException e =
                assertThrows(NibbleException.class, () -> new HtpExecutor(new HtpLibraries(folder), SM8650, 1));
        assertTrue(e.hint().startsWith("nibble htp install --accept-license"), e.hint());
    }
}
