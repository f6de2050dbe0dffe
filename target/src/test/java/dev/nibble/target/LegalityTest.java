package dev.nibble.target;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LegalityTest {
    /// The rules were written from this table, so they must give it back; one reflect-padding case is not
    /// worth a rule.
    private static final double REQUIRED_AGREEMENT = 0.999;

    @Test
    void agreesWithTheCompiler() throws IOException {
        Legality rules = Legality.htp();
        int asked = 0;
        List<String> wrong = new ArrayList<>();
        for (String line : Files.readAllLines(TargetsTest.shared("npu/htp_legality.csv"))) {
            // The variant of one operator has a comma, in quotes.
            String[] cells = line.replace("\"bhnd,bhmd\"", "bhnd bhmd").split(",", 10);
            if (!Set.of("u8", "u16", "s8", "s16", "f32", "mix").contains(cells[2])) {
                continue;
            }
            boolean accepted = cells[7].equals("yes") && !cells[8].equals("no");
            String op = cells[0].startsWith("Conv+") ? "Conv" : cells[0];
            Legality.Query query = new Legality.Query(
                    op, cells[2] + "/" + cells[3] + "/" + cells[4], traits(cells[0], cells[1], cells[2]));
            asked++;
            if (rules.check(HtpArch.valueOf(cells[5].toUpperCase(Locale.ROOT)), query)
                            .accepted()
                    != accepted) {
                wrong.add(line);
            }
        }
        double agreement = 1 - (double) wrong.size() / asked;
        System.out.printf("legality rules agree in %d of %d cases%n", asked - wrong.size(), asked);
        assertTrue(asked > 11_000 && agreement >= REQUIRED_AGREEMENT, () -> String.join("\n", wrong));
    }

    private static Set<String> traits(String op, String variant, String activation) {
        Set<String> traits = new HashSet<>();
        if (variant.contains("rank 6") || variant.equals("6D")) {
            traits.add("rank6");
        }
        if (variant.contains("rank 5") || variant.equals("5D")) {
            traits.add("rank5");
        }
        if (variant.equals("3D")) {
            traits.add("3d");
        }
        for (String word : List.of("dilated", "depthwise")) {
            if (variant.contains(word)) {
                traits.add(word);
            }
        }
        if (variant.equals("1x1")) {
            traits.add("1x1");
        }
        if (op.startsWith("Conv") && !variant.equals("no bias") && !variant.equals("1D")) {
            traits.add("bias");
        }
        if (op.startsWith("Conv+")) {
            traits.add("fused");
        }
        if (op.equals("Resize") && !variant.contains("linear")) {
            traits.add("notLinear");
        }
        boolean vector = Set.of("2 inputs", "per-channel").contains(variant);
        if (op.equals("PRelu") && vector
                || op.equals("Pow") && (vector || Set.of("broadcast", "scalar").contains(variant))) {
            traits.add("notExponent");
        }
        if (op.equals("Einsum") || op.equals("MatMul") && (activation.equals("s16") || variant.contains("s16"))) {
            traits.add("computed16");
        }
        return traits;
    }
}
