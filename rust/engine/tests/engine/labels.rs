//! Labels: on the disk before they are acknowledged, or refused.

use std::sync::mpsc::{Receiver, channel};

use arrow_array::{Array, Float64Array, TimestampMicrosecondArray, UInt32Array};
use tidegate_engine::{Engine, FeedbackError, Label, recover};

use crate::support::{Bench, Home, START, batch, request, row_count, rows, text};

fn send(engine: &Engine, endpoint: &str, labels: Vec<Label>) -> Receiver<Result<(), FeedbackError>> {
    let (sender, receiver) = channel();
    engine.feedback(endpoint, labels, Box::new(move |result| sender.send(result).unwrap()));
    receiver
}

fn label(id: uuid::Uuid, row: u32, value: f64) -> Label {
    Label {
        prediction_id: id,
        row,
        label: value,
        event_id: format!("{id}/{row}"),
        observed_at: (row == 0).then_some(START - 1),
        principal: "local".into(),
    }
}

#[test]
fn an_acknowledged_label_is_in_the_file() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let response = bench.worker().score(&endpoint, request(batch(&rows(1, 2), None))).unwrap();
    let id = response.prediction_id;
    let labels = vec![label(id, 0, 1.0), label(id, 1, 0.25)];
    send(&bench.engine, "delay", labels).recv().unwrap().unwrap();

    // No flush and no shutdown: the acknowledgement is enough.
    let [batch] = &home.batches("labels")[..] else { panic!("expected one batch") };
    assert_eq!(text(batch, "prediction_id").value(1), id.to_string());
    assert_eq!(text(batch, "event_id").value(1), format!("{id}/1"));
    assert_eq!(text(batch, "principal").value(0), "local");
    let rows: &UInt32Array = batch.column_by_name("row").unwrap().as_any().downcast_ref().unwrap();
    assert_eq!(rows.values().to_vec(), [0, 1]);
    let values: &Float64Array = batch.column_by_name("label").unwrap().as_any().downcast_ref().unwrap();
    assert_eq!(values.values().to_vec(), [1.0, 0.25]);
    let time = |name: &str| -> TimestampMicrosecondArray {
        batch
            .column_by_name(name)
            .unwrap()
            .as_any()
            .downcast_ref::<TimestampMicrosecondArray>()
            .unwrap()
            .clone()
    };
    assert_eq!(time("received_at").values().to_vec(), [START, START]);
    assert_eq!((time("observed_at").value(0), time("observed_at").is_null(1)), (START - 1, true));
    assert_eq!(bench.engine.status().labels.logged, 2);
}

#[test]
fn concurrent_reports_are_all_written_once() {
    let home = Home::new();
    let bench = Bench::single(&home);
    std::thread::scope(|scope| {
        for thread in 0..4_u128 {
            let engine = &bench.engine;
            scope.spawn(move || {
                for n in 0..50 {
                    let id = uuid::Uuid::from_u128(thread * 1000 + n);
                    send(engine, "delay", vec![label(id, 0, 1.0)]).recv().unwrap().unwrap();
                }
            });
        }
    });
    let batches = home.batches("labels");
    let mut ids: Vec<_> =
        batches.iter().flat_map(|batch| text(batch, "prediction_id").iter().flatten()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), row_count(&batches)), (200, 200));
    assert_eq!(recover(&home.segments("labels")[0]).unwrap().rows, 200);
}

#[test]
fn bad_labels_are_refused_whole() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let id = uuid::Uuid::from_u128(1);
    let nan = send(&bench.engine, "delay", vec![label(id, 0, 1.0), label(id, 1, f64::NAN)]);
    assert!(matches!(nan.recv().unwrap(), Err(FeedbackError::NotFinite { index: 1, .. })));
    let mut unnamed = label(id, 0, 1.0);
    unnamed.event_id.clear();
    let unnamed = send(&bench.engine, "delay", vec![unnamed]);
    assert!(matches!(unnamed.recv().unwrap(), Err(FeedbackError::NoEventId { index: 0 })));
    let unknown = send(&bench.engine, "arrival", vec![label(id, 0, 1.0)]);
    assert!(matches!(unknown.recv().unwrap(), Err(FeedbackError::UnknownEndpoint(_))));
    bench.engine.flush().unwrap();
    assert!(home.segments("labels").is_empty());

    bench.engine.shutdown(std::time::Duration::from_secs(30));
    let late = send(&bench.engine, "delay", vec![label(id, 0, 1.0)]);
    assert!(matches!(late.recv().unwrap(), Err(FeedbackError::Stopped)));
}

#[test]
fn a_callback_that_panics_costs_nobody_else() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let id = uuid::Uuid::from_u128(1);
    bench.engine.feedback("delay", vec![label(id, 0, 1.0)], Box::new(|_| panic!("a receiver that panics")));
    send(&bench.engine, "delay", vec![label(id, 1, 1.0)]).recv().unwrap().unwrap();
    assert_eq!(row_count(&home.batches("labels")), 2);
}
