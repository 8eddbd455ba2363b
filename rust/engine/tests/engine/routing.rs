//! Who answers: shares, keys, pins.

use std::collections::HashMap;

use tidegate_engine::{EngineError, Route, RuleSpec, ScoreRequest};
use tidegate_model::TensorData;

use crate::support::{Bench, Home, batch, request, rows, text};

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

fn with_rules(home: &Home, rules: &[RuleSpec]) -> Bench {
    let mut bench = Bench::start(home);
    let variants = vec![
        bench.variant("1", "scale 1", 1.0, &[(0, 99)]),
        bench.variant("2", "scale 2", 0.0, &[]),
        bench.shadow("3", "scale 3"),
    ];
    let mut spec = crate::support::deployment(1, variants);
    spec.endpoints[0].rules = rules.to_vec();
    bench.engine.install(&spec, &bench.shelf).unwrap();
    bench
}

fn rule(header: Option<&str>, column: Option<&str>, equals: &str, version: &str) -> RuleSpec {
    RuleSpec {
        header: header.map(Into::into),
        column: column.map(Into::into),
        equals: equals.into(),
        version: version.into(),
    }
}

#[test]
fn rules_decide_before_weights_and_pins_before_rules() {
    let home = Home::new();
    let rules = [
        rule(Some("x-tier"), None, "gold", "2"),
        rule(None, Some("carrier"), "UA", "2"),
        rule(None, Some("leg"), "7", "2"),
    ];
    let bench = with_rules(&home, &rules);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let tier = |value: &'static str| endpoint.met(move |name| (name == "x-tier").then_some(value.as_bytes()));
    let mut answer = |carrier: &'static str, leg: i32, change: &dyn Fn(&mut ScoreRequest)| {
        let mut rows = batch(&[(carrier, 0.5, 0.0), (carrier, 0.25, 0.0)], Some("N1"));
        rows.context[1] = Some(TensorData::Int32(vec![leg; 2]));
        let mut asked = request(rows);
        change(&mut asked);
        let response = worker.score(&endpoint, asked).unwrap();
        (response.version.to_string(), response.route, response.sticky)
    };
    let by_weight = ("1".to_owned(), Route::Weight, true);
    let by_rule = ("2".to_owned(), Route::Rule, false);
    assert_eq!(answer("AA", 0, &|_| ()), by_weight);
    assert_eq!(answer("AA", 0, &|asked| asked.headers = tier("gold")), by_rule);
    assert_eq!(answer("AA", 0, &|asked| asked.headers = tier("silver")), by_weight);
    assert_eq!(answer("UA", 0, &|_| ()), by_rule);
    assert_eq!(answer("AA", 7, &|_| ()), by_rule);
    let pinned = answer("UA", 0, &|asked| (asked.version, asked.pin_allowed) = (Some("1".into()), true));
    assert_eq!(pinned, ("1".to_owned(), Route::Pin, true));

    bench.engine.flush().unwrap();
    let log = home.batches("predictions");
    let routes: Vec<_> = log.iter().flat_map(|batch| text(batch, "route").iter()).flatten().collect();
    assert_eq!(routes.iter().filter(|route| **route == "rule").count(), 2 * 3);
    // A shadow compares what the weights chose, so that what a rule chose is no evidence.
    let shadows = log.iter().flat_map(|batch| text(batch, "role").iter()).flatten();
    assert_eq!(shadows.filter(|role| *role == "shadow").count(), 2 * 2);
}

#[test]
fn a_rules_column_must_be_equal_in_all_rows() {
    let home = Home::new();
    let bench = with_rules(&home, &[rule(None, Some("carrier"), "UA", "2")]);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mixed = request(batch(&[("UA", 0.5, 0.0), ("UA", 0.5, 0.0), ("AA", 0.5, 0.0)], None));
    let error = bench.worker().score(&endpoint, mixed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a rule decides by 'carrier', which must be equal in all rows; row 2 differs from row 0"
    );
}

#[test]
fn a_rule_that_can_not_decide_is_refused_by_name() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("3", "scale 3")];
    let refusal = |rule: RuleSpec| {
        let mut spec = crate::support::deployment(1, plan.clone());
        spec.endpoints[0].rules = vec![rule];
        spec.validate().unwrap_err().to_string()
    };
    let cases = [
        (rule(None, None, "x", "1"), "either a header or a column"),
        (rule(Some("h"), Some("carrier"), "x", "1"), "either a header or a column"),
        (rule(Some("X-Tier"), None, "x", "1"), "'X-Tier' is no header's name"),
        (rule(None, Some("zip"), "x", "1"), "no column 'zip'"),
        (rule(None, Some("a"), "1", "1"), "column 'a' must be an integer or BYTES"),
        (rule(None, Some("leg"), "seven", "1"), "column 'leg' holds integers; 'seven' is none"),
        (rule(Some("h"), None, "x", "3"), "version 3 is not in the plan"),
        (rule(Some("h"), None, "x", "9"), "version 9 is not in the plan"),
    ];
    for (rule, expected) in cases {
        let text = refusal(rule);
        assert!(text.contains(expected), "{text}");
    }
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
