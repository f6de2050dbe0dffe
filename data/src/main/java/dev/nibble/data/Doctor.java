package dev.nibble.data;

import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Looks at samples as they stream by, and says what is odd about them: NaN or infinity, duplicates, constant samples,
/// texts that were cut, a range that does not fit the preprocessing.
///
/// Its memory is bounded: duplicates are looked for among the first 2^20 samples only. Hand it to
/// [DataSet#batches(int, Doctor)]; read [#findings] when the batches are through.
public final class Doctor {
    private static final int MOST_HASHES = 1 << 20;

    private final List<Vitals> inputs = new ArrayList<>();
    private long[] hashes = new long[1 << 10];
    private long[] hashedAt = new long[1 << 10];
    private int hashed;
    private long seen;
    private List<Finding> recalled = List.of();
    private long cut;
    private String firstCut = "";
    private long duplicates;
    private String firstDuplicate = "";
    private DataOptions options = DataOptions.NONE;

    /// What is known of one input.
    private static final class Vitals {
        private final InputSpec input;
        private final boolean bytes;
        private float low = Float.POSITIVE_INFINITY;
        private float high = Float.NEGATIVE_INFINITY;
        private long constant;
        private String firstConstant = "";
        private @Nullable String firstNotFinite;
        private long notFinite;

        Vitals(InputSpec input, boolean bytes) {
            this.input = input;
            this.bytes = bytes;
        }
    }

    synchronized void look(
            DataSet set, long index, List<Preparation.Outcome> outcomes, List<MemorySegment> memory, int row) {
        if (seen++ == 0) {
            options = set.options();
            for (int i = 0; i < set.inputs().size(); i++) {
                inputs.add(new Vitals(set.inputs().get(i), set.field(i).type().bits() == 8));
            }
        }
        long hash = 0x9E3779B97F4A7C15L;
        for (int i = 0; i < outcomes.size(); i++) {
            Preparation.Outcome outcome = outcomes.get(i);
            Vitals vitals = inputs.get(i);
            long bytes = Assembler.bytes(vitals.input, outcome.fit());
            hash = hash(memory.get(i).asSlice(row * bytes, bytes), hash + bytes);
            if (!outcome.finite()) {
                if (vitals.notFinite++ == 0) {
                    vitals.firstNotFinite = set.name(index);
                }
                continue;
            }
            vitals.low = Math.min(vitals.low, outcome.low());
            vitals.high = Math.max(vitals.high, outcome.high());
            boolean several = bytes > vitals.input.type().bits() / 8;
            if (several && outcome.low() == outcome.high() && vitals.constant++ == 0) {
                vitals.firstConstant = set.name(index);
            }
        }
        if (set.cut(index) && cut++ == 0) {
            firstCut = "'%s' to %d".formatted(set.name(index), set.tokens(index).orElse(0));
        }
        remember(hash == 0 ? 1 : hash, index, set);
    }

    /// Takes over what was found in an earlier look at the same samples.
    public synchronized void recall(List<Finding> earlier) {
        recalled = List.copyOf(earlier);
    }

    /// What was found so far, worst first.
    public synchronized List<Finding> findings() {
        List<Finding> findings = new ArrayList<>(recalled);
        for (Vitals vitals : inputs) {
            if (vitals.firstNotFinite != null) {
                findings.add(Assembler.notFinite(vitals.input, vitals.firstNotFinite));
            }
            if (vitals.constant > 0 && Elements.isFloat(vitals.input.type())) {
                findings.add(new Finding(
                        "D005",
                        Finding.Severity.WARNING,
                        "%d samples hold one value only in '%s', first '%s'"
                                .formatted(vitals.constant, vitals.input.name(), vitals.firstConstant),
                        "leave blank samples out: they widen nothing and count as samples"));
            }
            if (Elements.isFloat(vitals.input.type()) && vitals.low <= vitals.high) {
                range(vitals, findings);
            }
        }
        if (cut > 0) {
            findings.add(new Finding(
                    "D015",
                    Finding.Severity.HINT,
                    "%d of %d texts were cut, first %s tokens".formatted(cut, seen, firstCut),
                    "a larger --max-length keeps more, as far as the model takes it"));
        }
        if (duplicates > 0) {
            findings.add(new Finding(
                    "D004",
                    duplicates * 20 >= seen ? Finding.Severity.WARNING : Finding.Severity.HINT,
                    "%d of %d samples repeat an earlier one, first %s".formatted(duplicates, seen, firstDuplicate),
                    "leave doubles out: they add time, not knowledge"));
        }
        findings.sort(Comparator.comparing(Finding::severity).reversed());
        return List.copyOf(findings);
    }

    /// Compares the stored range with what scale, mean and std are made for.
    private void range(Vitals vitals, List<Finding> findings) {
        boolean unit = vitals.low >= 0 && vitals.high <= 1;
        boolean like255 = vitals.low >= 0 && vitals.high > 32 && vitals.high <= 255;
        double scale = options.scale() == null ? 1 : options.scale();
        double most = options.mean().stream().mapToDouble(Math::abs).max().orElse(0);
        double widest = options.std().stream().mapToDouble(Math::abs).max().orElse(1);
        String range = "'%s' holds %s to %s as stored".formatted(vitals.input.name(), vitals.low, vitals.high);
        if (like255 && !options.normalizes()) {
            findings.add(new Finding(
                    "D006",
                    Finding.Severity.HINT,
                    range + ", and no scale, mean or std is given",
                    "right for a model trained on 0–255; for one trained on 0–1 add --scale 0.00392157"));
        } else if (like255 && scale == 1 && most <= 1.5 && widest <= 1.5 && !(most == 0 && widest == 1)) {
            findings.add(new Finding(
                    "D007",
                    Finding.Severity.WARNING,
                    range + ", but mean and std are made for 0–1",
                    "add --scale 0.00392157 (1/255), or multiply mean and std by 255"));
        } else if (unit && !vitals.bytes && scale <= 2 && (most > 2 || widest > 2)) {
            findings.add(new Finding(
                    "D008",
                    Finding.Severity.WARNING,
                    range + ", but mean and std are made for 0–255",
                    "add --scale 255, or divide mean and std by 255"));
        } else if (like255 && vitals.bytes && scale > 0 && scale * 255 < 0.02) {
            findings.add(new Finding(
                    "D009",
                    Finding.Severity.WARNING,
                    range + ", and --scale makes nearly nothing of it",
                    "check --scale; 1/255 is 0.00392157"));
        }
    }

    private void remember(long hash, long index, DataSet set) {
        if (hashed >= MOST_HASHES) {
            return;
        }
        if (hashed * 2 >= hashes.length) {
            grow();
        }
        int at = find(hashes, hash);
        if (hashes[at] == hash) {
            if (duplicates++ == 0) {
                firstDuplicate = "'%s' repeats '%s'".formatted(set.name(index), set.name(hashedAt[at]));
            }
            return;
        }
        hashes[at] = hash;
        hashedAt[at] = index;
        hashed++;
    }

    private void grow() {
        long[] wider = new long[hashes.length * 2];
        long[] widerAt = new long[hashes.length * 2];
        for (int i = 0; i < hashes.length; i++) {
            if (hashes[i] != 0) {
                int at = find(wider, hashes[i]);
                wider[at] = hashes[i];
                widerAt[at] = hashedAt[i];
            }
        }
        hashes = wider;
        hashedAt = widerAt;
    }

    /// Where `hash` is, or should go; 0 marks free places.
    private static int find(long[] table, long hash) {
        int at = (int) (hash >>> 32 ^ hash) & table.length - 1;
        while (table[at] != 0 && table[at] != hash) {
            at = at + 1 & table.length - 1;
        }
        return at;
    }

    /// A 64-bit hash of the content; two samples of 10^5 collide by chance with probability below 10^-9.
    static long hash(MemorySegment data, long seed) {
        long hash = seed;
        long at = 0;
        for (; at + 8 <= data.byteSize(); at += 8) {
            hash = Long.rotateLeft((hash ^ data.get(Tensor.LONG_LE, at)) * 0x9FB21C651E98DF25L, 29);
        }
        for (; at < data.byteSize(); at++) {
            hash = Long.rotateLeft(
                    (hash ^ data.get(java.lang.foreign.ValueLayout.JAVA_BYTE, at)) * 0x9FB21C651E98DF25L, 29);
        }
        hash ^= hash >>> 32;
        hash *= 0xD6E8FEB86659FD93L;
        return hash ^ hash >>> 32;
    }
}
