package dev.nibble.run.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.run.shared.SharedBuffer.Access;
import dev.nibble.run.shared.SharedBuffer.Kind;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedBufferTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void linux() {
        Assumptions.assumeTrue(SharedBuffer.available().contains(Kind.MEMFD), "shared memory needs Linux");
    }

    /// Descriptors of this process that lead to memory that this class made.
    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.filter(d -> {
                        try {
                            return Files.readSymbolicLink(d).toString().contains("memfd:nibble");
                        } catch (IOException e) {
                            return false; // closed meanwhile
                        }
                    })
                    .count();
        }
    }

    @Test
    void ownsItsDescriptorAndIsClosedOnce() throws IOException {
        long before = descriptors();
        SharedBuffer buffer = SharedBuffer.open(Kind.MEMFD, 5000);
        assertEquals(before + 1, descriptors());
        MemorySegment memory = buffer.memory();
        memory.set(ValueLayout.JAVA_BYTE, 4999, (byte) 7);
        Path file = Path.of("/proc/self/fd/" + buffer.descriptor());
        assertEquals(7, Files.readAllBytes(file)[4999], "what is written stands behind the descriptor");
        assertEquals(5000, Files.size(file));
        buffer.close();
        buffer.close();
        assertEquals(before, descriptors());
        assertThrows(IllegalStateException.class, () -> memory.get(ValueLayout.JAVA_BYTE, 0));
        assertThrows(IllegalStateException.class, buffer::descriptor);
    }

    @Test
    void nothingLeaksWhereMakingFails() throws IOException {
        long before = descriptors();
        for (long bytes : new long[] {Long.MAX_VALUE, 1L << 62, 1L << 55}) {
            NibbleException e = assertThrows(NibbleException.class, () -> SharedBuffer.open(Kind.MEMFD, bytes));
            assertTrue(e.getMessage().contains(bytes + " bytes of shared memory"), e.getMessage());
        }
        assertEquals(before, descriptors());
        for (int i = 0; i < 2000; i++) {
            SharedBuffer.open(Kind.MEMFD, 1 << 20).close();
        }
        assertEquals(before, descriptors());
    }

    @Test
    void whatIsNotHereIsSaid() {
        for (Kind kind : List.of(Kind.DMA_BUF, Kind.RPCMEM, Kind.ION)) {
            if (!SharedBuffer.available().contains(kind)) {
                NibbleException e = assertThrows(NibbleException.class, () -> SharedBuffer.open(kind, 4096));
                assertTrue(e.hint().contains("MEMFD"), e.hint());
            }
        }
        assertTrue(Kind.ION.assumed());
    }

    @Test
    void dmaBufWhereTheSystemHasHeaps() {
        Assumptions.assumeTrue(SharedBuffer.available().contains(Kind.DMA_BUF), "no DMA-BUF heap here");
        try (SharedBuffer buffer = SharedBuffer.open(Kind.DMA_BUF, 1 << 16)) {
            buffer.beginAccess(Access.READ_WRITE);
            buffer.memory().fill((byte) 3);
            buffer.endAccess(Access.READ_WRITE);
        }
    }

    @Test
    void tensorsLieInTheBuffer() {
        try (SharedBuffer buffer = SharedBuffer.open(Kind.MEMFD, 4096)) {
            Tensor tensor = buffer.tensor(DataType.FLOAT, Shape.of(2, 3));
            assertEquals(buffer.memory().address(), tensor.data().address());
            assertThrows(NibbleException.class, () -> buffer.tensor(DataType.FLOAT, Shape.of(1025)));
            buffer.beginAccess(Access.READ); // nothing to do, and no error
            buffer.endAccess(Access.WRITE);
        }
    }

    /// The numbers that this machine's kernel headers give.
    @Test
    void structuresAndNumbersAreThoseOfTheHeaders() throws IOException, InterruptedException {
        boolean here = Files.exists(Path.of("/usr/include/linux/dma-heap.h"))
                && Files.exists(Path.of("/usr/include/linux/dma-buf.h"))
                && Files.isExecutable(Path.of("/usr/bin/cc"));
        Assumptions.assumeTrue(here, "no kernel headers or no C compiler here");
        Path source = Files.writeString(folder.resolve("numbers.c"), """
                #include <stddef.h>
                #include <stdio.h>
                #include <fcntl.h>
                #include <sys/ioctl.h>
                #include <linux/dma-heap.h>
                #include <linux/dma-buf.h>
                #define P(x) printf("%llu\\n", (unsigned long long)(x));
                int main(void) {
                  P(DMA_HEAP_IOCTL_ALLOC) P(sizeof(struct dma_heap_allocation_data))
                  P(offsetof(struct dma_heap_allocation_data, len)) P(offsetof(struct dma_heap_allocation_data, fd))
                  P(offsetof(struct dma_heap_allocation_data, fd_flags))
                  P(DMA_BUF_IOCTL_SYNC) P(sizeof(struct dma_buf_sync))
                  P(DMA_BUF_SYNC_READ) P(DMA_BUF_SYNC_WRITE) P(DMA_BUF_SYNC_END) P(DMA_BUF_SYNC_START)
                  P(O_RDWR | O_CLOEXEC)
                  return 0; }
                """);
        Path program = folder.resolve("numbers");
        Process compiler = new ProcessBuilder(
                        "/usr/bin/cc", "-D_GNU_SOURCE", "-o", program.toString(), source.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, compiler.waitFor(), said);
        Process run = new ProcessBuilder(program.toString()).start();
        List<Long> numbers = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .map(Long::parseUnsignedLong)
                .toList();
        assertEquals(
                List.of(
                        KernelInterface.DMA_HEAP_ALLOCATE,
                        (long) KernelInterface.DMA_HEAP_BYTES,
                        (long) KernelInterface.DMA_HEAP_LENGTH,
                        (long) KernelInterface.DMA_HEAP_DESCRIPTOR,
                        (long) KernelInterface.DMA_HEAP_DESCRIPTOR_FLAGS,
                        KernelInterface.DMA_BUF_SYNC,
                        8L,
                        KernelInterface.SYNC_READ,
                        KernelInterface.SYNC_WRITE,
                        KernelInterface.SYNC_END,
                        0L,
                        (long) KernelInterface.READ_WRITE_CLOSE_ON_EXEC),
                numbers);
    }
}
