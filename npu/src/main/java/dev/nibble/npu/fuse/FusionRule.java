package dev.nibble.npu.fuse;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A pattern of operators that the compiler joins; the grammar is in `rules.txt`.
///
/// @param type what the whole is called, or `@step`
/// @param folklorePercent the saving that is commonly promised; 0 where nothing is
public record FusionRule(String name, String type, int folklorePercent, List<Step> steps) {
    private static final Pattern HEAD = Pattern.compile("rule (\\S+) -> (\\S+)(?: gain (\\d+))?");
    private static final Pattern STEP = Pattern.compile("(\\w+) = (.+?)(\\?)?");
    private static final Pattern FORM = Pattern.compile("([\\w|]+)\\(([^)]*)\\)");

    public FusionRule {
        steps = List.copyOf(steps);
    }

    /// One operator of a pattern.
    ///
    /// @param forms what may stand here
    record Step(String name, List<Form> forms, boolean optional) {
        Step {
            forms = List.copyOf(forms);
        }
    }

    /// Operators that take the same arguments.
    record Form(List<String> types, List<String> arguments) {
        Form {
            types = List.copyOf(types);
            arguments = List.copyOf(arguments);
        }

        boolean open() {
            return !arguments.isEmpty() && arguments.getLast().equals("*");
        }
    }

    /// The rules that come with Nibble, in the order in which they run.
    public static List<FusionRule> all() {
        try (InputStream in = FusionRule.class.getResourceAsStream("rules.txt")) {
            if (in == null) {
                throw new IllegalStateException("the fusion rules are not in the program");
            }
            return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// @throws IllegalArgumentException where a line is not of the grammar
    static List<FusionRule> parse(String text) {
        List<FusionRule> rules = new ArrayList<>();
        for (String line : text.lines().map(String::strip).toList()) {
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            Matcher head = HEAD.matcher(line);
            if (head.matches()) {
                rules.add(new FusionRule(
                        head.group(1),
                        head.group(2),
                        head.group(3) == null ? 0 : Integer.parseInt(head.group(3)),
                        List.of()));
                continue;
            }
            if (rules.isEmpty()) {
                throw new IllegalArgumentException("a step before the first rule: " + line);
            }
            FusionRule last = rules.removeLast();
            List<Step> more = new ArrayList<>(last.steps());
            more.add(step(line));
            rules.add(new FusionRule(last.name(), last.type(), last.folklorePercent(), more));
        }
        return List.copyOf(rules);
    }

    private static Step step(String line) {
        Matcher step = STEP.matcher(line);
        if (!step.matches()) {
            throw new IllegalArgumentException("no step of a fusion rule: " + line);
        }
        List<Form> forms = new ArrayList<>();
        for (String part : step.group(2).split("\\)\\|")) {
            Matcher form = FORM.matcher(part.endsWith(")") ? part : part + ")");
            if (!form.matches()) {
                throw new IllegalArgumentException("no operator of a fusion rule: " + part);
            }
            forms.add(new Form(
                    List.of(form.group(1).split("\\|")), List.of(form.group(2).split(",\\s*"))));
        }
        return new Step(step.group(1), forms, step.group(3) != null);
    }
}
