package dev.nibble.htp;

import java.nio.file.Path;

/// A parent to be killed: starts a child, says where it is, and waits.
final class OrphanedParent {
    private OrphanedParent() {}

    public static void main(String[] arguments) throws InterruptedException {
        ChildProcess child = ChildProcess.start("orphan", ChildProcess.Logging.WARNINGS);
        System.out.println(child.pid() + " " + child.folder());
        if (arguments.length > 0) {
            // Does not come back: the child hangs in native code.
            ChildProcessTest.open(child, new HtpLibraries(Path.of(arguments[0])), java.time.Duration.ofMinutes(5));
        }
        Thread.sleep(300_000);
    }
}
