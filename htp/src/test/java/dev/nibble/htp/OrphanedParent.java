package dev.nibble.htp;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Tensor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// A parent to be killed: starts a child, says where it is, and waits; or has it load a library, or run a model.
final class OrphanedParent {
    private OrphanedParent() {}

    /// @param arguments nothing, or `load` or `run` and the folder with the libraries
    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length > 0 && arguments[0].equals("run")) {
            run(new HtpLibraries(Path.of(arguments[1])));
        }
        ChildProcess child = ChildProcess.start("orphan", ChildProcess.Logging.WARNINGS);
        System.out.println(child.pid() + " " + child.folder());
        if (arguments.length > 0) {
            // Does not come back: the child hangs in native code.
            ChildProcessTest.open(child, new HtpLibraries(Path.of(arguments[1])), Duration.ofMinutes(5));
        }
        Thread.sleep(300_000);
    }

    /// Runs without end; one run takes seconds, and the first line is written before the second begins.
    private static void run(HtpLibraries libraries) {
        HtpModel model = HtpModel.withOutputs(TestModels.heavy(), List.of("v4"));
        HtpExecutor executor = new HtpExecutor(libraries, new Soc("sm8650", 57), 1);
        Tensor x = Tensor.of(TestModels.HEAVY, new float[(int) TestModels.HEAVY.elements()]);
        try (Executor.Session session =
                executor.open(model.model(), List.of("v4"), new Executor.Options(1, Executor.Optimization.OFF))) {
            for (boolean first = true; true; first = false) {
                session.run(Map.of("v0", x));
                if (first) {
                    ProcessHandle child =
                            ProcessHandle.current().children().findFirst().orElseThrow();
                    System.out.println(child.pid() + " -");
                }
            }
        }
    }
}
