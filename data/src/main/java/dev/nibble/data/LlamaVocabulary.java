package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A `tokenizer.bin` of llama2.c: the pieces of text that token ids stand for. It turns ids into text; how text was cut
/// into pieces is not its matter here.
///
/// The file holds the longest piece's length, then of each id a score (float32), a length (int32) and UTF-8 bytes, all
/// little-endian. `<0x0A>` stands for the byte 10; ids 0 to 2 are unknown, begin and end.
///
/// @param pieces by id
record LlamaVocabulary(List<byte[]> pieces) implements TokenText {
    private static final long LARGEST = 64L << 20;
    private static final int SPECIAL = 3;
    private static final Pattern BYTE = Pattern.compile("<0x([0-9A-F]{2})>");

    /// @throws NibbleException where the file is none
    static LlamaVocabulary read(Path file) {
        List<byte[]> pieces = new ArrayList<>();
        try {
            if (Files.size(file) > LARGEST) {
                throw notOne(file, "it is too large");
            }
            ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            int longest = in.remaining() < 4 ? 0 : in.getInt();
            while (in.remaining() >= 8) {
                in.getFloat();
                int length = in.getInt();
                if (length < 0 || length > in.remaining()) {
                    throw notOne(file, "the piece of token %d has %d bytes".formatted(pieces.size(), length));
                }
                byte[] piece = new byte[length];
                in.get(piece);
                pieces.add(piece);
            }
            if (in.hasRemaining() || pieces.size() <= SPECIAL || longest < 1) {
                throw notOne(file, "it ends in the middle of a token");
            }
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path after --tokenizer", e);
        }
        return new LlamaVocabulary(List.copyOf(pieces));
    }

    private static NibbleException notOne(Path file, String reason) {
        return new NibbleException(
                "'%s' is no tokenizer: %s".formatted(file, reason),
                "give the tokenizer.json that belongs to the model, or llama2.c's tokenizer.bin");
    }

    @Override
    public String of(long[] ids) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        for (long id : ids) {
            if (id >= SPECIAL && id < pieces.size()) {
                byte[] piece = pieces.get((int) id);
                Matcher single = BYTE.matcher(new String(piece, StandardCharsets.UTF_8));
                if (single.matches()) {
                    text.write(Integer.parseInt(single.group(1), 16));
                } else {
                    text.writeBytes(piece);
                }
            }
        }
        return text.toString(StandardCharsets.UTF_8);
    }
}
