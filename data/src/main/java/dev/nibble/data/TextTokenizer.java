package dev.nibble.data;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A `tokenizer.json`, run by Hugging Face's own library. Safe for several threads.
final class TextTokenizer implements TokenText {
    private final HuggingFaceTokenizer tokenizer;
    private final int maxLength;
    private final long pad;

    private TextTokenizer(HuggingFaceTokenizer tokenizer, int maxLength, long pad) {
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.pad = pad;
    }

    /// @param maxLength tokens a text; 0: as many as the file's own truncation says, without one as many as there are
    /// @throws NibbleException where the file is no tokenizer
    static TextTokenizer open(Path file, int maxLength) {
        if (!Files.isRegularFile(file)) {
            throw new NibbleException("'" + file + "' is no file", "check the path after --tokenizer");
        }
        JsonNode json;
        try {
            json = JsonMapper.shared().readTree(file);
        } catch (JacksonException e) {
            throw notOne(file, ParserMessage.plain(e.getOriginalMessage()), e);
        }
        if (!json.path("model").isObject()) {
            throw notOne(file, json.isMissingNode() ? "it is empty" : "it has no \"model\"", null);
        }
        int own = json.path("truncation").path("max_length").asInt(0);
        int most = maxLength > 0 ? maxLength : own;
        Map<String, String> options = new HashMap<>();
        options.put("addSpecialTokens", "true");
        options.put("padding", "false");
        options.put("truncation", most > 0 ? "true" : "false");
        if (most > 0) {
            options.put("maxLength", Integer.toString(most));
            options.put("modelMaxLength", Integer.toString(most));
        }
        try {
            HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(file, options);
            return new TextTokenizer(
                    tokenizer, most, json.path("padding").path("pad_id").asLong(0));
        } catch (IOException | RuntimeException e) {
            throw notOne(file, e.getMessage(), e);
        }
    }

    private static NibbleException notOne(Path file, @Nullable String reason, @Nullable Throwable cause) {
        String text = "'%s' is no tokenizer: %s".formatted(file, reason);
        String hint =
                "give the tokenizer.json that belongs to the model; a vocab.txt or tokenizer.model is another form of it";
        return cause == null ? new NibbleException(text, hint) : new NibbleException(text, hint, cause);
    }

    /// The tokens of `text`, special ones included.
    Tokens encode(String text) {
        Encoding encoding = tokenizer.encode(text);
        return new Tokens(encoding.getIds(), encoding.getTypeIds(), encoding.exceedMaxLength());
    }

    @Override
    public String of(long[] ids) {
        return tokenizer.decode(ids, true);
    }

    /// Tokens a text; 0 where there is no limit.
    int maxLength() {
        return maxLength;
    }

    /// The id that fills up.
    long pad() {
        return pad;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
