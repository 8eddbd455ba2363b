//! A deployment, as it comes from control or from the disk, without the checksum that would refuse every mutation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_engine::DeploymentSpec;
use tidegate_fuzz::verdict;

fuzz_target!(|bytes: &[u8]| {
    let _ = DeploymentSpec::parse(bytes);
    let spec = serde_json::from_slice::<DeploymentSpec>(bytes).ok().filter(|spec| spec.validate().is_ok());
    if let Some(spec) = &spec {
        let written = spec.to_json().expect("what is valid can be written");
        assert_eq!(DeploymentSpec::parse(&written).expect("and read again"), *spec);
    }
    verdict(spec.is_some());
});
