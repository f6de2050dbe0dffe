package dev.nibble.report.html;

import gg.jte.TemplateOutput;
import gg.jte.html.OwaspHtmlTemplateOutput;

/// Escapes what a model or a user named, and takes from it what would change how the page around it reads: a name
/// with a direction override could otherwise turn the figures after it around.
final class HostileTextOutput extends OwaspHtmlTemplateOutput {
    private static final char REPLACEMENT = '\ufffd';

    HostileTextOutput(TemplateOutput out) {
        super(out);
    }

    @Override
    public void writeUserContent(String value) {
        super.writeUserContent(value == null ? null : clean(value));
    }

    /// Control characters and direction marks become U+FFFD; tabs and line feeds stay.
    static String clean(String text) {
        StringBuilder clean = new StringBuilder(text);
        for (int i = 0; i < clean.length(); i++) {
            char c = clean.charAt(i);
            boolean control = Character.isISOControl(c) && c != '\n' && c != '\t';
            boolean direction = c == '\u061c'
                    || (c >= '\u200e' && c <= '\u200f')
                    || (c >= '\u2028' && c <= '\u202e')
                    || (c >= '\u2066' && c <= '\u2069');
            if (control || direction) {
                clean.setCharAt(i, REPLACEMENT);
            }
        }
        return clean.toString();
    }
}
