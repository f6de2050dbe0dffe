package dev.nibble.npu.profile.read;

/// A node's name without what tools put around it: `conv:OpId_21 (cycles)`.
final class NodeName {
    private static final String CYCLES = " (cycles)";
    private static final String OP_ID = ":OpId_";

    private NodeName() {}

    static String of(String name) {
        String text = name.strip();
        if (text.endsWith(CYCLES)) {
            text = text.substring(0, text.length() - CYCLES.length()).stripTrailing();
        }
        int id = text.lastIndexOf(OP_ID);
        if (id > 0 && digits(text, id + OP_ID.length())) {
            text = text.substring(0, id);
        }
        return text;
    }

    /// Whether it is where values enter or leave the graph: `Input OpId_2`.
    static boolean isEdge(String name) {
        return name.startsWith("Input OpId_") || name.startsWith("Output OpId_");
    }

    private static boolean digits(String text, int from) {
        for (int i = from; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                return false;
            }
        }
        return from < text.length();
    }
}
