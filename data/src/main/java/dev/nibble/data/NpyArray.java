package dev.nibble.data;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// An array in NumPy's `.npy` format, versions 1 to 3, looked at where it lies. The first axis counts samples.
///
/// Boolean, whole and floating-point numbers in either byte order, in C and Fortran order. Format:
/// `numpy.lib.format`.
///
/// @param shape at least one dimension
/// @param data the elements as stored
record NpyArray(DataType type, Shape shape, boolean fortranOrder, boolean bigEndian, MemorySegment data) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int LONGEST_HEADER = 1 << 20;

    /// Reads the header of `file`.
    ///
    /// @param where the file, for messages
    /// @throws NibbleException where it is no such array, or shorter or longer than its header says
    static NpyArray parse(MemorySegment file, String where) {
        if (file.byteSize() < 10 || !Arrays.equals(file.asSlice(0, 6).toArray(JAVA_BYTE), MAGIC)) {
            throw damaged(where, "it does not start as a .npy file does");
        }
        int version = file.get(JAVA_BYTE, 6);
        int start = version == 1 ? 10 : 12;
        if (version < 1 || version > 3 || file.byteSize() < start) {
            throw damaged(where, "format version " + version + " is unknown");
        }
        long length = version == 1 ? file.get(Tensor.SHORT_LE, 8) & 0xFFFF : file.get(Tensor.INT_LE, 8) & 0xFFFF_FFFFL;
        if (length > LONGEST_HEADER || start + length > file.byteSize()) {
            throw damaged(where, "its header claims %d bytes".formatted(length));
        }
        String header = new String(file.asSlice(start, length).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
        NpyHeader parsed = NpyHeader.parse(header, where);
        DataType type = parsed.type(where);
        Shape shape;
        long bytes;
        try {
            shape = Shape.of(parsed.shape());
            bytes = type.bytes(shape.elements());
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw damaged(where, "its header claims " + InputSpec.text(parsed.shape(), false) + " elements");
        }
        long present = file.byteSize() - start - length;
        if (present != bytes) {
            throw damaged(
                    where,
                    "%s %s takes %d bytes, but %d follow the header".formatted(type.onnxName(), shape, bytes, present));
        }
        if (shape.rank() == 0) {
            throw new NibbleException(
                    where + " holds a single number, not samples", "store the samples as an array [N, …]");
        }
        return new NpyArray(type, shape, parsed.fortranOrder(), parsed.bigEndian(), file.asSlice(start + length));
    }

    long samples() {
        return shape.dim(0);
    }

    /// The shape of one sample.
    long[] sampleDims() {
        return Arrays.copyOfRange(shape.dims(), 1, shape.rank());
    }

    /// Sample `index`: a slice of the file where the order allows, else a copy.
    Tensor sample(long index) {
        Shape one = Shape.of(sampleDims());
        int width = type.bits() / 8;
        long bytes = type.bytes(one.elements());
        if (!fortranOrder) {
            MemorySegment slice = data.asSlice(index * bytes, bytes);
            if (!bigEndian) {
                return new Tensor(type, one, slice);
            }
            byte[] swapped = slice.toArray(JAVA_BYTE);
            swap(swapped, width);
            return new Tensor(type, one, MemorySegment.ofArray(swapped));
        }
        byte[] gathered = new byte[Math.toIntExact(bytes)];
        gather(index, width, gathered);
        if (bigEndian) {
            swap(gathered, width);
        }
        return new Tensor(type, one, MemorySegment.ofArray(gathered));
    }

    /// Walks the sample in row-major order; its element (j₁, j₂, …) lies at index + N·(j₁ + d₁·(j₂ + …)).
    private void gather(long index, int width, byte[] into) {
        long[] dims = sampleDims();
        long[] strides = new long[dims.length];
        long stride = samples();
        for (int axis = 0; axis < dims.length; axis++) {
            strides[axis] = stride;
            stride *= dims[axis];
        }
        long[] at = new long[dims.length];
        long element = index;
        for (int to = 0; to < into.length; to += width) {
            MemorySegment.copy(data, JAVA_BYTE, element * width, into, to, width);
            for (int axis = dims.length - 1; axis >= 0; axis--) {
                element += strides[axis];
                if (++at[axis] < dims[axis]) {
                    break;
                }
                element -= strides[axis] * dims[axis];
                at[axis] = 0;
            }
        }
    }

    private static void swap(byte[] bytes, int width) {
        for (int i = 0; i < bytes.length; i += width) {
            for (int low = i, high = i + width - 1; low < high; low++, high--) {
                byte kept = bytes[low];
                bytes[low] = bytes[high];
                bytes[high] = kept;
            }
        }
    }

    static NibbleException damaged(String where, String what) {
        return new NibbleException(where + " is not a readable .npy array: " + what, "write it again with numpy.save");
    }
}
