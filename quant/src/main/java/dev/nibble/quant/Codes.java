package dev.nibble.quant;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Integer codes in ONNX's packed little-endian layout: elements narrower than a byte share it, low bits first.
public final class Codes {
    private Codes() {}

    /// Writes `codes[0…count)` as elements `at…` of `packed`. Only the low bits of each code are kept; neighbours
    /// in shared bytes keep theirs.
    ///
    /// @param type an integer type of 2 to 32 bits
    public static void pack(int[] codes, int count, DataType type, MemorySegment packed, long at) {
        switch (type.bits()) {
            case 2, 4 -> packBits(codes, count, type.bits(), packed, at);
            case 8 -> {
                for (int i = 0; i < count; i++) {
                    packed.set(ValueLayout.JAVA_BYTE, at + i, (byte) codes[i]);
                }
            }
            case 16 -> {
                for (int i = 0; i < count; i++) {
                    packed.set(Tensor.SHORT_LE, (at + i) * 2, (short) codes[i]);
                }
            }
            case 32 -> MemorySegment.copy(codes, 0, packed, Tensor.INT_LE, at * 4, count);
            default -> throw new IllegalArgumentException(type.onnxName() + " does not hold integer codes");
        }
    }

    /// Reads elements `at…at + count` of `packed` into `codes[0…count)`.
    ///
    /// @param type an integer type of 2 to 32 bits
    public static void unpack(MemorySegment packed, long at, int count, DataType type, int[] codes) {
        boolean signed = IntegerGrid.of(type).signed();
        switch (type.bits()) {
            case 2, 4 -> unpackBits(packed, at, count, type.bits(), signed, codes);
            case 8 -> {
                for (int i = 0; i < count; i++) {
                    byte code = packed.get(ValueLayout.JAVA_BYTE, at + i);
                    codes[i] = signed ? code : code & 0xFF;
                }
            }
            case 16 -> {
                for (int i = 0; i < count; i++) {
                    short code = packed.get(Tensor.SHORT_LE, (at + i) * 2);
                    codes[i] = signed ? code : code & 0xFFFF;
                }
            }
            case 32 -> MemorySegment.copy(packed, Tensor.INT_LE, at * 4, codes, 0, count);
            default -> throw new IllegalArgumentException(type.onnxName() + " does not hold integer codes");
        }
    }

    private static void packBits(int[] codes, int count, int bits, MemorySegment packed, long at) {
        int perByte = 8 / bits;
        int mask = (1 << bits) - 1;
        for (int i = 0; i < count; ) {
            long element = at + i;
            long where = element / perByte;
            int slot = (int) (element % perByte);
            int end = Math.min(perByte, slot + count - i);
            int value = end - slot == perByte ? 0 : packed.get(ValueLayout.JAVA_BYTE, where);
            for (; slot < end; slot++, i++) {
                int shift = slot * bits;
                value = value & ~(mask << shift) | (codes[i] & mask) << shift;
            }
            packed.set(ValueLayout.JAVA_BYTE, where, (byte) value);
        }
    }

    private static void unpackBits(MemorySegment packed, long at, int count, int bits, boolean signed, int[] codes) {
        int perByte = 8 / bits;
        int spare = 32 - bits;
        for (int i = 0; i < count; i++) {
            long element = at + i;
            int shifted =
                    packed.get(ValueLayout.JAVA_BYTE, element / perByte) >>> (int) (element % perByte * bits) << spare;
            codes[i] = signed ? shifted >> spare : shifted >>> spare;
        }
    }
}
