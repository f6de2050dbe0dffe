package dev.nibble.report;

/// A command worth running next, and why.
public record NextStep(String command, String why) {
    public NextStep {
        Values.present("next[].command", command);
        Values.present("next[].why", why);
    }
}
