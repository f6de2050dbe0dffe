package dev.nibble.report.html;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/// Styles and scripts that are written into the page, and the policy that lets nothing else run.
///
/// @param earlyScript runs before the page is drawn: chooses light or dark
/// @param echarts empty for a page without interactive charts
record Assets(String style, String earlyScript, String echarts, String script) {
    private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";

    static Assets load(boolean interactive) {
        return new Assets(text("report.css"), text("theme.js"), interactive ? text(ECHARTS) : "", text("report.js"));
    }

    /// Nothing is loaded from anywhere; scripts run only where their hash is named here.
    String contentSecurityPolicy() {
        return "default-src 'none'; script-src " + source(earlyScript)
                + (echarts.isEmpty() ? "" : " " + source(echarts))
                + " " + source(script)
                + "; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
    }

    private static String source(String script) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
            return "'sha256-" + Base64.getEncoder().encodeToString(hash) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }

    private static String text(String resource) {
        try (InputStream in = Assets.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("resource " + resource + " is missing from the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
