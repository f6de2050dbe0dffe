/// The HTP's configuration: performance profiles, QAIRT's two files, and what is wrong with those that circulate.
@NullMarked
package dev.nibble.npu.config;

import org.jspecify.annotations.NullMarked;
