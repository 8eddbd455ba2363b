//! The log's policy: a share of the requests, masked columns, and an account that still adds up.

use arrow_array::{Array, Float64Array};
use arrow_schema::DataType as Arrow;
use tidegate_engine::{InstallError, LogSpec, Mask, MaskSpec, VariantSpec};

use crate::support::{Bench, Home, batch, cells, deployment, request, row_count, rows, text, total};

fn mask(column: &str, how: Mask, length: Option<u32>) -> MaskSpec {
    MaskSpec { column: column.into(), how, length }
}

fn install(bench: &mut Bench, generation: u64, log: LogSpec) -> Result<u64, InstallError> {
    let variants = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    install_plan(bench, generation, variants, log)
}

fn install_plan(
    bench: &Bench,
    generation: u64,
    variants: Vec<VariantSpec>,
    log: LogSpec,
) -> Result<u64, InstallError> {
    let mut spec = deployment(generation, variants);
    spec.endpoints[0].log = log;
    bench.engine.install(&spec, &bench.shelf)
}

#[test]
fn a_sample_is_whole_requests_and_the_account_adds_up() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "scale 2")];
    install_plan(&bench, 1, plan, LogSpec { sample: 0.25, mask: vec![] }).unwrap();
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 0..2_000 {
        worker.score(&endpoint, request(batch(&rows(n, 3), None))).unwrap();
        if n % 500 == 499 {
            bench.engine.flush().unwrap();
        }
    }
    let log = home.batches("predictions");
    let status = bench.engine.status().predictions;
    assert_eq!(status.accepted, 2 * 3 * 2_000, "answers and their shadows");
    assert_eq!(status.accepted, status.logged + status.sampled);
    assert_eq!((row_count(&log), status.dropped, total(&log, "gap")), (status.logged, 0, 0));
    let mut requests = std::collections::HashMap::<String, u32>::new();
    for batch in &log {
        let sample = batch.column_by_name("sample").unwrap().as_any().downcast_ref::<Float64Array>().unwrap();
        assert!(sample.values().iter().all(|&sample| sample.to_bits() == 0.25_f64.to_bits()));
        text(batch, "prediction_id")
            .iter()
            .flatten()
            .for_each(|id| *requests.entry(id.into()).or_default() += 1);
    }
    assert!(requests.values().all(|&rows| rows == 6), "an answer and its shadow stay together");
    assert!(requests.len().abs_diff(500) < 100, "{}", requests.len());
    // Drift is counted on every row, logged or not.
    assert_eq!(cells(&bench.counts("1"))[0].iter().sum::<u64>(), 6_000);
}

#[test]
fn what_a_full_ring_drops_counts_only_what_would_have_been_logged() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| config.log.ring_bytes = 16 << 10);
    install(&mut bench, 1, LogSpec { sample: 0.5, mask: vec![] }).unwrap();
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 0..3_000 {
        worker.score(&endpoint, request(batch(&rows(n, 2), None))).unwrap();
    }
    bench.engine.flush().unwrap();
    loop {
        // A batch that is written carries the gap before it; which request is kept, its id decides.
        worker.score(&endpoint, request(batch(&rows(1, 2), None))).unwrap();
        bench.engine.flush().unwrap();
        if total(&home.batches("predictions"), "gap") == bench.engine.status().predictions.dropped {
            break;
        }
    }
    let (log, status) = (home.batches("predictions"), bench.engine.status().predictions);
    assert_eq!(row_count(&log), status.logged);
    assert_eq!(status.accepted, status.logged + status.sampled);
}

#[test]
fn masked_columns_never_reach_the_disk_and_a_new_policy_begins_a_new_segment() {
    let home = Home::new();
    std::fs::write(home.path().join("mask.key"), "salt").unwrap();
    let mut bench = Bench::start(&home);
    install(&mut bench, 1, LogSpec::default()).unwrap();
    let send = |bench: &Bench| {
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        let mut sent = request(batch(&[("Delta", 0.5, 2.0), ("Delta", 0.25, 2.0)], Some("N1-secret")));
        sent.client_id = Some("secret-client".into());
        bench.worker().score(&endpoint, sent).unwrap();
        bench.engine.flush().unwrap();
    };
    send(&bench);
    let masks = vec![
        mask("tail", Mask::Hash, None),
        mask("carrier", Mask::Truncate, Some(2)),
        mask("b", Mask::Drop, None),
        mask("leg", Mask::Hash, None),
        mask("client_id", Mask::Drop, None),
    ];
    install(&mut bench, 2, LogSpec { sample: 1.0, mask: masks }).unwrap();
    send(&bench);
    let segments = home.segments("predictions");
    assert_eq!(segments.len(), 2, "another schema");
    let written = std::fs::read(&segments[1]).unwrap();
    for secret in ["N1-secret", "Delta", "secret-client"] {
        let found = written.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is on the disk");
    }
    let log = home.batches("predictions");
    let [plain, masked] = &log[..] else { panic!("expected two batches") };
    assert_eq!(plain.schema().field_with_name("context.leg").unwrap().data_type(), &Arrow::Int32);
    assert_eq!(masked.schema().field_with_name("context.leg").unwrap().data_type(), &Arrow::Utf8);
    let tails = text(masked, "context.tail");
    assert_eq!((tails.value(0).len(), tails.value(0)), (32, tails.value(1)), "equal values stay equal");
    assert_eq!(text(masked, "key").value(0), tails.value(0), "the key is that column");
    assert_eq!(text(masked, "input.carrier").value(0), "De");
    assert_eq!(masked.column_by_name("input.b").unwrap().null_count(), masked.num_rows());
    assert_eq!(masked.column_by_name("client_id").unwrap().null_count(), masked.num_rows());
    assert_ne!(text(masked, "context.leg").value(0), text(masked, "context.leg").value(1));
}

#[test]
fn a_hash_without_the_homes_salt_and_masks_that_can_not_be_are_refused() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let mut refusal = |sample: f64, masks: Vec<MaskSpec>| {
        install(&mut bench, 1, LogSpec { sample, mask: masks }).unwrap_err().to_string()
    };
    assert!(refusal(1.0, vec![mask("tail", Mask::Hash, None)]).contains("mask.key"));
    let cases = [
        (0.0, vec![], "sample must be above 0"),
        (f64::NAN, vec![], "sample must be above 0"),
        (1.0, vec![mask("zip", Mask::Drop, None)], "masks 'zip', which is no feature"),
        (1.0, vec![mask("a", Mask::Drop, None), mask("a", Mask::Drop, None)], "masks 'a' twice"),
        (1.0, vec![mask("a", Mask::Hash, None)], "can't hash 'a', which is FP32"),
        (1.0, vec![mask("leg", Mask::Truncate, Some(1))], "can't truncate 'leg', which is INT32"),
        (1.0, vec![mask("tail", Mask::Truncate, None)], "needs a length"),
        (1.0, vec![mask("tail", Mask::Drop, Some(3))], "needs a length"),
    ];
    for (sample, masks, expected) in cases {
        let text = refusal(sample, masks);
        assert!(text.contains(expected), "{text}");
    }
}
