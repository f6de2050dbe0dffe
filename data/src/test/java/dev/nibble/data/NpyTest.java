package dev.nibble.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `.npy` arrays as NumPy writes them.
class NpyTest {
    private static NpyArray parse(byte[] file) {
        return NpyArray.parse(MemorySegment.ofArray(file), "'x.npy'");
    }

    @ParameterizedTest
    @CsvSource({
        "|b1, BOOL, 1", "|u1, UINT8, 1", "|i1, INT8, 1", "<u2, UINT16, 2", ">u2, UINT16, 2", "<i2, INT16, 2",
        ">i2, INT16, 2", "<u4, UINT32, 4", "<i4, INT32, 4", ">i4, INT32, 4", "<u8, UINT64, 8", "<i8, INT64, 8",
        ">i8, INT64, 8", "<f2, FLOAT16, 2", ">f2, FLOAT16, 2", "<f4, FLOAT, 4", ">f4, FLOAT, 4", "<f8, DOUBLE, 8",
        ">f8, DOUBLE, 8"
    })
    void everyNumberTypeInEitherByteOrder(String descr, DataType type, int width) {
        ByteBuffer data = ByteBuffer.allocate(6 * width)
                .order(descr.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 6; i++) {
            int value = i % 2;
            switch (type) {
                case FLOAT -> data.putFloat(value);
                case DOUBLE -> data.putDouble(value);
                case FLOAT16 -> data.putShort(Float.floatToFloat16(value));
                default -> {
                    switch (width) {
                        case 1 -> data.put((byte) value);
                        case 2 -> data.putShort((short) value);
                        case 4 -> data.putInt(value);
                        default -> data.putLong(value);
                    }
                }
            }
        }
        NpyArray array = parse(Npy.file(1, descr, false, new long[] {2, 3}, data.array()));
        assertEquals(type, array.type());
        assertEquals(2, array.samples());
        assertArrayEquals(new float[] {0, 1, 0}, array.sample(0).toFloats());
        assertArrayEquals(new float[] {1, 0, 1}, array.sample(1).toFloats());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void fortranOrderGivesTheSameSamples(int version) {
        // a[i, j, k] = 100·i + 10·j + k of shape (2, 3, 4); Fortran order runs through the first axis fastest.
        byte[] c = new byte[24];
        byte[] fortran = new byte[24];
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 4; k++) {
                    byte value = (byte) (100 * i + 10 * j + k);
                    c[(i * 3 + j) * 4 + k] = value;
                    fortran[i + 2 * (j + 3 * k)] = value;
                }
            }
        }
        long[] shape = {2, 3, 4};
        NpyArray rows = parse(Npy.file(version, "|u1", false, shape, c));
        NpyArray columns = parse(Npy.file(version, "|u1", true, shape, fortran));
        for (int i = 0; i < 2; i++) {
            assertArrayEquals(rows.sample(i).toLongs(), columns.sample(i).toLongs());
            assertEquals(100 * i + 23, columns.sample(i).longAt(11));
        }
    }

    @Test
    void aHeaderThatClaimsTooMuchIsRefusedBeforeMemoryIsSetAside() {
        for (long claim : new long[] {1L << 60, Long.MAX_VALUE, 1L << 31, 5}) {
            NibbleException e = assertThrows(
                    NibbleException.class, () -> parse(Npy.file(1, "<f4", false, new long[] {claim, 3}, new byte[48])));
            assertTrue(e.getMessage().startsWith("'x.npy' is not a readable .npy array"), e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"<c8", "|O", "<U5", "|V2", "<M8[s]", "", "f4", "<f3"})
    void whatIsNoNumberIsRefusedByName(String descr) {
        assertThrows(NibbleException.class, () -> parse(Npy.file(1, descr, false, new long[] {1}, new byte[8])));
    }

    @Test
    void cutOffAndOverlongFilesAreRefused() {
        byte[] whole = Npy.floats(new long[] {2, 2}, 1, 2, 3, 4);
        for (int length = 0; length < whole.length; length++) {
            byte[] cut = java.util.Arrays.copyOf(whole, length);
            assertThrows(NibbleException.class, () -> parse(cut));
        }
        assertThrows(NibbleException.class, () -> parse(java.util.Arrays.copyOf(whole, whole.length + 1)));
    }
}
