//! Calls that go on: streamed inference, watched health, the watched deployment.

use tokio::sync::mpsc;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::generated::inference::ModelInferRequest;
use crate::generated::tidegate_v1::WatchDeploymentRequest;
use crate::generated::tidegate_v1::tidegate_client::TidegateClient;
use crate::grpc::typed;
use crate::support::home::{Home, deployment};
use crate::support::server::Running;
use crate::support::{channel, grpc};
use tidegate_engine::ArtifactFiles;

/// A stream that the test feeds.
fn fed<T>() -> (mpsc::UnboundedSender<T>, impl futures_util::Stream<Item = T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream =
        futures_util::stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<T>| async move {
            receiver.recv().await.map(|item| (item, receiver))
        });
    (sender, stream)
}

fn numbered(model: &str, number: u16) -> ModelInferRequest {
    let mut request = typed(model);
    request.id = number.to_string();
    let x = request.inputs[0].contents.as_mut().unwrap();
    x.fp32_contents = vec![f32::from(number), 0.0];
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_in_order_and_outlives_bad_requests() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let (requests, stream) = fed();
    requests.send(numbered("flight-delay", 1)).unwrap();
    let mut answers = client.model_stream_infer(stream).await.unwrap().into_inner();
    for number in 2..50 {
        let model = match number % 5 {
            0 => "nobody",
            1 => "broken",
            _ => "flight-delay",
        };
        requests.send(numbered(model, number)).unwrap();
    }
    drop(requests);
    for number in 1..50_u16 {
        let answer = answers.message().await.unwrap().unwrap();
        let response = answer.infer_response.unwrap();
        assert_eq!(response.id, number.to_string());
        match number % 5 {
            0 => assert!(answer.error_message.starts_with("unknown endpoint 'nobody'"), "{number}"),
            // Five failures in a row open the breaker.
            1 if number > 26 => assert!(answer.error_message.contains("keeps failing"), "{number}"),
            1 if number > 1 => assert!(answer.error_message.contains("'broken' failed"), "{number}"),
            _ => {
                assert_eq!(answer.error_message, "");
                let outputs = response.outputs[2].contents.as_ref().unwrap();
                assert_eq!(outputs.fp32_contents[1].to_bits(), (0.25 + f32::from(number) / 10.0).to_bits());
            }
        }
    }
    assert_eq!(answers.message().await.unwrap(), None);
    let stats = server.engine.stats();
    assert_eq!((stats[0].requests, stats[1].errors), (31, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_does_not_hold_up_the_end() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = grpc(server.addresses.data).await;
    let (requests, stream) = fed();
    requests.send(numbered("flight-delay", 1)).unwrap();
    let mut answers = client.model_stream_infer(stream).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
    server.stopper.stop();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is shutting down"));
    drop(requests);
    assert_eq!(server.end().cut, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_watched_from_unknown_to_the_end() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut health = HealthClient::new(channel(server.addresses.data).await);
    let mut watched = Vec::new();
    for (service, status) in [
        ("", ServingStatus::Serving),
        ("inference.GRPCInferenceService", ServingStatus::Serving),
        ("flight-delay", ServingStatus::Serving),
        ("slow", ServingStatus::Serving),
        ("later", ServingStatus::ServiceUnknown),
    ] {
        let asked = HealthCheckRequest { service: service.into() };
        let mut statuses = health.watch(asked).await.unwrap().into_inner();
        assert_eq!(statuses.message().await.unwrap().unwrap().status(), status, "{service}");
        watched.push(statuses);
    }
    let mut next = deployment(2, &["bias:0.25"]);
    next.endpoints.retain(|endpoint| endpoint.name != "slow");
    let mut later = next.endpoints[0].clone();
    (later.name, later.id) = ("later".into(), "ep_later".into());
    next.endpoints.push(later);
    server.engine.install(&next, &ArtifactFiles::of_home(home.path())).unwrap();
    let mut changed = watched.split_off(3);
    for (statuses, status) in changed.iter_mut().zip([ServingStatus::ServiceUnknown, ServingStatus::Serving])
    {
        assert_eq!(statuses.message().await.unwrap().unwrap().status(), status);
    }

    server.stopper.stop();
    let whole_and_known = watched.iter_mut().chain(changed.iter_mut().skip(1));
    for statuses in whole_and_known {
        assert_eq!(statuses.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(statuses.message().await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(changed[0].message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.end().cut, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deployment_is_told_as_it_answers() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = TidegateClient::new(channel(server.addresses.data).await);
    let mut deployments = client.watch_deployment(WatchDeploymentRequest {}).await.unwrap().into_inner();
    let now = deployments.message().await.unwrap().unwrap();
    assert_eq!((now.generation, &*now.default_endpoint, now.endpoints.len()), (1, "flight-delay", 3));
    let next = deployment(2, &["bias:0.25", "bias:0.5"]);
    server.engine.install(&next, &ArtifactFiles::of_home(home.path())).unwrap();
    let now = deployments.message().await.unwrap().unwrap();
    let variants = &now.endpoints[0].variants;
    let shown: Vec<_> =
        variants.iter().map(|variant| (&*variant.version, variant.weight.to_bits())).collect();
    assert_eq!((now.generation, shown), (2, vec![("1", 0.0_f64.to_bits()), ("2", 1.0_f64.to_bits())]));
    server.stopper.stop();
    assert_eq!(deployments.message().await.unwrap_err().code(), Code::Unavailable);
}
