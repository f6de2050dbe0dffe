/// The outcome of each command as records that are written as JSON, and what the figures amount to.
/// A report is a function of such a document.
@NullMarked
package dev.nibble.report;

import org.jspecify.annotations.NullMarked;
