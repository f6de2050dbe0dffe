package dev.nibble.htp;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What the libraries logged while they looked at each node: the reasons of a refusal, which the plugin's own account
/// sums up as "Failed to add node".
final class ValidatorLog {
    private static final Pattern NODE = Pattern.compile("Operator type: (\\S+) Node name: (.*?) Node index: \\d+");
    private static final Pattern TELLING = Pattern.compile(
            "incorrect|[Uu]nsupported|not supported|expected|doesn't support|mismatch|could not create op");
    private static final Pattern UNCREATED = Pattern.compile("could not create op: (\\S+)");
    private static final int MOST = 2;

    private ValidatorLog() {}

    /// What the compiler could not make of a model that it had validated: it names its own operator, such as
    /// `q::Softmax_Crouton`, and not the model's.
    static Optional<String> uncreated(List<String> lines) {
        return lines.stream()
                .map(UNCREATED::matcher)
                .filter(Matcher::find)
                .findFirst()
                .map(m -> "could not create op: " + m.group(1));
    }

    /// The reasons by node name.
    static Map<String, String> reasons(List<String> lines) {
        Map<String, String> reasons = new LinkedHashMap<>();
        Set<String> said = new LinkedHashSet<>();
        List<String> failed = new ArrayList<>();
        boolean inFailure = false;
        for (String line : lines) {
            if (line.contains("Validation PASSED")) {
                said.clear();
                inFailure = false;
            } else if (line.contains("Validation FAILED")) {
                failed.clear();
                inFailure = true;
            } else if (inFailure && line.strip().startsWith("REASON :")) {
                String own = line.strip().substring("REASON :".length()).strip();
                List<String> parts = new ArrayList<>(said.stream().limit(MOST).toList());
                if (parts.isEmpty()) {
                    parts.add(own);
                }
                failed.forEach(name -> reasons.putIfAbsent(name, String.join("; ", parts)));
                said.clear();
                inFailure = false;
            } else if (inFailure) {
                Matcher node = NODE.matcher(line);
                if (node.find()) {
                    failed.add(node.group(2));
                }
            } else if ((line.contains("<E>") || line.contains("[E:"))
                    && TELLING.matcher(line).find()) {
                said.add(ChildLog.plain(line)
                        .replaceFirst("^.*<E>\\s*", "")
                        .replace("[4294967295] has", "a zero point has"));
            }
        }
        return reasons;
    }
}
