//! What is not sound is refused by name, and what answered goes on.

use tidegate_drift::{FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role};
use tidegate_engine::{DeploymentSpec, Engine, InstallError, Mismatch, VariantSpec};

use crate::support::{Bench, Home, batch, deployment, request, rows};

/// Refuses generation 2, and checks that generation 1 answers on and the failure is told.
fn refused(change: impl FnOnce(&mut Bench) -> VariantSpec) -> InstallError {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let variant = change(&mut bench);
    let error = bench.engine.install(&deployment(2, vec![variant]), &bench.shelf).unwrap_err();
    assert_old_answers(&bench.engine);
    let failed = bench.engine.status().failed.unwrap();
    assert_eq!((failed.generation, failed.error), (2, error.to_string()));
    error
}

fn assert_old_answers(engine: &Engine) {
    let live = engine.deployment();
    assert_eq!(live.generation, 1);
    let endpoint = live.endpoint("delay").unwrap();
    engine.worker(0).unwrap().score(endpoint, request(batch(&rows(1, 1), None))).unwrap();
}

fn onnx(text: &'static str) -> impl FnOnce(&mut Bench) -> VariantSpec {
    move |bench| bench.variant("2", text, 1.0, &[(0, 99)])
}

#[test]
fn an_artifact_with_a_flipped_byte_is_refused() {
    for flip_profile in [false, true] {
        let error = refused(|bench| {
            let mut variant = bench.variant("2", "scale 9", 1.0, &[(0, 99)]);
            let damaged = if flip_profile { variant.profile.clone().unwrap() } else { variant.onnx.clone() };
            if flip_profile {
                // Another version, so that the profile is read again.
                variant.digest = tidegate_engine::digest(b"other");
            }
            let bytes = bench.shelf.0.get_mut(&damaged).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            variant
        });
        assert!(matches!(error, InstallError::Artifact { .. }), "{error}");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
}

#[test]
fn a_missing_artifact_is_named() {
    let error = refused(|bench| {
        let variant = bench.variant("2", "scale 9", 1.0, &[(0, 99)]);
        bench.shelf.0.remove(&variant.onnx);
        variant
    });
    assert!(error.to_string().starts_with("endpoint 'delay', version 2: artifact sha256:"), "{error}");
}

#[test]
fn a_model_that_does_not_load_is_refused() {
    let error = refused(onnx("pickle"));
    assert!(error.to_string().ends_with("can't be loaded: expected ONNX, got something else"), "{error}");
    assert!(matches!(refused(onnx("loader-panics")), InstallError::Load { .. }));
}

#[test]
fn a_model_that_does_not_fit_the_contract_is_refused_by_name() {
    let mismatch = |text| match refused(onnx(text)) {
        InstallError::Mismatch { mismatch, .. } => mismatch,
        other => panic!("{other}"),
    };
    assert_eq!(mismatch("scale 1 wants-z"), Mismatch::Input("z".into()));
    assert_eq!(mismatch("scale 1 lacks-label"), Mismatch::Output("label".into()));
    let double = mismatch("scale 1 wants-double");
    assert_eq!(double.to_string(), "'x' is FP32 [-1, 2] in the contract and FP64 [-1, 2] in the model");
    assert!(matches!(mismatch("scale 1 wants-wide"), Mismatch::Tensor { .. }));
}

#[test]
fn a_model_that_breaks_its_signature_is_refused_by_its_first_row() {
    let error = refused(onnx("narrow 1"));
    assert!(matches!(error, InstallError::Warm { .. }), "{error}");
    assert!(
        error.to_string().contains("output 'p' must be FP32 [-1, 2] with 1 rows, got FP32 [1, 1]"),
        "{error}"
    );
}

#[test]
fn a_model_may_take_fewer_inputs_than_the_contract_has() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let variant = bench.variant("2", "scale 2 only-x", 1.0, &[(0, 99)]);
    bench.install(2, vec![variant]);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    bench.worker().score(&endpoint, request(batch(&rows(1, 4), None))).unwrap();
    assert_eq!(bench.counts("2").features()[0].rows(), 4);
}

#[test]
fn a_profile_that_does_not_fit_the_contract_is_refused_by_name() {
    let with = |features: Vec<(&'static str, Role)>| {
        refused(move |bench| {
            let numeric = || Kind::Numeric(NumericProfile::fit(&[0.0, 1.0, 2.0]).unwrap());
            let features = features.into_iter().map(|(name, role)| FeatureProfile {
                name: name.into(),
                role,
                kind: numeric(),
            });
            let profile = ReferenceProfile::new(features.collect()).unwrap();
            let digest = bench.shelf.put(&profile.to_ipc().unwrap());
            VariantSpec { profile: Some(digest), ..bench.variant("2", "scale 2", 1.0, &[(0, 99)]) }
        })
        .to_string()
    };
    let missing = with(vec![("a", Role::Input), ("altitude", Role::Input)]);
    assert!(missing.ends_with("the profile's feature 'altitude' is not in the contract"), "{missing}");
    let kind = with(vec![("carrier", Role::Input)]);
    assert!(
        kind.ends_with("the profile's feature 'carrier' is numeric, the contract's column is BYTES"),
        "{kind}"
    );

    let error = refused(|bench| {
        let digest = bench.shelf.put(b"not Arrow");
        VariantSpec { profile: Some(digest), ..bench.variant("2", "scale 2", 1.0, &[(0, 99)]) }
    });
    assert!(matches!(error, InstallError::Profile { .. }), "{error}");
}

#[test]
fn an_older_generation_is_stale_and_no_failure() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let plan = vec![bench.variant("2", "scale 2", 1.0, &[(0, 99)])];
    let error = bench.engine.install(&deployment(1, plan.clone()), &bench.shelf).unwrap_err();
    assert!(matches!(error, InstallError::Stale { offered: 1, installed: 1 }));
    assert_eq!(bench.engine.status().failed, None);
    assert_old_answers(&bench.engine);

    bench.engine.note_failure(2, "unreadable");
    assert_eq!(bench.engine.status().failed.unwrap().error, "unreadable");
    bench.install(3, plan);
    assert_eq!(bench.engine.status().failed, None, "a later one heals it");
}

#[test]
fn a_damaged_file_never_comes_as_far_as_the_engine() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let plan = vec![bench.variant("2", "scale 2", 1.0, &[(0, 99)])];
    let good = deployment(2, plan).to_json().unwrap();
    let mut bad = good.clone();
    let position = good.windows(8).position(|window| window == b"\"scale\":").unwrap_or(good.len() / 2);
    bad[position] ^= 1;
    DeploymentSpec::parse(&bad).unwrap_err();
    assert_old_answers(&bench.engine);
    let spec = DeploymentSpec::parse(&good).unwrap();
    assert_eq!(bench.engine.install(&spec, &bench.shelf).unwrap(), 2);
}

#[test]
fn a_spec_built_by_hand_is_checked_too() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let plan = vec![bench.variant("2", "scale 2", 1.0, &[(0, 98)])];
    let error = bench.engine.install(&deployment(2, plan), &bench.shelf).unwrap_err();
    assert_eq!(error.to_string(), "endpoint 'delay': slot 99 of 100 has 0 owners, expected 1");
    assert_old_answers(&bench.engine);
}

#[test]
fn counters_past_the_limit_are_refused_before_they_are_made() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| config.counter_bytes = 60_000);
    let first = bench.variant("1", "scale 1", 1.0, &[(0, 99)]);
    bench.install(1, vec![first.clone()]);
    let one = bench.engine.status().counter_bytes;
    assert!(one > 10_000 && one < 60_000, "{one}");
    let others: Vec<_> = (2..9).map(|n| bench.shadow(&n.to_string(), "scale 1")).collect();
    let plan = [vec![first], others].concat();
    let error = bench.engine.install(&deployment(2, plan), &bench.shelf).unwrap_err();
    assert!(matches!(error, InstallError::CounterMemory { limit: 60_000, .. }), "{error}");
    assert_old_answers(&bench.engine);
}
