package dev.nibble.npu.profile.log;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.profile.Advice;
import dev.nibble.npu.profile.log.LogEvidence.Placement;
import dev.nibble.npu.profile.log.LogEvidence.Refused;
import dev.nibble.npu.profile.log.LogEvidence.Sign;
import dev.nibble.npu.profile.read.Lines;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Reads logs of ONNX Runtime and QNN, colours and all, line by line.
public final class ReadLog {
    private static final Pattern COLOR = Pattern.compile("\u001b?\\[[0-9;]*m");
    private static final Pattern FAILED =
            Pattern.compile("Validation FAILED for \\d+ nodes? in OrtNodeUnit \\((.*?)\\)");
    private static final Pattern NODE = Pattern.compile("Operator type: (\\S+) Node name: (.*?) Node index:");
    private static final Pattern PLACED = Pattern.compile("placed on \\[([^]]+)]\\. Number of nodes: (\\d{1,9})");
    private static final Pattern UNSUPPORTED = Pattern.compile("\\{ ?name: ([^,}]*), type: ([^}]*?) ?}");
    private static final Pattern REQUEST = Pattern.compile("((?:in|out)\\[\\d+])\\s*:\\s*QNN_DATATYPE_(\\w+)");
    private static final Pattern IN_NODE = Pattern.compile("in the node '([^']*)'");

    private static final Map<String, String> SIGNS = signs();
    private static final int LISTED = 100;
    private static final int MOST_NODES = 100_000;

    private final String file;
    private final Map<String, Refused> refused = new LinkedHashMap<>();
    private final List<Placement> placements = new ArrayList<>();
    private final FindErrors errors = new FindErrors();
    private final Map<String, Sign> signs = new LinkedHashMap<>();
    private final List<String> placedNodes = new ArrayList<>();
    private int session;
    private @Nullable String provider;
    private long placed;
    private @Nullable String unit;
    private final List<String[]> unitNodes = new ArrayList<>();
    private String complaint = "";
    private final List<String> requested = new ArrayList<>();
    private final Set<String> supported = new LinkedHashSet<>();
    private final List<String> set = new ArrayList<>();
    private boolean readingRequest;
    private boolean readingSets;

    private ReadLog(String file) {
        this.file = file;
    }

    /// @param name what messages call the file
    /// @throws NibbleException where it cannot be read, or is empty
    public static LogEvidence of(Path file, String name) {
        try (Lines lines = new Lines(new BufferedInputStream(Files.newInputStream(file)))) {
            return new ReadLog(name).all(lines);
        } catch (IOException e) {
            throw new NibbleException(
                    Files.isDirectory(file)
                            ? "'" + name + "' is a folder"
                            : Files.exists(file) ? "'" + name + "' cannot be read" : "there is no file '" + name + "'",
                    "give the log of ONNX Runtime or QNN",
                    e);
        }
    }

    private LogEvidence all(Lines lines) throws IOException {
        boolean text = false;
        for (String line = lines.next(); line != null; line = lines.next()) {
            text |= !line.isBlank();
            if (lines.number() == 1 && line.indexOf('\0') >= 0) {
                throw new NibbleException(
                        "'" + file + "' is UTF-16 or binary, not text", "convert it: iconv -f UTF-16 -t UTF-8");
            }
            line(COLOR.matcher(line).replaceAll(""), lines.number());
        }
        if (!text) {
            throw new NibbleException("'" + file + "' is empty", "log at level VERBOSE, to a file");
        }
        endPlacement();
        return new LogEvidence(
                file,
                List.copyOf(refused.values()),
                placements,
                errors.found(),
                List.copyOf(signs.values()),
                lines.number());
    }

    private void line(String line, long number) {
        String text = line.strip();
        if (text.isEmpty()) {
            return;
        }
        validator(text);
        units(text, number);
        placement(text);
        Matcher unsupported = UNSUPPORTED.matcher(text);
        if (text.contains("Unsupported nodes in QNN EP")) {
            while (unsupported.find()) {
                refuse(unsupported.group(1), unsupported.group(2), "not supported by QNN EP", number);
            }
        }
        errors.look(text, number);
        SIGNS.forEach((sign, advice) -> {
            if (text.contains(sign)) {
                signs.merge(
                        sign,
                        new Sign(text.length() > 300 ? text.substring(0, 300) + "…" : text, advice, 1, number),
                        (a, b) -> new Sign(a.text(), a.advice(), a.times() + 1, a.line()));
            }
        });
    }

    /// The HTP library's own words, which come before ONNX Runtime's.
    private void validator(String text) {
        Matcher type = REQUEST.matcher(text);
        if (type.find()) {
            String entry = type.group(1) + " " + type.group(2);
            if (readingRequest) {
                requested.add(entry);
            } else if (readingSets && set.size() < LISTED) {
                set.add(entry);
            }
            return;
        }
        endSet();
        if (text.contains("<E>")) {
            readingRequest = text.contains("Requested I/O datatype set");
            readingSets = text.contains("Supported I/O datatype sets");
            String words = text.substring(text.indexOf("<E>") + 3).strip();
            if (readingRequest) {
                requested.clear();
                supported.clear();
            } else if (IN_NODE.matcher(words).find()
                    || words.contains("incorrect")
                    || words.contains("doesn't support")) {
                complaint = words;
            }
        }
    }

    private void endSet() {
        if (!set.isEmpty()) {
            if (set.size() == requested.size() && supported.size() < LISTED) {
                supported.add(String.join(", ", set));
            }
            set.clear();
        }
    }

    private void units(String text, long number) {
        Matcher failed = FAILED.matcher(text);
        if (failed.find()) {
            unit = failed.group(1);
            unitNodes.clear();
            return;
        }
        if (unit == null) {
            return;
        }
        Matcher node = NODE.matcher(text);
        if (node.find()) {
            if (unitNodes.size() < LISTED) {
                unitNodes.add(new String[] {node.group(1), node.group(2)});
            }
            return;
        }
        int reason = text.indexOf("REASON :");
        if (reason >= 0) {
            String[] main = unitNodes.stream()
                    .filter(n -> n[0].equals(unit))
                    .findFirst()
                    .orElse(unitNodes.isEmpty() ? new String[] {unit, "?"} : unitNodes.getFirst());
            refuse(
                    main[1],
                    main[0],
                    text.substring(reason + "REASON :".length()).strip(),
                    number);
        }
        unit = null;
    }

    private void refuse(String name, String op, String words, long number) {
        if (refused.size() >= MOST_NODES) {
            return;
        }
        Matcher about = IN_NODE.matcher(complaint);
        boolean ours = !complaint.isEmpty() && (!about.find() || about.group(1).equals(name));
        boolean vague = words.startsWith("Failed to");
        String reason = vague && ours ? complaint : words;
        List<String> asked = vague && ours ? List.copyOf(requested) : List.of();
        List<String> taken = vague && ours ? nearestFirst() : List.of();
        complaint = "";
        refused.merge(
                withoutToken(name),
                new Refused(withoutToken(name), op, reason, asked, taken, Advice.of(op, reason), 1, number),
                (a, b) -> new Refused(
                        a.name(),
                        a.op(),
                        a.reason(),
                        a.requested(),
                        a.supported(),
                        a.advice(),
                        a.times() + 1,
                        a.line()));
    }

    /// The sets that would be taken, those first that differ least from what was asked for.
    private List<String> nearestFirst() {
        Set<String> asked = Set.copyOf(requested);
        return supported.stream()
                .sorted(Comparator.comparingLong(s ->
                        Stream.of(s.split(", ")).filter(e -> !asked.contains(e)).count()))
                .toList();
    }

    private static String withoutToken(String name) {
        return name.replaceFirst("_token_\\d+$", "");
    }

    private void placement(String text) {
        if (text.endsWith("Node placements")) {
            endPlacement();
            session++;
            return;
        }
        Matcher where = PLACED.matcher(text);
        if (where.find()) {
            endPlacement();
            provider = where.group(1);
            placed = Long.parseLong(where.group(2));
            return;
        }
        int bracket = text.indexOf(']');
        if (provider != null && bracket > 0 && text.endsWith(")") && text.contains("VerifyEachNode")) {
            if (placedNodes.size() < LISTED) {
                placedNodes.add(text.substring(bracket + 1).strip());
            }
        } else {
            endPlacement();
        }
    }

    private void endPlacement() {
        if (provider != null) {
            if (placements.size() < MOST_NODES) {
                placements.add(new Placement(Math.max(1, session), provider, placed, placedNodes));
            }
            provider = null;
            placedNodes.clear();
        }
    }

    private static Map<String, String> signs() {
        Map<String, String> signs = new LinkedHashMap<>();
        signs.put(
                "fallback to CPU EP has been explicitly disabled",
                "some node is for the CPU: take session.disable_cpu_ep_fallback out to see which, or mend it");
        signs.put(
                "could not create op", "the compiler lacks this operator for these types: quantize it, or replace it");
        signs.put("Non-QDQ", "put quantizers around the operator: nibble quantize does");
        signs.put(
                "inserted using the NHWC format", "a layout-sensitive node was refused late: its reason stands above");
        signs.put("untrusted app trying to offload", "sign the process domain, or run unsigned: pd_session unsigned");
        signs.put("remote_handle64_open failed", "the skel library of this chip is not on ADSP_LIBRARY_PATH");
        signs.put(
                "Unable to load backend",
                "the path of the backend library is wrong, or a library beside it is missing");
        signs.put("Dynamic shape is not supported", "fix the shapes: --shape NAME=1,3,224,224");
        return signs;
    }
}
