package dev.nibble.data;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;

/// Pictures for models with one channel.
enum Grey {
    /// The model takes colours.
    KEEP,
    /// The model takes one channel: ITU-R BT.601 luma, rounded, as Pillow's mode `L`.
    LUMA;

    /// What `input` calls for: luma where it has rank 4 and a channel axis (second or last) of size 1 and no other
    /// of size 3.
    static Grey where(InputSpec input) {
        long[] dims = input.dims();
        if (dims.length != 4) {
            return KEEP;
        }
        return dims[1] == 1 && dims[3] != 3 || dims[3] == 1 && dims[1] != 3 ? LUMA : KEEP;
    }

    /// @param picture UINT8 height×width×3
    Tensor convert(Tensor picture) {
        if (this == KEEP) {
            return picture;
        }
        byte[] rgb = picture.data().toArray(JAVA_BYTE);
        byte[] luma = new byte[rgb.length / 3];
        for (int i = 0, from = 0; i < luma.length; i++, from += 3) {
            int sum = (rgb[from] & 0xFF) * 19_595 + (rgb[from + 1] & 0xFF) * 38_470 + (rgb[from + 2] & 0xFF) * 7_471;
            luma[i] = (byte) (sum + 0x8000 >> 16);
        }
        Shape shape = picture.shape();
        return new Tensor(DataType.UINT8, Shape.of(shape.dim(0), shape.dim(1), 1), MemorySegment.ofArray(luma));
    }
}
