//! A panic while a request is handled: its sender is told by the table, with an id, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_engine::{Clock, SystemClock};
use tonic::Code;

use crate::grpc::typed;
use crate::support::grpc;
use crate::support::home::Home;
use crate::support::server::Running;
use crate::traces::ask;

const SCORE: &str = "/v1/endpoints/flight-delay/score";

/// A clock that panics when a request is handled, once it is told to.
struct Fuse {
    lit: AtomicBool,
}

impl Clock for Fuse {
    fn now_us(&self) -> i64 {
        let serving = std::thread::current().name().is_some_and(|name| {
            name.strip_prefix("tidegate-").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        });
        assert!(!(serving && self.lit.load(Ordering::Relaxed)), "the fuse is lit");
        SystemClock.now_us()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_is_internal_with_an_id_on_both_transports() {
    let home = Home::served();
    let fuse = Arc::new(Fuse { lit: AtomicBool::new(false) });
    let server = Running::start_at(home.path(), Arc::clone(&fuse) as Arc<dyn Clock>).await;
    let mut client = grpc(server.addresses.data).await;
    client.model_infer(typed("flight-delay")).await.unwrap();
    for _ in 0..3 {
        fuse.lit.store(true, Ordering::Relaxed);
        let reply = ask(&server, SCORE, &[]).await;
        assert_eq!(reply.status, 500, "{reply:?}");
        assert_eq!(reply.error(), "the server failed to answer; its log has the cause");
        let id = &reply.headers["x-request-id"];
        assert_eq!(reply.json()["request_id"], id.to_str().unwrap());
        let status = client.model_infer(typed("flight-delay")).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        assert!(status.metadata().contains_key("x-request-id"));
        let stream = futures_util::stream::iter([typed("flight-delay")]);
        let mut answers = client.model_stream_infer(stream).await.unwrap().into_inner();
        let status = answers.message().await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        // The same connections go on.
        fuse.lit.store(false, Ordering::Relaxed);
        client.model_infer(typed("flight-delay")).await.unwrap();
        assert_eq!(ask(&server, SCORE, &[]).await.status, 200);
    }
    drop(client);
    let report = tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    assert!(report.engine.complete);
}
