//! The score call in Arrow: the same answer as in JSON.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::support::home::Home;
use crate::support::http::{call, post};
use crate::support::server::Running;

const SCORE: &str = "/v1/endpoints/flight-delay/score";
const ARROW: &str = "application/vnd.apache.arrow.stream";

fn stream(columns: &[(&str, ArrayRef)]) -> Bytes {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn rows() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("carrier", Arc::new(StringArray::from(vec![Some("UA"), None]))),
        ("wind", Arc::new(Int32Array::from(vec![5, 5]))),
        ("distance", Arc::new(Float64Array::from(vec![1.0, 3.0]))),
        ("tailnum", Arc::new(StringArray::from(vec!["N1", "N1"]))),
    ]
}

#[tokio::test]
async fn rows_in_arrow_are_answered_in_arrow() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let reply = call(at, Method::POST, SCORE, &[("content-type", ARROW)], stream(&rows())).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(reply.headers["content-type"], ARROW);
    let reader = StreamReader::try_new(&reply.body[..], None).unwrap();
    let told = reader.schema().metadata().clone();
    assert_eq!((&*told["version"], &*told["route"], &*told["generation"]), ("1", "weight", "1"));
    assert_eq!(told["prediction_id"], reply.headers["tidegate-prediction-id"].to_str().unwrap());
    let [batch] = &reader.map(Result::unwrap).collect::<Vec<_>>()[..] else { panic!("not one batch") };
    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["score", "decision", "echo", "length", "probabilities"]);
    let scores = batch.column(0).as_primitive::<Float32Type>().values().to_vec();
    assert!(matches!(batch.column(4).data_type(), DataType::FixedSizeList(_, 2)));
    assert_eq!(batch.column(2).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["UA", "?"]);

    let records = json!({"records": [
        {"distance": 1, "wind": 5, "carrier": "UA", "tailnum": "N1"},
        {"distance": 3, "wind": 5, "carrier": null, "tailnum": "N1"},
    ]});
    let json = post(at, SCORE, records.to_string()).await.json();
    for (row, score) in scores.iter().enumerate() {
        let same: f32 = json["predictions"][row]["score"].to_string().parse().unwrap();
        assert_eq!(same.to_bits(), score.to_bits());
    }
    let decisions: Vec<_> = batch.column(1).as_boolean().iter().collect();
    assert_eq!(decisions, [Some(false), Some(true)]);

    let accept = [("content-type", "application/json"), ("accept", ARROW)];
    let crossed = call(at, Method::POST, SCORE, &accept, records.to_string().into()).await;
    assert_eq!(crossed.headers["content-type"], ARROW);
    let first = StreamReader::try_new(&crossed.body[..], None).unwrap().next().unwrap().unwrap();
    assert_eq!(first.column(0), batch.column(0));
}

#[tokio::test]
async fn what_is_wrong_is_named_in_json() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let mut unknown = rows();
    unknown.push(("gate", Arc::new(Int32Array::from(vec![1, 2]))));
    for (body, expected) in [
        (stream(&unknown), "unknown column 'gate'"),
        (stream(&rows()[1..]), "column 'carrier' is missing"),
        (Bytes::from_static(b"{\"records\": []}"), "not an Arrow IPC stream"),
    ] {
        let reply = call(at, Method::POST, SCORE, &[("content-type", ARROW)], body).await;
        assert_eq!(
            (reply.status, &reply.headers["content-type"]),
            (400, &"application/json".parse().unwrap())
        );
        assert!(reply.error().contains(expected), "{}", reply.error());
    }
    let infer = "/v2/models/flight-delay/infer";
    let reply = call(at, Method::POST, infer, &[("content-type", ARROW)], stream(&rows())).await;
    assert_eq!(reply.status, 415);
    assert_eq!(server.engine.status().endpoints[0].variants[0].requests, 0);
}
