//! A reference profile, as it comes from an artifact.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_drift::ReferenceProfile;
use tidegate_fuzz::verdict;

fuzz_target!(|bytes: &[u8]| {
    let read = ReferenceProfile::from_ipc(bytes);
    if let Ok(profile) = &read {
        let written = profile.to_ipc().expect("what was read can be written");
        assert_eq!(ReferenceProfile::from_ipc(&written).expect("and read again"), *profile);
    }
    verdict(read.is_ok());
});
