//! A deployment, as it comes from control or from the disk, without the checksum that would refuse every mutation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_engine::DeploymentSpec;

fuzz_target!(|bytes: &[u8]| {
    let _ = DeploymentSpec::parse(bytes);
    let Ok(spec) = serde_json::from_slice::<DeploymentSpec>(bytes) else { return };
    if spec.validate().is_ok() {
        let written = spec.to_json().expect("what is valid can be written");
        assert_eq!(DeploymentSpec::parse(&written).expect("and read again"), spec);
    }
});
