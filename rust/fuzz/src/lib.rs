//! What every target does with its verdict.

use std::sync::LazyLock;

/// Set while the seeds are tried: each must be a message that is read, or the fuzzing begins at a refusal.
static SEEDS: LazyLock<bool> = LazyLock::new(|| std::env::var_os("TIDEGATE_FUZZ_SEEDS").is_some());

/// Takes whether the bytes were read.
pub fn verdict(read: bool) {
    assert!(read || !*SEEDS, "a seed is refused");
}
