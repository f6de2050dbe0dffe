package dev.nibble.data;

/// What a sample should come out as: a class, or a text.
///
/// @param text as it was written
/// @param classIndex the text as a whole number of at least 0, or −1 where it is none
public record Label(String text, int classIndex) {
    /// The label of class `index`.
    public static Label of(int index) {
        return new Label(Integer.toString(index), index);
    }

    /// The label written as `text`; at most nine decimal digits make it a class too.
    public static Label of(String text) {
        String digits = text.strip();
        boolean whole =
                !digits.isEmpty() && digits.length() <= 9 && digits.chars().allMatch(c -> c >= '0' && c <= '9');
        return new Label(text, whole ? Integer.parseInt(digits) : -1);
    }

    public boolean isClass() {
        return classIndex >= 0;
    }
}
