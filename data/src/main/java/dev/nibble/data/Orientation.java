package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// How a camera was held: EXIF tag 0x0112 (Exif 2.32, §4.6.4), 1 to 8, where 1 is upright.
record Orientation(int code) {
    private static final Orientation UPRIGHT = new Orientation(1);

    /// What the JPEG `file` says; upright where it says nothing readable.
    static Orientation of(byte[] file) {
        ByteBuffer bytes = ByteBuffer.wrap(file);
        int at = 2;
        while (at + 4 <= file.length && bytes.get(at) == (byte) 0xFF) {
            int marker = bytes.get(at + 1) & 0xFF;
            int length = bytes.getShort(at + 2) & 0xFFFF;
            if (marker == 0xDA || marker == 0xD9 || length < 2 || at + 2 + length > file.length) {
                return UPRIGHT;
            }
            if (marker == 0xE1 && length >= 16 && bytes.getInt(at + 4) == 0x45786966) {
                return exif(bytes.slice(at + 10, length - 8));
            }
            at += 2 + length;
        }
        return UPRIGHT;
    }

    private static Orientation exif(ByteBuffer tiff) {
        tiff.order(tiff.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int directory = tiff.getInt(4);
        if (directory < 8 || directory > tiff.limit() - 2) {
            return UPRIGHT;
        }
        int entries = tiff.getShort(directory) & 0xFFFF;
        for (int i = 0; i < entries && directory + 14 + i * 12 <= tiff.limit(); i++) {
            int entry = directory + 2 + i * 12;
            if (tiff.getShort(entry) == 0x0112) {
                int code = tiff.getShort(entry + 8);
                return code >= 1 && code <= 8 ? new Orientation(code) : UPRIGHT;
            }
        }
        return UPRIGHT;
    }

    /// Turns height×width×3 bytes upright.
    Tensor apply(byte[] rgb, int height, int width) {
        if (code == 1) {
            return new Tensor(DataType.UINT8, Shape.of(height, width, 3), MemorySegment.ofArray(rgb));
        }
        boolean swapped = code >= 5;
        int outHeight = swapped ? width : height;
        int outWidth = swapped ? height : width;
        byte[] turned = new byte[rgb.length];
        for (int y = 0; y < outHeight; y++) {
            for (int x = 0; x < outWidth; x++) {
                int row = swapped ? x : y;
                int column = swapped ? y : x;
                boolean fromBottom = code == 3 || code == 4 || code == 6 || code == 7;
                boolean fromRight = code == 2 || code == 3 || code == 7 || code == 8;
                int from = ((fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column));
                System.arraycopy(rgb, from * 3, turned, (y * outWidth + x) * 3, 3);
            }
        }
        return new Tensor(DataType.UINT8, Shape.of(outHeight, outWidth, 3), MemorySegment.ofArray(turned));
    }
}
