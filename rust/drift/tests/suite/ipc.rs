//! Profiles and counts as bytes: round trips, what they look like to other tools, and damage.

use std::io::Cursor;

use arrow_ipc::reader::{FileReader, StreamReader};
use proptest::prelude::*;
use tidegate_drift::counts_ipc::{decode, encode};
use tidegate_drift::{
    CategoricalProfile, Counters, FeatureProfile, FitOptions, Kind, NumericProfile, ReferenceProfile, Role,
    VariantCounts,
};

use crate::support::SplitMix64;

fn sample() -> ReferenceProfile {
    let mut stream = SplitMix64(5);
    let uniform: Vec<f64> = (0..80).map(|_| stream.uniform()).collect();
    let discrete: Vec<f64> =
        uniform.iter().map(|u| (u * 4.0).floor()).chain([f64::NAN, f64::INFINITY]).collect();
    let grid = FitOptions { bins: None, max_points: Some(30) };
    let carriers = (0..300).map(|i| Some([&b"AA"[..], b"DL", b"\xff\x00", b""][i % 4]));
    let carriers = carriers.chain([Some(&b"rare"[..]), None]);
    let feature = |name: &str, role, kind| FeatureProfile { name: name.to_owned(), role, kind };
    ReferenceProfile::new(vec![
        feature("uniform", Role::Input, Kind::Numeric(NumericProfile::fit(&uniform).unwrap())),
        feature("grid", Role::Input, Kind::Numeric(NumericProfile::fit_with(&uniform, grid).unwrap())),
        feature("discrete", Role::Input, Kind::Numeric(NumericProfile::fit(&discrete).unwrap())),
        feature("absent", Role::Input, Kind::Numeric(NumericProfile::fit(&[f64::NAN]).unwrap())),
        feature("carrier", Role::Input, Kind::Categorical(CategoricalProfile::fit(carriers).unwrap())),
        feature("score", Role::Score, Kind::Numeric(NumericProfile::fit(&uniform).unwrap())),
    ])
    .unwrap()
}

fn sample_counts(profile: &ReferenceProfile) -> Vec<VariantCounts> {
    let counters = Counters::new(profile);
    counters.count(0, &[0.1, 0.5, f64::NAN, f64::INFINITY], 0, 1).unwrap();
    counters.count_bytes(4, [&b"AA"[..], b"new"], None).unwrap();
    let counts = counters.counts();
    let variant = |digest: &str, version: &str, shadow| {
        VariantCounts::new(digest, version, shadow, profile, &counts).unwrap()
    };
    vec![variant("sha256:aa", "1", false), variant("sha256:bb", "2", true)]
}

#[test]
fn a_profile_comes_back_equal() {
    let profile = sample();
    let bytes = profile.to_ipc().unwrap();
    assert_eq!(ReferenceProfile::from_ipc(&bytes).unwrap(), profile);
    assert_eq!(profile.to_ipc().unwrap(), bytes, "one profile, one digest");
    assert_eq!(profile.position(Role::Score, "score"), Some(5));
    assert_eq!(profile.position(Role::Input, "score"), None);
}

#[test]
fn bytes_need_no_alignment() {
    let profile = sample();
    let (file, stream) = (profile.to_ipc().unwrap(), encode(&sample_counts(&profile)).unwrap());
    for shift in 1..9 {
        let shifted = |bytes: &[u8]| [vec![0; shift], bytes.to_vec()].concat();
        assert_eq!(ReferenceProfile::from_ipc(&shifted(&file)[shift..]).unwrap(), profile);
        assert_eq!(decode(&shifted(&stream)[shift..]).unwrap().len(), 2);
    }
}

#[test]
fn counts_come_back_equal() {
    let profile = sample();
    let variants = sample_counts(&profile);
    let decoded = decode(&encode(&variants).unwrap()).unwrap();
    assert_eq!(decoded, variants);
    assert_eq!(decoded[0].counts(&profile).unwrap().features()[0].rows(), 4);
    assert!(decode(&encode(&[]).unwrap()).unwrap().is_empty());
    let other = ReferenceProfile::new(profile.features()[..2].to_vec()).unwrap();
    assert_eq!(decoded[1].counts(&other).unwrap().features().len(), 2);
}

#[test]
fn the_bytes_are_ordinary_arrow() {
    let profile = sample();
    let bytes = profile.to_ipc().unwrap();
    let mut file = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    assert_eq!(file.schema().metadata()["tidegate.format"], "1");
    assert_eq!(file.next().unwrap().unwrap().num_rows(), 6);
    let bytes = encode(&sample_counts(&profile)).unwrap();
    let mut stream = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
    assert_eq!(stream.schema().metadata()["tidegate.format"], "1");
    let names: Vec<_> = stream.schema().fields().iter().map(|field| field.name().clone()).collect();
    let expected =
        ["variant", "version", "shadow", "feature", "role", "rows", "missing", "nonfinite", "cells"];
    assert_eq!(names, expected);
    assert_eq!(stream.next().unwrap().unwrap().num_rows(), 12);
}

#[test]
fn a_contradiction_names_the_feature() {
    let bytes = sample().to_ipc().unwrap();
    let first = 0.25_f64.to_le_bytes();
    let discrete = NumericProfile::fit(&[0.25, 0.5]).unwrap();
    let feature =
        FeatureProfile { name: "distance".to_owned(), role: Role::Input, kind: Kind::Numeric(discrete) };
    let mut swapped = ReferenceProfile::new(vec![feature]).unwrap().to_ipc().unwrap();
    let position = swapped.windows(8).position(|bytes| bytes == first).unwrap();
    swapped[position..position + 8].copy_from_slice(&0.75_f64.to_le_bytes());
    let error = ReferenceProfile::from_ipc(&swapped).unwrap_err().to_string();
    assert_eq!(
        error,
        "not a reference profile: feature `distance`: points: expected strictly ascending numbers"
    );
    let error = decode(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("not drift counts: "), "{error}");
    let error = ReferenceProfile::from_ipc(b"PAR1").unwrap_err().to_string();
    assert_eq!(
        error,
        "not a reference profile: expected an Arrow IPC file, which starts and ends with ARROW1"
    );
}

#[test]
fn every_truncation_is_an_error() {
    let profile = sample();
    let (file, stream) = (profile.to_ipc().unwrap(), encode(&sample_counts(&profile)).unwrap());
    for length in 0..file.len() {
        assert!(ReferenceProfile::from_ipc(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
    for length in 0..stream.len() {
        assert!(decode(&stream[..length]).is_err(), "{length} of {} bytes", stream.len());
    }
}

#[test]
fn every_flipped_byte_is_an_error_or_a_valid_profile() {
    let profile = sample();
    let (file, stream) = (profile.to_ipc().unwrap(), encode(&sample_counts(&profile)).unwrap());
    let flips = [0x01, 0x80, 0xff, 0x40];
    for position in 0..file.len() {
        for flip in flips {
            let mut damaged = file.clone();
            damaged[position] ^= flip;
            if let Ok(profile) = ReferenceProfile::from_ipc(&damaged) {
                let counters = Counters::new(&profile);
                let _ = counters.count(0, &[0.5, f64::NAN], 0, 1);
                assert!(profile.to_ipc().is_ok());
            }
        }
    }
    for position in 0..stream.len() {
        for flip in flips {
            let mut damaged = stream.clone();
            damaged[position] ^= flip;
            for variant in decode(&damaged).into_iter().flatten() {
                let _ = variant.counts(&profile);
            }
        }
    }
}

proptest! {
    #[test]
    fn damage_is_never_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let profile = sample();
        for (file, mut bytes) in [(true, profile.to_ipc().unwrap()), (false, encode(&sample_counts(&profile)).unwrap())] {
            for (position, byte) in &changes {
                let position = position.index(bytes.len());
                bytes[position] = *byte;
            }
            let cut = cut.index(bytes.len());
            let mut spliced = bytes[..cut].to_vec();
            spliced.extend_from_slice(&garbage);
            spliced.extend_from_slice(&bytes[cut..]);
            for damaged in [&bytes, &spliced, &garbage] {
                if file {
                    let _ = ReferenceProfile::from_ipc(damaged);
                } else {
                    let _ = decode(damaged);
                }
            }
        }
    }
}
