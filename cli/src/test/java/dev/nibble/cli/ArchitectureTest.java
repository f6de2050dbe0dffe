package dev.nibble.cli;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The house: which room may use which, who may touch the outside world, and how things are called.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArchitectureTest {
    /// The design's table. A room that is not built yet has no line; a new module needs one.
    private static final Map<String, Set<String>> MAY_USE = Map.ofEntries(
            Map.entry("graph", Set.of()),
            Map.entry("target", Set.of("graph")),
            Map.entry("quant", Set.of("graph", "target")),
            Map.entry("data", Set.of("graph")),
            Map.entry("run", Set.of("graph")),
            Map.entry("npu", Set.of("graph", "target")),
            Map.entry("htp", Set.of("graph", "target")),
            Map.entry("report", Set.of()),
            Map.entry("pipeline", Set.of("graph", "target", "quant", "data", "run", "htp", "report", "npu")),
            Map.entry("cli", Set.of("graph", "target", "quant", "data", "run", "htp", "report", "pipeline", "npu")));

    private static final List<String> NAMES_THAT_SAY_NOTHING = List.of("Manager", "Helper", "Utils", "Util", "Impl");

    /// A file holds one idea; what is longer usually holds two.
    private static final int MAX_LINES = 500;

    private JavaClasses classes;

    @BeforeAll
    void readClasses() {
        classes = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("dev.nibble");
        assertTrue(classes.contain(Nibble.class));
    }

    static Set<String> rooms() {
        return new TreeSet<>(MAY_USE.keySet());
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomUsesOnlyWhatTheDesignAllows(String room) {
        String[] forbidden = MAY_USE.keySet().stream()
                .filter(other -> !other.equals(room) && !MAY_USE.get(room).contains(other))
                .map(ArchitectureTest::packages)
                .toArray(String[]::new);
        if (forbidden.length == 0) {
            return; // may use all
        }
        noClasses()
                .that()
                .resideInAPackage(packages(room))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(forbidden)
                .because("the design's table of rooms says so")
                .allowEmptyShould(true)
                .check(classes);
    }

    @Test
    void everyModuleHasItsLineInTheTable() throws IOException {
        Set<String> modules = new TreeSet<>();
        try (Stream<Path> folders = Files.list(root())) {
            folders.filter(folder -> Files.exists(folder.resolve("pom.xml")))
                    .map(folder -> folder.getFileName().toString())
                    .filter(name -> !name.equals("bench")) // may use all, and is never published
                    .forEach(modules::add);
        }
        assertEquals(rooms(), modules);
    }

    @Test
    void onlyTheCommandLinePrintsExitsOrReadsTheEnvironment() {
        noClasses()
                .that()
                // The HTP's child is a program of its own: it ends itself when its parent is gone.
                .resideOutsideOfPackages(packages("cli"), packages("bench"), "dev.nibble.htp.child..")
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(System.class, "getenv")
                .orShould()
                .callMethod(System.class, "getenv", String.class)
                .orShould()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(System.class, "console")
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .because("a room that does cannot be used from a program")
                .check(classes);
        noClasses()
                .that()
                .resideInAPackage(packages("cli"))
                .and()
                .doNotHaveFullyQualifiedName(Terminal.class.getName())
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(System.class, "getenv")
                .orShould()
                .callConstructor(PrintStream.class, java.io.OutputStream.class, boolean.class)
                .because("commands print through Terminal, so that tests can read it")
                .check(classes);
    }

    @Test
    void namesSayWhatAThingIs() {
        for (String name : NAMES_THAT_SAY_NOTHING) {
            noClasses()
                    .should()
                    .haveSimpleNameEndingWith(name)
                    .because("it says nothing about the thing")
                    .check(classes);
        }
    }

    /// The pipeline's own package holds what its stages share and what joins them, so it stands apart.
    @Test
    void packagesOfARoomHaveNoCycles() {
        slices().matching("dev.nibble.(**)")
                .should()
                .beFreeOfCycles()
                .ignoreDependency(resideInAPackage("dev.nibble.pipeline"), alwaysTrue())
                .check(classes);
    }

    @Test
    void filesHoldOneIdea() throws IOException {
        List<String> tooLong = new ArrayList<>();
        for (Path file : sources()) {
            int lines = Files.readAllLines(file).size();
            if (lines > MAX_LINES) {
                tooLong.add(root().relativize(file) + ": " + lines + " lines");
            }
        }
        assertEquals(List.of(), tooLong);
    }

    @Test
    void everyPackageIsNullMarked() throws IOException {
        Set<String> missing = new TreeSet<>();
        for (Path file : sources()) {
            Path description = file.resolveSibling("package-info.java");
            if (!Files.exists(description) || !Files.readString(description).contains("NullMarked")) {
                missing.add(root().relativize(file.resolveSibling("")).toString());
            }
        }
        assertEquals(Set.of(), missing);
    }

    private static String packages(String room) {
        return "dev.nibble." + room + "..";
    }

    private static List<Path> sources() throws IOException {
        List<Path> sources = new ArrayList<>();
        try (Stream<Path> modules = Files.list(root())) {
            for (Path module : modules.sorted().toList()) {
                Path java = module.resolve("src/main/java");
                if (Files.isDirectory(java)) {
                    try (Stream<Path> tree = Files.walk(java)) {
                        tree.filter(file -> file.toString().endsWith(".java")).forEach(sources::add);
                    }
                }
            }
        }
        assertTrue(sources.size() > 10, "found only " + sources.size() + " sources below " + root());
        return sources;
    }

    /// The project's folder: tests run in their module's.
    private static Path root() {
        return Path.of("").toAbsolutePath().getParent();
    }
}
