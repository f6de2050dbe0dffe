package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class FailureTest {
    @Test
    void whatTheUserCanMendIsShownAsItIs() {
        NibbleException error = new NibbleException("node 'conv_12' has no weight", "fold constants");
        Failure shown = new Failure("node 'conv_12' has no weight", "fold constants");
        assertEquals(shown, Failure.of(error, "quantize", null));
        assertEquals(shown, Failure.of(new CompletionException(error), "quantize", null));
    }

    @Test
    void aMissingFileIsNamed() {
        Failure failure = Failure.of(new UncheckedIOException(new NoSuchFileException("m.onnx")), "inspect", null);
        assertEquals("no such file: 'm.onnx'", failure.message());
    }

    @Test
    void aDefectSaysWhatWasBeingDone() {
        Failure failure = Failure.of(new IllegalStateException("negative"), "quantize", "calibrating");
        assertEquals("unexpected IllegalStateException in 'quantize' (calibrating): negative", failure.message());
        assertTrue(failure.hint().contains("--debug"), failure.hint());
    }

    @Test
    void errorsOfTheJvmAreErrorsLikeOthers() {
        assertTrue(Failure.of(new OutOfMemoryError(), "quantize", null).hint().contains("--max-memory"));
        assertTrue(
                Failure.of(new StackOverflowError(), "inspect", null).message().contains("nested too deeply"));
    }
}
