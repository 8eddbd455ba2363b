//! A segment of the prediction log, torn and damaged anywhere: what is whole of it is found, and found again alone.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tidegate_engine::recover;
use tidegate_fuzz::verdict;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("tidegate-segment-{}.arrows", std::process::id())));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a temporary file");
    let whole = recover(&FILE);
    if let Ok(whole) = whole {
        let kept = usize::try_from(whole.bytes).ok().and_then(|length| bytes.get(..length));
        std::fs::write(&*FILE, kept.expect("no more than there is")).expect("a temporary file");
        assert_eq!(recover(&FILE).expect("what is whole is readable"), whole);
    }
    std::fs::remove_file(&*FILE).expect("the temporary file");
    verdict(whole.is_ok_and(|whole| whole.bytes == bytes.len() as u64 && whole.rows > 0));
});
