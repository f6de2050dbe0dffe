package dev.nibble.htp;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Assumptions;

/// A shared library for Linux on x86-64 that does one bad thing while it is loaded: the smallest ELF file that the
/// loader takes, with a few machine instructions as its initializer.
enum FakeLibrary {
    /// An illegal instruction: the process is ended by a signal.
    ABORTS(0x0f, 0x0b),
    /// A jump to itself: nothing more happens.
    HANGS(0xeb, 0xfe);

    private static final int CODE = 0x200;
    private static final int DYNAMIC = 0x220;
    private static final int SYMBOLS = 0x2a0;
    private static final int STRINGS = 0x2c0;
    private static final int HASH = 0x2d0;
    private static final int SIZE = 0x300;

    private final byte[] code;

    FakeLibrary(int... code) {
        this.code = new byte[code.length];
        for (int i = 0; i < code.length; i++) {
            this.code[i] = (byte) code[i];
        }
    }

    /// A folder like the one that the wheel unpacks to, with this as its plugin.
    HtpLibraries in(Path folder) throws IOException {
        Assumptions.assumeTrue(
                System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")
                        && System.getProperty("os.arch").equals("amd64"),
                "the fake library is for Linux on x86-64");
        Files.createDirectories(folder.resolve("onnxruntime_qnn.libs"));
        HtpLibraries libraries = new HtpLibraries(folder);
        Files.createDirectories(libraries.plugin().getParent());
        Files.write(libraries.plugin(), bytes());
        Files.write(libraries.backend(), bytes());
        Files.write(libraries.backend().resolveSibling("libQnnSystem.so"), bytes());
        return libraries;
    }

    private byte[] bytes() {
        ByteBuffer elf = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
        // ET_DYN, EM_X86_64, version, entry, program headers at 64, no sections.
        elf.putShort((short) 3)
                .putShort((short) 62)
                .putInt(1)
                .putLong(0)
                .putLong(64)
                .putLong(0)
                .putInt(0);
        elf.putShort((short) 64)
                .putShort((short) 56)
                .putShort((short) 3)
                .putShort((short) 0)
                .putInt(0);
        // PT_LOAD of the whole file, readable, writable, executable; PT_DYNAMIC; PT_GNU_STACK, not executable.
        header(elf, 1, 7, 0, SIZE, 0x1000);
        header(elf, 2, 6, DYNAMIC, 8 * 16, 8);
        header(elf, 0x6474e551, 6, 0, 0, 16);
        elf.position(CODE).put(code);
        elf.position(DYNAMIC);
        long[][] dynamic = {
            {4, HASH}, {5, STRINGS}, {6, SYMBOLS}, {10, 1}, {11, 24}, {12, CODE}, {0, 0}, {0, 0},
        };
        for (long[] entry : dynamic) {
            elf.putLong(entry[0]).putLong(entry[1]);
        }
        // One bucket, one symbol, which is none.
        elf.position(HASH).putInt(1).putInt(1).putInt(0).putInt(0);
        return elf.array();
    }

    private static void header(ByteBuffer elf, int type, int flags, long offset, long size, long align) {
        elf.putInt(type).putInt(flags).putLong(offset).putLong(offset).putLong(offset);
        elf.putLong(size).putLong(size).putLong(align);
    }
}
