//! The protocol's extensions over REST: statistics, configuration, repository; and metrics on the data port.

use http::Method;
use serde_json::{Value, json};

use crate::support::home::Home;
use crate::support::http::{call, get, post};
use crate::support::server::Running;

fn records(rows: usize) -> String {
    json!({"records": vec![json!({"distance": 1, "wind": 5, "carrier": "UA"}); rows]}).to_string()
}

#[tokio::test]
async fn statistics_equal_what_clients_counted() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    for rows in [1, 2, 2] {
        assert_eq!(post(at, "/v1/endpoints/flight-delay/score", records(rows)).await.status, 200);
    }
    assert_eq!(post(at, "/v1/endpoints/broken/score", records(1)).await.status, 500);
    // What is refused before it comes to a model is no inference.
    assert_eq!(post(at, "/v1/endpoints/flight-delay/score", "{}").await.status, 400);

    let stats = get(at, "/v2/models/flight-delay/stats").await.json();
    let [model] = &stats["model_stats"].as_array().unwrap()[..] else { panic!("{stats}") };
    assert_eq!((&model["name"], &model["version"]), (&json!("flight-delay"), &json!("1")));
    assert_eq!((&model["inference_count"], &model["execution_count"]), (&json!(5), &json!(3)));
    assert!(model["last_inference"].as_u64().unwrap() > 1_600_000_000_000);
    let spent = &model["inference_stats"];
    for name in ["success", "queue", "compute_input", "compute_infer", "compute_output"] {
        assert_eq!(spent[name]["count"], 3, "{name}");
    }
    assert_eq!(spent["fail"]["count"], 0);
    let parts: u64 = ["queue", "compute_input", "compute_infer", "compute_output"]
        .iter()
        .map(|name| spent[name]["ns"].as_u64().unwrap())
        .sum();
    assert_eq!(spent["success"]["ns"], parts);
    let sizes: Vec<_> = model["batch_stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| {
            (batch["batch_size"].as_u64().unwrap(), batch["compute_infer"]["count"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(sizes, [(1, 1), (2, 2)]);

    let names = |stats: &Value| -> Vec<String> {
        stats["model_stats"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().into()).collect()
    };
    let all = get(at, "/v2/models/stats").await.json();
    assert_eq!(names(&all), ["flight-delay", "broken", "slow"]);
    assert_eq!(all["model_stats"][1]["inference_stats"]["fail"]["count"], 1);
    assert_eq!(names(&get(at, "/v2/models/flight-delay/versions/1/stats").await.json()), ["flight-delay"]);
    assert_eq!(get(at, "/v2/models/flight-delay/versions/9/stats").await.status, 404);
    assert_eq!(get(at, "/v2/models/nobody/stats").await.status, 404);

    // The same under Triton's names, on both ports.
    for at in [at, server.addresses.admin] {
        let reply = get(at, "/metrics").await;
        assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = std::str::from_utf8(&reply.body).unwrap();
        for line in [
            "nv_inference_request_success{model=\"flight-delay\",version=\"1\"} 3",
            "nv_inference_count{model=\"flight-delay\",version=\"1\"} 5",
            "nv_inference_exec_count{model=\"flight-delay\",version=\"1\"} 3",
            "nv_inference_request_failure{model=\"broken\",version=\"1\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}

#[tokio::test]
async fn configuration_and_index() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let told = get(at, "/v2/models/flight-delay/config").await.json();
    assert_eq!((&told["name"], &told["backend"]), (&json!("flight-delay"), &json!("onnxruntime")));
    assert_eq!(told["input"][0], json!({"name": "x", "data_type": "TYPE_FP32", "dims": [2]}));
    assert_eq!(told["input"][1], json!({"name": "carrier", "data_type": "TYPE_STRING", "dims": [1]}));
    assert_eq!(told["output"][1], json!({"name": "length", "data_type": "TYPE_INT64", "dims": [1]}));
    assert!(told["max_batch_size"].as_u64().unwrap() > 0);
    assert_eq!(get(at, "/v2/models/flight-delay/versions/2/config").await.status, 404);

    for body in ["", "{}", "{\"ready\": true}"] {
        let index = post(at, "/v2/repository/index", body).await.json();
        let entry = json!({"name": "flight-delay", "version": "1", "state": "READY", "reason": ""});
        assert_eq!((&index[0], index.as_array().unwrap().len()), (&entry, 3), "{body}");
    }
    let refused = post(at, "/v2/repository/index", "{\"ready\": 1}").await;
    assert!((refused.status == 400) && refused.error().contains("index request"), "{refused:?}");

    let server = get(at, "/v2").await.json();
    let extensions: Vec<_> =
        server["extensions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for name in
        ["binary_tensor_data", "model_repository", "statistics", "model_configuration", "schedule_policy"]
    {
        assert!(extensions.contains(&name), "{name}");
    }
}

#[tokio::test]
async fn parameters_are_read_by_name() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let with = |parameters: Value| {
        json!({"parameters": parameters, "inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 5]},
            {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]},
        ]})
        .to_string()
    };
    let infer = "/v2/models/flight-delay/infer";
    let good =
        json!({"priority": 2, "timeout": 60_000_000, "routing_key": 7, "event_time": 5, "sequence_id": [1]});
    let reply = post(at, infer, with(good)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    for (parameters, expected) in [
        (json!({"priority": "high"}), "parameter 'priority' must be an integer from 0 up"),
        (json!({"timeout": 0.5}), "parameter 'timeout' must be an integer from 0 up: microseconds"),
        (json!({"binary_data_output": "yes"}), "parameter 'binary_data_output' must be true or false"),
    ] {
        let reply = post(at, infer, with(parameters)).await;
        assert_eq!(reply.status, 400);
        assert!(reply.error().contains(expected), "{}", reply.error());
    }
    let put = call(at, Method::PUT, "/v2/models/flight-delay/stats", &[], bytes::Bytes::new()).await;
    assert_eq!((put.status, &put.headers["allow"]), (405, &"GET".parse().unwrap()));
}
