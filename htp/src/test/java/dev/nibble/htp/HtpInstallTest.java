package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HtpInstallTest {
    @TempDir
    Path folder;

    private NibbleException refused(HtpInstall.Source source) throws IOException {
        Path place = folder.resolve("data/htp");
        NibbleException e = assertThrows(NibbleException.class, () -> HtpInstall.prepare(source, place, false));
        assertFalse(Files.exists(place));
        try (Stream<Path> left = Files.list(folder.resolve("data"))) {
            assertEquals(List.of(), left.toList());
        }
        return e;
    }

    @Test
    void aWheelWithAnotherHashIsRefused() throws IOException {
        Path wheel = Files.writeString(folder.resolve("a.whl"), "no wheel");
        NibbleException e = refused(new HtpInstall.Source.Wheel(wheel));
        assertTrue(e.getMessage().contains("is not the wheel that Nibble is made for"), e.getMessage());
        assertTrue(e.getMessage().contains(HtpInstall.SHA256), e.getMessage());
    }

    @Test
    void aWheelThatIsNotThereIsRefused() throws IOException {
        NibbleException e = refused(new HtpInstall.Source.Wheel(folder.resolve("none.whl")));
        assertTrue(e.getMessage().startsWith("there is no wheel"), e.getMessage());
    }

    @Test
    void aFolderWithoutThePackageIsRefused() throws IOException {
        NibbleException e = refused(new HtpInstall.Source.Folder(folder));
        assertTrue(e.getMessage().contains("does not hold onnxruntime_qnn/"), e.getMessage());
    }

    @Test
    void anSdkWithoutThePluginIsRefused() throws IOException {
        Path sdk = folder.resolve("qairt");
        Files.createDirectories(sdk.resolve("lib/x86_64-linux-clang"));
        Files.createFile(sdk.resolve("lib/x86_64-linux-clang/libQnnHtp.so"));
        NibbleException e = refused(new HtpInstall.Source.Folder(sdk));
        assertTrue(e.getMessage().contains("QAIRT SDK"), e.getMessage());
    }

    @Test
    void anotherVersionIsRefused() throws IOException {
        HtpLibraries libraries = FakeLibrary.HANGS.in(folder.resolve("site-packages"));
        Files.createDirectory(libraries.root().resolve("onnxruntime_qnn-1.0.0.dist-info"));
        NibbleException e = refused(new HtpInstall.Source.Folder(libraries.root()));
        assertTrue(e.getMessage().contains("onnxruntime-qnn 1.0.0"), e.getMessage());
    }

    @Test
    void anotherMachineIsRefused() {
        NibbleException e = assertThrows(NibbleException.class, () -> HtpInstall.requireMachine("Mac OS X", "aarch64"));
        assertTrue(e.getMessage().contains("Mac OS X on aarch64"), e.getMessage());
    }

    @Test
    void withoutPythonItSaysWhatToDo() throws IOException {
        NibbleException e = refused(new HtpInstall.Source.Pip("no-such-python"));
        assertTrue(e.hint().contains("--wheel"), e.hint());
    }

    /// Half a gigabyte is copied and hashed, and the copy is complete.
    /// What the programs that stand for Python say, and what the user is told.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/usr/bin/python3: No module named pip | there is no pip here: | has no pip",
                "ERROR: No matching distribution found | pip cannot download onnxruntime-qnn | No matching distribution found"
            })
    void whatPipSaysIsPassedOn(String said, String start, String end) throws IOException {
        Path python = folder.resolve("python");
        Files.writeString(python, "#!/bin/sh\necho '%s' >&2\nexit 1\n".formatted(said));
        assertTrue(python.toFile().setExecutable(true));
        NibbleException e = refused(new HtpInstall.Source.Pip(python.toString()));
        assertTrue(e.getMessage().startsWith(start), e.getMessage());
        assertTrue(e.getMessage().contains(end), e.getMessage());
        assertTrue(e.hint().contains("--wheel"), e.hint());
    }

    @Test
    void anInstalledPackageIsTakenOver() {
        HtpLibraries installed = TestLibraries.require();
        Path place = folder.resolve("data/htp");
        try (HtpInstall.Offer offer =
                HtpInstall.prepare(new HtpInstall.Source.Folder(installed.root()), place, false)) {
            assertFalse(Files.exists(place), "nothing is in place before the licence is accepted");
            assertTrue(Files.exists(offer.staged().licence()));
            HtpLibraries libraries = offer.accept();
            assertEquals(List.of(), libraries.missing());
            assertEquals(HtpInstall.VERSION, libraries.version());
        }
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> HtpInstall.prepare(new HtpInstall.Source.Folder(installed.root()), place, false));
        assertTrue(e.hint().contains("--force"), e.hint());
    }

    @Test
    void aShortenedLibraryIsMissing() throws IOException {
        HtpLibraries libraries = FakeLibrary.HANGS.in(folder.resolve("lib"));
        Path info = Files.createDirectory(libraries.root().resolve("onnxruntime_qnn-2.7.0.dist-info"));
        Files.writeString(
                info.resolve("RECORD"),
                "onnxruntime_qnn/libQnnHtp.so,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,106290201\n"
                        + "onnxruntime_qnn-2.7.0.dist-info/RECORD,,\n");
        assertEquals(
                List.of("onnxruntime_qnn/libQnnHtp.so (its size is another than it should be)"), libraries.missing());
    }

    @Test
    void thePlaceIsTheEnvironments() {
        assertEquals(Path.of("/a"), HtpLibraries.of(Map.of("NIBBLE_HTP", "/a")).root());
        assertEquals(
                Path.of("/d/nibble/htp"),
                HtpLibraries.of(Map.of("XDG_DATA_HOME", "/d")).root());
        assertEquals(
                Path.of("/h/.local/share/nibble/htp"),
                HtpLibraries.of(Map.of("HOME", "/h")).root());
    }
}
