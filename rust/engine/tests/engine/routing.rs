//! Who answers: shares, keys, pins.

use std::collections::HashMap;

use tidegate_engine::{EngineError, Route};
use tidegate_model::TensorData;

use crate::support::{Bench, Home, batch, request, rows};

fn two_versions(home: &Home) -> Bench {
    let mut bench = Bench::start(home);
    let variants = vec![
        bench.variant("1", "scale 1", 0.7, &[(0, 29), (60, 99)]),
        bench.variant("2", "scale 2", 0.3, &[(30, 59)]),
    ];
    bench.install(1, variants);
    bench
}

#[test]
fn shares_follow_the_slots() {
    let home = Home::new();
    let bench = two_versions(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut shares: HashMap<String, u32> = HashMap::new();
    for n in 0..10_000 {
        let key = format!("N{n}");
        let response = worker.score(&endpoint, request(batch(&rows(n, 1), Some(&key)))).unwrap();
        assert_eq!((response.route, response.sticky, response.generation), (Route::Weight, true, 1));
        *shares.entry(response.version.to_string()).or_default() += 1;
    }
    // Five standard deviations of a binomial of 10,000 at 0.3.
    assert!(shares["2"].abs_diff(3000) < 230, "{shares:?}");
    assert_eq!(shares["1"] + shares["2"], 10_000);
}

#[test]
fn without_a_key_the_id_decides_and_nothing_sticks() {
    let home = Home::new();
    let bench = two_versions(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut second = 0_u32;
    let mut last = None;
    for n in 0..2_000 {
        let response = worker.score(&endpoint, request(batch(&rows(n, 1), None))).unwrap();
        assert!(!response.sticky);
        assert!(Some(response.prediction_id) > last, "ids of one worker grow");
        assert_eq!(response.prediction_id.get_version_num(), 7);
        last = Some(response.prediction_id);
        second += u32::from(&*response.version == "2");
    }
    assert!(second.abs_diff(600) < 110, "{second}");
}

#[test]
fn a_key_sticks_wherever_it_comes_from() {
    let home = Home::new();
    let bench = two_versions(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 0..200 {
        let key = format!("N{n}");
        let by_column = worker.score(&endpoint, request(batch(&rows(n, 3), Some(&key)))).unwrap();
        let mut by_header = request(batch(&rows(n, 1), Some("another")));
        by_header.routing_key = Some(key.into_bytes());
        let by_header = worker.score(&endpoint, by_header).unwrap();
        assert_eq!(by_column.version, by_header.version);
    }
}

#[test]
fn an_integer_key_is_its_decimal_form() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let variants =
        vec![bench.variant("1", "scale 1", 0.5, &[(0, 49)]), bench.variant("2", "scale 2", 0.5, &[(50, 99)])];
    let mut spec = crate::support::deployment(1, variants);
    spec.endpoints[0].contract.context[0].datatype = tidegate_model::DataType::Int64;
    bench.engine.install(&spec, &bench.shelf).unwrap();
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in -50..50_i64 {
        let mut by_column = batch(&rows(1, 2), None);
        by_column.context[0] = Some(TensorData::Int64(vec![n, n]));
        let by_column = worker.score(&endpoint, request(by_column)).unwrap();
        let mut by_header = request(batch(&rows(1, 1), None));
        by_header.routing_key = Some(n.to_string().into_bytes());
        assert_eq!(by_column.version, worker.score(&endpoint, by_header).unwrap().version);
    }
}

#[test]
fn a_key_that_differs_between_rows_is_refused() {
    let home = Home::new();
    let bench = two_versions(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut mixed = batch(&rows(1, 3), None);
    mixed.context[0] = Some(TensorData::Bytes(["N1", "N1", "N2"].iter().collect()));
    let error = bench.worker().score(&endpoint, request(mixed)).unwrap_err();
    assert!(matches!(&error, EngineError::KeyDiffers { column, row: 2 } if column == "tail"), "{error}");
    assert_eq!(
        error.to_string(),
        "the routing key 'tail' must be equal in all rows; row 2 differs from row 0"
    );

    let mut not_text = request(batch(&rows(1, 1), None));
    not_text.routing_key = Some(vec![0xff]);
    let error = bench.worker().score(&endpoint, not_text).unwrap_err();
    assert!(matches!(error, EngineError::KeyNotText));
}

#[test]
fn a_version_by_name_needs_the_right_and_the_plan() {
    let home = Home::new();
    let mut bench = two_versions(&home);
    let variants = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("3", "scale 3")];
    bench.install(2, variants);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let pin = |version: &str, allowed| {
        let mut pinned = request(batch(&[("AA", 0.25, 0.0)], None));
        pinned.version = Some(version.into());
        pinned.pin_allowed = allowed;
        pinned
    };
    let response = worker.score(&endpoint, pin("3", true)).unwrap();
    assert_eq!((&*response.version, response.route, response.sticky), ("3", Route::Pin, false));
    assert_eq!(response.outputs[1].data, TensorData::Fp32(vec![0.25, 0.75]));

    let refused = worker.score(&endpoint, pin("3", false)).unwrap_err();
    assert!(matches!(refused, EngineError::PinRefused { .. }), "{refused}");
    let gone = worker.score(&endpoint, pin("2", true)).unwrap_err();
    assert_eq!(gone.to_string(), "version '2' is not in the plan of endpoint 'delay'; live: 1, 3");
}

#[test]
fn a_worker_index_has_one_owner() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let first = bench.engine.worker(1).unwrap();
    assert!(matches!(bench.engine.worker(1), Err(EngineError::Worker { taken: true, .. })));
    drop(first);
    bench.engine.worker(1).unwrap();
    let none = bench.engine.worker(4).unwrap_err();
    assert_eq!(none.to_string(), "worker 4 of 4 does not exist");
}

#[test]
fn a_model_that_fails_or_panics_fails_only_its_request() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let variants = vec![bench.variant("1", "panics 1", 1.0, &[(0, 99)]), bench.shadow("2", "fails 1")];
    bench.install(1, variants);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let panicked = worker.score(&endpoint, request(batch(&[("AA", 13.0, 0.0)], None))).unwrap_err();
    assert_eq!(panicked.to_string(), "version 1 of endpoint 'delay' panicked");
    let mut pinned = request(batch(&[("AA", 13.0, 0.0)], None));
    (pinned.version, pinned.pin_allowed) = (Some("2".into()), true);
    let failed = worker.score(&endpoint, pinned).unwrap_err();
    assert!(matches!(failed, EngineError::Model { .. }), "{failed}");
    worker.score(&endpoint, request(batch(&[("AA", 0.5, 0.0)], None))).unwrap();
    let variants = &bench.engine.status().endpoints[0].variants;
    assert_eq!((variants[0].requests, variants[0].errors, variants[1].errors), (1, 1, 1));
}
