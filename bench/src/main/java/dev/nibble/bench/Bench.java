package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `tools/bench.sh results|text|htp|htp-numerics|htp-overhead|recovery|speed|memory|big|kernels|start|latency|tune|tune-proof`:
/// makes the pages with figures anew.
public final class Bench {
    private static final int OVERHEAD_RUNS = 200;

    private final Path root;
    private final PrintStream out;

    private Bench(Path root, PrintStream out) {
        this.root = root;
        this.out = out;
    }

    /// @param arguments what to measure, and options; the project's folder is the system property `nibble.root`
    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Path root =
                Path.of(System.getProperty("nibble.root", ".")).toAbsolutePath().normalize();
        try {
            System.exit(new Bench(root, out).run(new ArrayList<>(Arrays.asList(arguments))));
        } catch (NibbleException e) {
            System.err.println("error: " + e.getMessage() + "\nhint: " + e.hint());
            System.exit(2);
        }
    }

    private int run(List<String> arguments) {
        String what = arguments.isEmpty() ? "" : arguments.removeFirst();
        return switch (what) {
            case "results" -> results(arguments.contains("--fresh"));
            case "text" ->
                new TextTable(
                                        shared(),
                                        root.resolve(".nibble/bench"),
                                        Facts.here(),
                                        arguments.contains("--fresh"),
                                        out::println)
                                .write(root.resolve("docs/results.md"))
                        ? 0
                        : 1;
            case "htp" -> htp(arguments);
            case "htp-numerics" -> numerics();
            case "htp-overhead" -> overhead(arguments);
            case "recovery" -> recovery(arguments) ? 0 : 1;
            case "speed" -> page().speed(repetitions(arguments)) ? 0 : 1;
            case "memory" -> page().memory(repetitions(arguments)) ? 0 : 1;
            case "big" -> page().big(arguments.contains("--keep")) ? 0 : 1;
            case "kernels" -> page().kernels(repetitions(arguments)) ? 0 : 1;
            case "start" -> page().start(repetitions(arguments)) ? 0 : 1;
            case "latency" ->
                new LatencyTables(shared().resolve("npu"), out::println).write(root.resolve("docs/latency-model.md"))
                        ? 0
                        : 1;
            case "tune" ->
                new TuneTable(
                                        shared(),
                                        root.resolve(".nibble/bench"),
                                        HtpLibraries.of(System.getenv()).require(),
                                        arguments.remove("--fresh"),
                                        Facts.here().nibble(),
                                        out::println)
                                .write(root.resolve("docs/designs/tuning.md"), arguments)
                        ? 0
                        : 1;
            case "tune-proof" ->
                new ProofTable(
                                        shared(),
                                        root.resolve(".nibble/bench"),
                                        arguments.remove("--fresh"),
                                        Facts.here().nibble(),
                                        out::println)
                                .write(root.resolve("docs/designs/tuning.md"), arguments)
                        ? 0
                        : 1;
            default ->
                throw new NibbleException(
                        "there is no benchmark '" + what + "'",
                        "choose results, text, htp, htp-numerics, htp-overhead, recovery, speed, memory, big, kernels, start,"
                                + " latency, tune or tune-proof");
        };
    }

    private boolean recovery(List<String> arguments) {
        boolean fresh = arguments.remove("--fresh");
        Optional<HtpLibraries> htp =
                arguments.remove("--htp") ? Optional.of(HtpLibraries.of(System.getenv())) : Optional.empty();
        return new RecoveryTable(root, shared(), fresh, htp, out::println)
                .run(arguments, root.resolve("docs/results.md"));
    }

    private int results(boolean fresh) {
        Facts facts = Facts.here();
        Path work = root.resolve(".nibble/bench");
        ResultsTable table = new ResultsTable(BenchModel.all(shared(), work), work, facts, fresh, out::println);
        Map<BenchModel, Map<Setting, Row>> rows = table.rows();
        Path page = root.resolve("docs/results.md");
        Scratch.write(page, ResultsTable.page(rows, facts, PageSection.carriedOver(Template.read("results.md"), page)));
        out.println("written: " + page);
        boolean all = rows.entrySet().stream()
                .allMatch(entry -> ResultsTable.passes(
                        entry.getKey(), entry.getValue().values().iterator().next()));
        return all ? 0 : 1;
    }

    private int overhead(List<String> arguments) {
        new HtpOverhead(root, shared(), root.resolve(".nibble/bench"), HtpLibraries.of(System.getenv()), out::println)
                .write(arguments.isEmpty() ? OVERHEAD_RUNS : Integer.parseInt(arguments.getFirst()));
        return 0;
    }

    private int numerics() {
        Path page = root.resolve("docs/htp-numerics.md");
        new NumericsPage(HtpLibraries.of(System.getenv()), root.resolve(".nibble/bench"), Facts.here(), out::println)
                .write(page);
        out.println("written: " + page);
        return 0;
    }

    private int htp(List<String> arguments) {
        boolean fresh = arguments.remove("--fresh");
        double gmacs = arguments.isEmpty() ? MeasureHtpRow.GMACS : Double.parseDouble(arguments.getFirst());
        Path work = root.resolve(".nibble/bench");
        Path page = root.resolve("docs/results.md");
        new HtpTable(
                        BenchModel.all(shared(), work),
                        HtpLibraries.of(System.getenv()),
                        work,
                        Facts.here(),
                        gmacs,
                        fresh,
                        out::println)
                .write(page);
        out.println("written: " + page);
        return 0;
    }

    private PerformancePage page() {
        return new PerformancePage(root, shared(), root.resolve(".nibble/bench"), out::println);
    }

    private static int repetitions(List<String> arguments) {
        return arguments.isEmpty() ? 3 : Integer.parseInt(arguments.getFirst());
    }

    /// `NIBBLE_SHARED`, else the nearest folder `shared` beside one that holds the project.
    private Path shared() {
        String said = System.getenv("NIBBLE_SHARED");
        if (said != null) {
            return Path.of(said);
        }
        for (Path folder = root; folder != null; folder = folder.getParent()) {
            Path shared = folder.resolve("shared");
            if (Files.isDirectory(shared.resolve("assets"))) {
                return shared;
            }
        }
        throw new NibbleException(
                "no folder 'shared' with models and data beside the project", "set NIBBLE_SHARED to it");
    }
}
