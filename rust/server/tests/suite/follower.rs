//! Deployments: from control, from disk, good ones and broken ones.

use serde_json::{Value, json};
use tidegate_engine::{ArtifactFiles, DeploymentSpec, digest};
use tidegate_server::Secret;

use crate::support::control::{FakeControl, KEY};
use crate::support::home::{Home, MODELS, deployment};
use crate::support::http::{get, post};
use crate::support::server::Running;

/// Ends a test that would wait for ever.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

async fn follow(home: &Home, control: &FakeControl) -> Running {
    let url = control.url();
    Running::start(home.path(), |config| {
        config.control = Some(url);
        config.node_key = Some(Secret::new(KEY));
    })
    .await
}

async fn status_where(server: &Running, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let status = get(server.addresses.admin, "/status").await.json();
        if wanted(&status) {
            return status;
        }
        assert!(began.elapsed() < PATIENCE, "it did not come to that: {status}");
    }
}

async fn version(server: &Running) -> Value {
    let body = json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}]}).to_string();
    let reply = post(server.addresses.data, "/v1/endpoints/flight-delay/score", body).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply.json()["version"].clone()
}

#[tokio::test]
async fn a_deployment_is_fetched_kept_and_replaced() {
    let home = Home::empty();
    let control = FakeControl::start().await;
    for model in MODELS {
        control.hold(model);
    }
    let server = follow(&home, &control).await;
    let empty = get(server.addresses.admin, "/status").await.json();
    assert_eq!(empty["endpoints"], json!([]));

    control.publish(&deployment(1, &["bias:0.25"]));
    status_where(&server, |status| status["generation"] == 1).await;
    assert_eq!(version(&server).await, "1");
    control.publish(&deployment(2, &["bias:0.25", "bias:0.5"]));
    status_where(&server, |status| status["generation"] == 2).await;
    assert_eq!(version(&server).await, "2");
    server.end();

    let kept = DeploymentSpec::parse(&std::fs::read(home.file(2)).unwrap()).unwrap();
    assert_eq!(kept, deployment(2, &["bias:0.25", "bias:0.5"]));
    let files = ArtifactFiles::of_home(home.path());
    assert!(MODELS.iter().all(|model| files.contains(&digest(model.as_bytes()))));
    let fetched = control.asked().iter().filter(|path| path.starts_with("/v1/artifacts/")).count();
    assert_eq!(fetched, MODELS.len(), "each artifact is fetched once");
}

#[tokio::test]
async fn bytes_of_another_digest_never_serve() {
    let home = Home::served();
    let control = FakeControl::start().await;
    let spec = deployment(2, &["bias:0.25", "bias:0.75"]);
    control.hold_as(&digest(b"bias:0.75"), "bias:0.99");
    control.publish(&spec);
    let server = follow(&home, &control).await;
    let status = status_where(&server, |status| status["failed"]["generation"] == 2).await;
    assert!(status["failed"]["error"].as_str().unwrap().contains("damaged"), "{status}");
    assert_eq!((&status["generation"], version(&server).await), (&json!(1), json!("1")));

    // Control has the right bytes now; the server comes for them by itself.
    control.hold("bias:0.75");
    let status = status_where(&server, |status| status["generation"] == 2).await;
    assert_eq!((&status["failed"], version(&server).await), (&json!(null), json!("2")));
}

#[tokio::test]
async fn a_deployment_that_can_not_be_installed_changes_nothing() {
    let home = Home::served();
    let control = FakeControl::start().await;
    control.hold("nonsense");
    control.publish(&deployment(2, &["nonsense"]));
    let server = follow(&home, &control).await;
    let status = status_where(&server, |status| status["failed"]["generation"] == 2).await;
    assert!(status["failed"]["error"].as_str().unwrap().contains("'nonsense' is no model"), "{status}");
    assert_eq!(version(&server).await, "1");
    assert!(!home.file(2).exists());

    control.publish_bytes(3, b"{\"format\": 1}".to_vec());
    status_where(&server, |status| status["failed"]["error"].as_str().unwrap().contains("sha256")).await;
    assert_eq!(version(&server).await, "1");
    control.publish(&deployment(4, &["bias:0.25", "bias:0.5"]));
    let status = status_where(&server, |status| status["generation"] == 4).await;
    assert_eq!((&status["failed"], version(&server).await), (&json!(null), json!("2")));
}

#[tokio::test]
async fn a_server_starts_without_control() {
    let home = Home::served();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let server = Running::start(home.path(), |config| config.control = Some(nobody)).await;
    assert_eq!(version(&server).await, "1");
}

#[tokio::test]
async fn the_newest_whole_deployment_on_disk_serves() {
    let home = Home::served();
    home.keep(&deployment(2, &["bias:0.25", "bias:0.5"]));
    home.keep(&deployment(3, &["bias:0.25", "bias:0.5", "bias:0.5"]));
    home.keep(&deployment(10, &["bias:0.25"]));
    let torn = std::fs::read(home.file(10)).unwrap();
    std::fs::write(home.file(10), &torn[..torn.len() / 2]).unwrap();
    let changed = std::fs::read_to_string(home.file(3)).unwrap().replace("\"weight\":1", "\"weight\":0.5");
    std::fs::write(home.file(3), changed).unwrap();
    let server = Running::start(home.path(), |_| {}).await;
    let status = get(server.addresses.admin, "/status").await.json();
    assert_eq!((&status["generation"], &status["failed"]["generation"]), (&json!(2), &json!(10)), "{status}");
    assert_eq!(version(&server).await, "2");
}
