package dev.nibble.cli;

/// How a command ended, as the shell sees it.
public enum ExitCode {
    /// The work is done.
    DONE(0),
    /// The work is done, and a gate that the user set (`--max-drop`, `--min-sqnr`, `--strict`, …) does not hold.
    GATE_FAILED(1),
    /// The work could not be done: bad input, a wrong option, a defect.
    COULD_NOT_RUN(2),
    /// Ctrl-C.
    INTERRUPTED(130);

    private final int code;

    ExitCode(int code) {
        this.code = code;
    }

    /// The number given to the shell.
    public int code() {
        return code;
    }
}
