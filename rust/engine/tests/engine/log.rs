//! The prediction log: what was answered stands in it, or is counted as lost.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{
    Array, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, TimestampMicrosecondArray,
};
use tidegate_engine::{Fsync, recover};
use tidegate_model::TensorData;

use crate::support::{Bench, Home, START, batch, numbers, request, row_count, rows, text, total};

fn column<'a, T: Array + 'static>(batch: &'a arrow_array::RecordBatch, name: &str) -> &'a T {
    batch.column_by_name(name).unwrap().as_any().downcast_ref().unwrap()
}

#[test]
fn a_row_is_logged_with_everything_that_led_to_it() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut sent = request(batch(&[("AA", 0.75, f32::NAN), ("?", 0.25, 2.0)], Some("N1")));
    sent.client_id = Some("c-1".into());
    sent.event_time = Some(START - 5_000_000);
    let response = bench.worker().score(&endpoint, sent).unwrap();
    bench.engine.flush().unwrap();

    let [batch] = &home.batches("predictions")[..] else { panic!("expected one batch") };
    assert_eq!(batch.num_rows(), 2);
    let both = |column: &str, value: &str| {
        assert_eq!(text(batch, column).iter().collect::<Vec<_>>(), [Some(value); 2], "{column}");
    };
    both("prediction_id", &response.prediction_id.to_string());
    both("role", "answer");
    both("model", "flights");
    both("version", "1");
    both("variant", &response.variant);
    both("route", "weight");
    both("client_id", "c-1");
    both("principal", "local");
    both("key", "N1");
    both("context.tail", "N1");
    assert!(column::<BooleanArray>(batch, "sticky").value(0));
    assert_eq!(numbers(batch, "generation").values().to_vec(), [1, 1]);
    assert_eq!(numbers(batch, "gap").values().to_vec(), [0, 0]);
    assert_eq!(column::<TimestampMicrosecondArray>(batch, "event_time").value(1), START - 5_000_000);
    assert_eq!(column::<TimestampMicrosecondArray>(batch, "received_at").value(1), START);
    assert_eq!(column::<TimestampMicrosecondArray>(batch, "event_time").timezone(), Some("UTC"));
    assert_eq!(column::<Float64Array>(batch, "score").values().to_vec(), [0.75, 0.25]);
    assert_eq!(text(batch, "input.carrier").iter().collect::<Vec<_>>(), [Some("AA"), Some("?")]);
    assert_eq!(column::<Float32Array>(batch, "input.a").values().to_vec(), [0.75, 0.25]);
    let b = column::<Float32Array>(batch, "input.b");
    assert!(b.value(0).is_nan() && b.null_count() == 0, "NaN stays NaN");
    assert_eq!(column::<Int32Array>(batch, "context.leg").values().to_vec(), [0, 1]);
    assert_eq!(column::<Int64Array>(batch, "output.label").values().to_vec(), [1, 0]);
    assert_eq!(column::<Float32Array>(batch, "output.p.0").values().to_vec(), [0.25, 0.75]);
    assert_eq!(column::<Float32Array>(batch, "output.p.1").values().to_vec(), [0.75, 0.25]);
}

#[test]
fn a_full_ring_drops_the_newest_and_the_log_says_how_many() {
    let home = Home::new();
    let bench = Bench::with(&home, |config| config.log.ring_bytes = 64 << 10);
    let mut bench = bench;
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut sent = 0;
    for n in 0..2000 {
        worker.score(&endpoint, request(batch(&rows(n, 5), None))).unwrap();
        sent += 5;
    }
    bench.engine.flush().unwrap();
    // A last request carries the gap of what was lost after the last batch, if anything was.
    worker.score(&endpoint, request(batch(&rows(1, 5), None))).unwrap();
    sent += 5;
    bench.engine.flush().unwrap();
    let status = bench.engine.status();
    let log = home.batches("predictions");
    assert_eq!(status.predictions.accepted + status.predictions.dropped, sent);
    assert_eq!(row_count(&log), status.predictions.accepted);
    assert_eq!(status.predictions.logged, status.predictions.accepted);
    assert_eq!(total(&log, "gap"), status.predictions.dropped);
    assert_eq!(status.endpoints[0].dropped, status.predictions.dropped);
}

#[test]
fn a_record_larger_than_the_ring_is_dropped_and_counted() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| config.log.ring_bytes = 4096);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    worker.score(&endpoint, request(batch(&rows(1, 1000), None))).unwrap();
    assert_eq!(bench.engine.status().predictions.dropped, 1000);
    worker.score(&endpoint, request(batch(&rows(1, 2), None))).unwrap();
    bench.engine.flush().unwrap();
    let log = home.batches("predictions");
    assert_eq!(numbers(&log[0], "gap").values().to_vec(), [1000, 0]);
    assert_eq!(row_count(&log), 2);
}

#[test]
fn a_batch_is_written_when_it_is_full_without_being_asked() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| {
        config.log.batch_rows = 10;
        config.log.ring_records = 4;
    });
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 0..100 {
        worker.score(&endpoint, request(batch(&rows(n, 10), None))).unwrap();
    }
    bench.engine.flush().unwrap();
    let batches = home.batches("predictions");
    assert!(batches.iter().all(|batch| batch.num_rows() % 10 == 0));
    assert_eq!(row_count(&batches), bench.engine.status().predictions.logged);
}

#[test]
fn strings_that_are_no_text_are_kept_as_bytes() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    worker.score(&endpoint, request(batch(&[("AA", 0.5, 0.0)], None))).unwrap();
    bench.engine.flush().unwrap();
    let mut odd = batch(&[("AA", 0.5, 0.0)], None);
    odd.inputs[0].data = TensorData::Bytes([[0xff_u8, 0x00]].iter().collect());
    worker.score(&endpoint, request(odd)).unwrap();
    bench.engine.flush().unwrap();

    assert_eq!(home.segments("predictions").len(), 2, "another schema is another segment");
    let batches = home.batches("predictions");
    assert_eq!(text(&batches[0], "input.carrier").value(0), "AA");
    let bytes: &arrow_array::BinaryArray =
        batches[1].column_by_name("input.carrier").unwrap().as_any().downcast_ref().unwrap();
    assert_eq!(bytes.value(0), [0xff, 0x00]);
}

#[test]
fn a_segment_ends_by_size_and_by_age() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| {
        config.log.segment_bytes = 20_000;
        config.log.segment_age = Duration::from_mins(1);
        config.log.fsync = Fsync::Durable;
    });
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut write = |count: u32| {
        worker.score(&endpoint, request(batch(&rows(1, count), None))).unwrap();
        bench.engine.flush().unwrap();
        home.segments("predictions").len()
    };
    assert_eq!(write(1), 1);
    assert_eq!(write(1), 1);
    bench.clock.advance(60);
    assert_eq!(write(200), 2, "too old");
    assert_eq!(write(1), 3, "too large");
    let segments = home.segments("predictions");
    let name = segments[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("20260102T030405-{}-", std::process::id())), "{name}");
    let sum: u64 = segments.iter().map(|path| recover(path).unwrap().rows).sum();
    assert_eq!(sum, 203);
}

#[test]
fn a_contract_that_changes_begins_a_new_segment() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let first = bench.engine.deployment().default_endpoint.clone().unwrap();
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    let mut spec = crate::support::deployment(2, plan);
    spec.endpoints[0].contract.context.pop();
    bench.engine.install(&spec, &bench.shelf).unwrap();
    let second = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for _ in 0..2 {
        worker.score(&first, request(batch(&rows(1, 1), None))).unwrap();
        let mut shorter = batch(&rows(1, 1), None);
        shorter.context.pop();
        worker.score(&second, request(shorter)).unwrap();
    }
    bench.engine.flush().unwrap();
    assert_eq!(home.segments("predictions").len(), 4);
    assert_eq!(row_count(&home.batches("predictions")), 4);
}

#[test]
fn shutdown_writes_everything_and_ends_the_stream() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 0..300 {
        worker.score(&endpoint, request(batch(&rows(n, 2), None))).unwrap();
    }
    let report = bench.engine.shutdown(Duration::from_secs(30));
    assert!(report.complete);
    assert_eq!(bench.engine.shutdown(Duration::ZERO), report);
    assert_eq!(row_count(&home.batches("predictions")), 600);
    let [segment] = &home.segments("predictions")[..] else { panic!() };
    let bytes = std::fs::read(segment).unwrap();
    assert!(bytes.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    assert_eq!(recover(segment).unwrap().bytes, bytes.len() as u64);

    // What comes later is answered, and counted as lost.
    worker.score(&endpoint, request(batch(&rows(1, 2), None))).unwrap();
    assert_eq!(bench.engine.status().predictions.dropped, 2);
    assert!(bench.engine.flush().is_err());
    drop(Arc::clone(&bench.engine));
}
