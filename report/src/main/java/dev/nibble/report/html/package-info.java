/// The result document as one offline page. Shapes are computed here; the templates under `src/main/jte` place them.
@NullMarked
package dev.nibble.report.html;

import org.jspecify.annotations.NullMarked;
