/// The roofline as an offline HTML page.
@NullMarked
package dev.nibble.npu.page;

import org.jspecify.annotations.NullMarked;
