package dev.nibble.quant.place;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.Scheme;
import java.util.Optional;

/// A quantizer on a value of the graph.
///
/// Values with the same `source` share one encoding: that of the value `source` itself. Its range comes from
/// all `observed` values that name it.
///
/// @param name the value
/// @param scheme what its encoding should be
/// @param source the value whose encoding this one has; itself where it stands alone
/// @param fixed the encoding, where it does not depend on data
/// @param observed whether the range of this value has to be measured
/// @param inEncodings whether an encodings file lists it; false inside a supergroup, where only QDQ needs
///     one
/// @param producer the operator that makes it, or `input`
public record ActivationQuantizer(
        String name,
        Scheme.Integer scheme,
        String source,
        Optional<Encoding> fixed,
        boolean observed,
        boolean inEncodings,
        String producer) {
    /// Whether this value's encoding is its own.
    public boolean isSource() {
        return source.equals(name);
    }
}
