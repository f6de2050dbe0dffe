package dev.nibble.cli;

import dev.nibble.quant.encodings.EncodingEntry;
import dev.nibble.quant.encodings.EncodingsReader;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/// The width of each tensor that an encodings file names; 0 for float.
final class EncodingsWidths {
    private EncodingsWidths() {}

    static Map<String, Integer> read(Path file) {
        Map<String, Integer> bits = new TreeMap<>();
        EncodingsReader.read(file)
                .all()
                .forEach((name, entry) -> bits.put(
                        name,
                        switch (entry) {
                            case EncodingEntry.Affine affine -> affine.bits();
                            case EncodingEntry.LowPowerBlocks blocks -> blocks.compressedBits();
                            case EncodingEntry.Width width -> width.bits();
                            case EncodingEntry.FloatingPoint floating -> 0;
                        }));
        return bits;
    }
}
