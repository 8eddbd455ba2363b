//! Tidegate's own calls over gRPC: the answers of REST, in other words.

use serde_json::json;
use tonic::Code;

use crate::generated::tidegate_v1::column::Values;
use crate::generated::tidegate_v1::output::Values as Given;
use crate::generated::tidegate_v1::score_request::Rows;
use crate::generated::tidegate_v1::tidegate_client::TidegateClient;
use crate::generated::tidegate_v1::{
    Column, Columns, Decision, DriftRequest, FeedbackRequest, Floats, Label, ScoreRequest, Strings,
};
use crate::support::channel;
use crate::support::home::Home;
use crate::support::http::{get, post};
use crate::support::server::Running;

fn columns() -> Columns {
    let column = |name: &str, values| Column { name: name.into(), values: Some(values), nulls: vec![] };
    let floats = |values: [f32; 2]| Values::Floats(Floats { values: values.into() });
    let carriers = Values::Strings(Strings { values: vec!["UA".into(), "\u{e9}".into()] });
    Columns {
        columns: vec![
            column("carrier", carriers),
            column("distance", floats([0.1, 6.0])),
            column("wind", floats([1.0 / 3.0, 1.0])),
        ],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn score_answers_as_rest_does() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = TidegateClient::new(channel(server.addresses.data).await);
    let asked = ScoreRequest {
        endpoint: "flight-delay".into(),
        rows: Some(Rows::Columns(columns())),
        id: "mine".into(),
        event_time: Some(5),
        routing_key: Some("N1".into()),
        ..ScoreRequest::default()
    };
    let reply = client.score(asked.clone()).await.unwrap();
    let header = reply.metadata().get("tidegate-prediction-id").unwrap().to_str().unwrap().to_owned();
    let answer = reply.into_inner();
    assert_eq!((&answer.prediction_id, &*answer.id, answer.rows), (&header, "mine", 2));
    assert_eq!((&*answer.version, &*answer.route, answer.generation), ("1", "weight", 1));

    let body = json!({"columns": {"carrier": ["UA", "\u{e9}"], "distance": [0.1, 6.0], "wind": [1.0_f32 / 3.0, 1.0]}});
    let rest = post(server.addresses.data, "/v1/endpoints/flight-delay/score", body.to_string()).await.json();
    let bits = |value: &serde_json::Value| value.to_string().parse::<f32>().unwrap().to_bits();
    let Some(Given::Floats(probabilities)) = &answer.outputs[2].values else { panic!("no floats") };
    assert_eq!((&*answer.outputs[2].name, answer.outputs[2].width), ("probabilities", 2));
    for row in 0..2 {
        let of_rest = &rest["predictions"][row];
        for column in 0..2 {
            assert_eq!(
                probabilities.values[2 * row + column].to_bits(),
                bits(&of_rest["probabilities"][column])
            );
        }
        assert_eq!(answer.scores[row].to_bits(), f64::from(probabilities.values[2 * row + 1]).to_bits());
        let decided = of_rest["decision"].as_bool().unwrap();
        assert_eq!(
            answer.decisions().nth(row),
            Some(if decided { Decision::Positive } else { Decision::Negative })
        );
    }
    let Some(Given::Strings(echo)) = &answer.outputs[0].values else { panic!("no strings") };
    assert_eq!(echo.values, ["UA", "\u{e9}"]);

    let bad = |rows| ScoreRequest { rows, ..asked.clone() };
    let mut lacking = columns();
    lacking.columns.pop();
    for (request, code, expected) in [
        (bad(Some(Rows::Columns(lacking))), Code::InvalidArgument, "column 'wind' is missing"),
        (bad(Some(Rows::Arrow("nothing".into()))), Code::InvalidArgument, "no"),
        (bad(None), Code::InvalidArgument, "neither columns nor an Arrow stream"),
        (
            ScoreRequest { endpoint: "nobody".into(), ..asked.clone() },
            Code::NotFound,
            "unknown endpoint 'nobody'",
        ),
    ] {
        let status = client.score(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(expected), "{}", status.message());
    }
    assert_eq!(server.engine.stats()[0].requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_and_drift() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = TidegateClient::new(channel(server.addresses.data).await);
    let label = Label { prediction_id: uuid::Uuid::nil().to_string(), label: 1.0, ..Label::default() };
    let ask = |labels: Vec<Label>| FeedbackRequest { endpoint: String::new(), labels };
    let accepted =
        client.feedback(ask(vec![label.clone(), Label { row: 1, ..label.clone() }])).await.unwrap();
    assert_eq!(accepted.into_inner().accepted, 2);
    assert_eq!(server.engine.status().labels.logged, 2);
    for (labels, expected) in [
        (vec![], "'labels' is empty"),
        (vec![Label { prediction_id: "x".into(), ..label.clone() }], "label 0: prediction_id 'x' is no UUID"),
        (vec![Label { label: f64::NAN, ..label }], "label 0"),
    ] {
        let status = client.feedback(ask(labels)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(expected), "{}", status.message());
    }
    let drift = client.drift(DriftRequest { endpoint: "flight-delay".into() }).await.unwrap().into_inner();
    assert_eq!(drift.counts, get(server.addresses.admin, "/drift/flight-delay").await.body);
    let unknown = client.drift(DriftRequest { endpoint: "nobody".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}
