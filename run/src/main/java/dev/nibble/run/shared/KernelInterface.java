package dev.nibble.run.shared;

/// Numbers of the kernel's interfaces: `linux/dma-heap.h`, `linux/dma-buf.h`, and for kernels before 5.11 `ion.h`. A
/// test compiles the headers and compares; the last is from documentation alone.
final class KernelInterface {
    /// `DMA_HEAP_IOCTL_ALLOC`: `_IOWR('H', 0, struct dma_heap_allocation_data)`.
    static final long DMA_HEAP_ALLOCATE = readWrite('H', 0, 24);

    /// `struct dma_heap_allocation_data`: u64 len, u32 fd, u32 fd_flags, u64 heap_flags.
    static final int DMA_HEAP_BYTES = 24;

    static final int DMA_HEAP_LENGTH = 0;
    static final int DMA_HEAP_DESCRIPTOR = 8;
    static final int DMA_HEAP_DESCRIPTOR_FLAGS = 12;

    /// `DMA_BUF_IOCTL_SYNC`: `_IOW('b', 0, struct dma_buf_sync)`, a u64 of flags.
    static final long DMA_BUF_SYNC = write('b', 0, 8);

    static final long SYNC_READ = 1;
    static final long SYNC_WRITE = 2;
    static final long SYNC_END = 4;

    /// `ION_IOC_ALLOC` of 4.12 to 5.10: `_IOWR('I', 0, struct ion_allocation_data)`. Assumed.
    static final long ION_ALLOCATE = readWrite('I', 0, 24);

    /// `struct ion_allocation_data`: u64 len, u32 heap_id_mask, u32 flags, u32 fd, u32 unused. Assumed.
    static final int ION_BYTES = 24;

    static final int ION_LENGTH = 0;
    static final int ION_HEAPS = 8;
    static final int ION_DESCRIPTOR = 16;

    /// Qualcomm's system heap. Assumed.
    static final int ION_SYSTEM_HEAP = 1 << 25;

    /// `O_RDWR | O_CLOEXEC`.
    static final int READ_WRITE_CLOSE_ON_EXEC = 2 | 02000000;

    private KernelInterface() {}

    private static long readWrite(char type, int number, int size) {
        return 3L << 30 | (long) size << 16 | (long) type << 8 | number;
    }

    private static long write(char type, int number, int size) {
        return 1L << 30 | (long) size << 16 | (long) type << 8 | number;
    }
}
