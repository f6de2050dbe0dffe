import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/// Makes a folder of jars start fast: `java tools/PrepareDistribution.java LIB NATIVES`.
///
/// Classes older than Java 6 are left out of the JVM's AOT cache, and picocli's are of Java 5: they are raised to 17.
/// ONNX Runtime unpacks its libraries to a temporary folder at each start: they are unpacked once, to NATIVES.
void main(String[] arguments) throws IOException {
    Path lib = Path.of(arguments[0]);
    Path natives = Path.of(arguments[1]);
    Files.createDirectories(natives);
    List<Path> jars;
    try (Stream<Path> files = Files.list(lib)) {
        jars = files.filter(file -> file.toString().endsWith(".jar")).toList();
    }
    for (Path jar : jars) {
        String name = jar.getFileName().toString();
        if (name.startsWith("picocli-")) {
            raise(jar);
        } else if (name.startsWith("onnxruntime-")) {
            unpack(jar, natives);
        }
    }
}

/// Raises the classes of `jar` to Java 17.
void raise(Path jar) throws IOException {
    Path raised = jar.resolveSibling(jar.getFileName() + ".raised");
    try (JarFile in = new JarFile(jar.toFile());
            JarOutputStream out = new JarOutputStream(Files.newOutputStream(raised))) {
        // Java 5 had no stack maps and Java 17 demands them: they are made while the code is written anew, and to make
        // them the types of the jar have to be known.
        ClassFile classes = ClassFile.of(
                ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                ClassFile.ClassHierarchyResolverOption.of(
                        ClassHierarchyResolver.ofResourceParsing(type -> resource(in, type))
                                .orElse(ClassHierarchyResolver.defaultResolver())));
        ClassTransform raise = ClassTransform.transformingMethodBodies((code, element) -> code.with(element))
                .andThen(ClassTransform.endHandler(type -> type.withVersion(ClassFile.JAVA_17_VERSION, 0)));
        for (Enumeration<JarEntry> entries = in.entries(); entries.hasMoreElements(); ) {
            JarEntry entry = entries.nextElement();
            byte[] content;
            try (InputStream stream = in.getInputStream(entry)) {
                content = stream.readAllBytes();
            }
            // Module descriptors keep their version; a multi-release jar keeps its variants.
            if (entry.getName().endsWith(".class") && !entry.getName().endsWith("module-info.class")
                    && !entry.getName().startsWith("META-INF/")) {
                content = classes.transformClass(classes.parse(content), raise);
            }
            JarEntry copy = new JarEntry(entry.getName());
            copy.setTime(entry.getTime());
            out.putNextEntry(copy);
            out.write(content);
            out.closeEntry();
        }
    }
    Files.move(raised, jar, StandardCopyOption.REPLACE_EXISTING);
}

/// The class file of `type`, or null where the jar has none.
InputStream resource(JarFile jar, ClassDesc type) {
    String descriptor = type.descriptorString();
    JarEntry entry = jar.getJarEntry(descriptor.substring(1, descriptor.length() - 1) + ".class");
    try {
        return entry == null ? null : jar.getInputStream(entry);
    } catch (IOException e) {
        throw new UncheckedIOException(e);
    }
}

/// Unpacks the libraries for this machine.
void unpack(Path jar, Path natives) throws IOException {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String os = system.contains("mac") ? "osx" : system.contains("win") ? "win" : "linux";
    String arch = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x64";
    String folder = "ai/onnxruntime/native/" + os + "-" + arch + "/";
    try (JarFile in = new JarFile(jar.toFile())) {
        for (Enumeration<JarEntry> entries = in.entries(); entries.hasMoreElements(); ) {
            JarEntry entry = entries.nextElement();
            if (!entry.isDirectory() && entry.getName().startsWith(folder)) {
                Path file = natives.resolve(entry.getName().substring(folder.length()));
                try (InputStream stream = in.getInputStream(entry);
                        OutputStream out = Files.newOutputStream(file)) {
                    stream.transferTo(out);
                }
            }
        }
    }
}
