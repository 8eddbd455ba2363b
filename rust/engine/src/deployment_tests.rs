//! A deployment file is taken whole or refused by name.

use super::*;

type Change = fn(&mut DeploymentSpec);

fn spec() -> DeploymentSpec {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let variant = |version: &str, weight, slots: &[(u32, u32)]| VariantSpec {
        model: "m".into(),
        version: version.into(),
        digest: digest.clone(),
        onnx: digest.clone(),
        profile: None,
        weight,
        shadow: false,
        mirror: false,
        slots: slots.to_vec(),
        lane: None,
    };
    DeploymentSpec {
        format: 1,
        generation: 7,
        created_at: "2026-01-01T00:00:00Z".into(),
        default_endpoint: Some("delay".into()),
        endpoints: vec![EndpointSpec {
            id: "ep_1".into(),
            name: "delay".into(),
            salt: "ep_1".into(),
            contract: Contract {
                inputs: vec![],
                context: vec![],
                outputs: vec![],
                score: None,
                threshold: 0.5,
            },
            slots: 10,
            variants: vec![variant("1", 0.7, &[(0, 2), (6, 9)]), variant("2", 0.3, &[(3, 5)])],
            rules: vec![],
            log: LogSpec::default(),
        }],
    }
}

#[test]
fn a_file_comes_back_as_it_was() {
    let bytes = spec().to_json().unwrap();
    assert_eq!(DeploymentSpec::parse(&bytes).unwrap(), spec());
}

#[test]
fn the_checksum_does_not_depend_on_layout() {
    let value: Value = serde_json::from_slice(&spec().to_json().unwrap()).unwrap();
    let pretty = serde_json::to_vec_pretty(&value).unwrap();
    assert_eq!(DeploymentSpec::parse(&pretty).unwrap(), spec());
}

#[test]
fn the_checksum_is_that_of_the_rfc_8785_form() {
    let empty = br#"{"format":1,"generation":1,"created_at":"x","default_endpoint":null,"endpoints":[],
        "sha256":"ac2c0a10cdf5ac9ed4c2cbba1e2dd1b1e77b81fb4d5f7f5c10b3f2ce6d5ab5f2"}"#;
    let Err(SpecError::Checksum { actual, .. }) = DeploymentSpec::parse(empty) else { panic!() };
    let form = br#"{"created_at":"x","default_endpoint":null,"endpoints":[],"format":1,"generation":1}"#;
    assert_eq!(actual, sha256_hex(form));
}

#[test]
fn every_flipped_byte_is_refused() {
    let good = spec().to_json().unwrap();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1;
        assert!(DeploymentSpec::parse(&bad).is_err(), "byte {position}");
    }
    for length in 0..good.len() {
        assert!(DeploymentSpec::parse(&good[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn each_fault_is_named() {
    let refuse = |change: fn(&mut DeploymentSpec)| {
        let mut bad = spec();
        change(&mut bad);
        DeploymentSpec::parse(&bad.to_json().unwrap()).unwrap_err().to_string()
    };
    let cases: [(Change, &str); 14] = [
        (|s| s.format = 2, "format 2, this engine reads 1"),
        (|s| s.endpoints[0].name = "../delay".into(), "endpoint '../delay' must be"),
        (|s| s.endpoints.push(s.endpoints[0].clone()), "endpoint 'delay' stands twice"),
        (|s| s.default_endpoint = Some("other".into()), "default endpoint 'other'"),
        (|s| s.endpoints[0].variants[1].version = "1".into(), "version '1' stands twice"),
        (|s| s.endpoints[0].variants[0].onnx = "sha256:xyz".into(), "'sha256:xyz' is no digest"),
        (|s| s.endpoints[0].variants[0].weight = 1.5, "weight 1.5 is not valid"),
        (|s| s.endpoints[0].variants[1].shadow = true, "for a shadow"),
        (
            |s| s.endpoints[0].variants[0].lane = Some(LaneSpec { batch: Some(0), ..LaneSpec::default() }),
            "lane batch is 0, expected 1 to 4096",
        ),
        (
            |s| {
                s.endpoints[0].variants[0].lane =
                    Some(LaneSpec { delay_us: Some(501), ..LaneSpec::default() });
            },
            "lane delay_us is 501, expected 0 to 500",
        ),
        (|s| s.endpoints[0].slots = 0, "0 slots"),
        (|s| s.endpoints[0].slots = 11, "slot 10 of 11 has 0 owners"),
        (|s| s.endpoints[0].variants[1].slots[0] = (2, 5), "slot 2 of 10 has 2 owners"),
        (|s| s.endpoints[0].variants[1].slots[0] = (4, 5), "slot 3 of 10 has 0 owners"),
    ];
    for (change, text) in cases {
        let error = refuse(change);
        assert!(error.contains(text), "{error}");
    }
}
