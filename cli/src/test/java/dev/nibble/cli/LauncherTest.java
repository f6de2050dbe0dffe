package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `./nibble` in a checkout of its own, with a JDK and a Maven that only tell how they were called.
class LauncherTest {
    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    @TempDir
    private Path directory;

    private Path checkout;

    @BeforeEach
    void copyLauncher() throws IOException {
        checkout = Files.createDirectories(directory.resolve("a check out"));
        Files.createDirectories(checkout.resolve("tools"));
        Files.createDirectories(checkout.resolve("cli/src/main"));
        for (String file : List.of("pom.xml", "cli/pom.xml")) {
            Files.writeString(checkout.resolve(file), "<project/>");
        }
        for (String file : List.of("tools/jdk.sh", "tools/distribution.sh", "tools/build.sh", "nibble")) {
            Files.copy(ROOT.resolve(file), checkout.resolve(file));
        }
        jdk("jdk-25", "25.0.3");
        script("maven/bin/mvn", """
                echo "maven with $JAVA_HOME" >>'%s/calls'
                for a in "$@"; do case $a in -Dnibble.distribution=*) lib=${a#*=} ;; esac; done
                sleep 0.3; mkdir -p "$lib"; touch "$lib/b.jar" "$lib/a.jar"
                """.formatted(directory));
    }

    @Test
    void theFirstStartBuildsAndTheNextDoesNot() throws IOException, InterruptedException {
        Result first = launch(Map.of(), "--version");
        assertEquals(0, first.exitCode(), first.err());
        assertTrue(first.err().startsWith("nibble: building"), first.err());
        assertTrue(first.out().contains(" dev.nibble.cli.Nibble --version"), first.out());
        assertTrue(first.out().contains("lib/a.jar:"), first.out());
        Result second = launch(Map.of(), "quantize", "my model.onnx");
        assertEquals("", second.err());
        assertTrue(second.out().contains("--add-modules jdk.incubator.vector"), second.out());
        assertTrue(second.out().endsWith("dev.nibble.cli.Nibble quantize my model.onnx\n"), second.out());
        assertEquals(1, builds());
    }

    @Test
    void aNewerSourceBuildsAgainUnlessToldNotTo() throws IOException, InterruptedException {
        launch(Map.of(), "--version");
        Files.writeString(checkout.resolve("cli/src/main/New.java"), "");
        launch(Map.of("NIBBLE_SKIP_BUILD", "1"), "--version");
        assertEquals(1, builds());
        launch(Map.of(), "--version");
        launch(Map.of(), "--version");
        assertEquals(2, builds());
    }

    @Test
    void ofManyFirstStartsOneBuilds() throws IOException, InterruptedException {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(start(Map.of(), "--version"));
        }
        for (Process process : processes) {
            assertTrue(process.waitFor(60, TimeUnit.SECONDS));
            assertEquals(0, process.exitValue());
        }
        assertEquals(1, builds());
    }

    @Test
    void aLockWhoseOwnerDiedIsTakenOver() throws IOException, InterruptedException {
        Path lock = Files.createDirectories(checkout.resolve(".nibble/lock"));
        Process dead = new ProcessBuilder("true").start();
        dead.waitFor();
        Files.writeString(lock.resolve("owner"), dead.pid() + "\n");
        assertEquals(0, launch(Map.of(), "--version").exitCode());
    }

    @Test
    void aSymbolicLinkFromAnotherFolderWorks() throws IOException, InterruptedException {
        Path link = Files.createSymbolicLink(directory.resolve("link"), checkout.resolve("nibble"));
        Result result = run(new ProcessBuilder(link.toString(), "--version"), Map.of());
        assertEquals(0, result.exitCode(), result.err());
        assertTrue(Files.exists(checkout.resolve(".nibble/current")));
    }

    @Test
    void anOldJdkIsAnErrorAndAHint() throws IOException, InterruptedException {
        Path old = jdk("jdk-24", "24.0.1");
        ProcessBuilder find = new ProcessBuilder(
                "bash", "-c", ". '" + checkout.resolve("tools/jdk.sh") + "'; is_jdk '" + old + "' || fail no hint");
        Result result = run(find, Map.of());
        assertEquals("error: no\nhint: hint\n", result.err());
        assertEquals(2, result.exitCode());
    }

    @Test
    void aFailedBuildShowsMavensWordsAndLeavesNothingHalf() throws IOException, InterruptedException {
        script("maven/bin/mvn", "echo '[ERROR] cannot find symbol'; exit 1\n");
        Result result = launch(Map.of(), "--version");
        assertEquals(2, result.exitCode());
        assertTrue(result.err().contains("[ERROR] cannot find symbol\nerror: the build failed\nhint: "), result.err());
        try (var left = Files.list(checkout.resolve(".nibble"))) {
            assertEquals(
                    List.of("build.log"),
                    left.map(path -> path.getFileName().toString()).toList());
        }
    }

    @Test
    void theLineAboutIncubatorModulesIsNotShown() throws IOException, InterruptedException {
        launch(Map.of(), "--version");
        Result result = launch(Map.of("SAY", "1"), "quantize");
        assertEquals("something else\n", result.err());
    }

    private record Result(int exitCode, String out, String err) {}

    private Result launch(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        return finish(start(environment, arguments));
    }

    private Process start(Map<String, String> environment, String... arguments) throws IOException {
        List<String> command =
                new ArrayList<>(List.of(checkout.resolve("nibble").toString()));
        command.addAll(List.of(arguments));
        return prepare(new ProcessBuilder(command), environment).start();
    }

    private Result run(ProcessBuilder builder, Map<String, String> environment)
            throws IOException, InterruptedException {
        return finish(prepare(builder, environment).start());
    }

    private ProcessBuilder prepare(ProcessBuilder builder, Map<String, String> environment) {
        builder.environment().put("JAVA_HOME", directory.resolve("jdk-25").toString());
        builder.environment().put("MAVEN_HOME", directory.resolve("maven").toString());
        builder.environment().remove("NIBBLE_SKIP_BUILD");
        builder.environment().putAll(environment);
        return builder.directory(directory.toFile());
    }

    private static Result finish(Process process) throws IOException, InterruptedException {
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), out, err);
    }

    private Path jdk(String name, String version) throws IOException {
        script(name + "/bin/java", """
                if [ -n "${SAY:-}" ]; then
                    echo 'WARNING: Using incubator modules: jdk.incubator.vector' >&2
                    echo 'something else' >&2
                fi
                echo "$CLASSPATH $*"
                """);
        script(name + "/bin/javac", "true\n");
        Path folder = directory.resolve(name);
        Files.writeString(folder.resolve("release"), "IMPLEMENTOR=\"Test\"\nJAVA_VERSION=\"" + version + "\"\n");
        return folder;
    }

    private void script(String name, String text) throws IOException {
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/usr/bin/env bash\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private long builds() throws IOException {
        return Files.readAllLines(directory.resolve("calls")).size();
    }
}
