//! Drift counts of variants, as scoring processes hand them over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_drift::counts_ipc::{decode, encode};
use tidegate_fuzz::verdict;

fuzz_target!(|bytes: &[u8]| {
    let read = decode(bytes);
    if let Ok(variants) = &read {
        let written = encode(variants).expect("what was read can be written");
        assert_eq!(decode(&written).expect("and read again"), *variants);
    }
    verdict(read.is_ok());
});
