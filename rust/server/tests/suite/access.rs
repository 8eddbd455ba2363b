//! Who may do what: every call with every kind of credential, and how tables of keys come and go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tidegate_server::{Secret, ServerConfig};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

use crate::support::control::{FakeControl, KEY};
use crate::support::grpc_call::{bare, methods};
use crate::support::home::Home;
use crate::support::http::{Reply, call, call_over, get};
use crate::support::keys::{PEPPER, key, table};
use crate::support::server::Running;

const FILE: &str = "scoring-keys.json";
const SERVER: &str = "/v2";

fn with_keys(config: &mut ServerConfig) {
    config.require_keys = true;
    config.pepper = Some(Secret::new(PEPPER));
}

fn keep(home: &Home, table: &serde_json::Value) {
    std::fs::write(home.path().join(FILE), table.to_string()).unwrap();
}

/// A connection from an address of its own, so that one caller's failures are not another's.
async fn from(number: u16, at: SocketAddr) -> TcpStream {
    let [high, low] = number.to_be_bytes();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 1, high, low)), 0)).unwrap();
    socket.connect(at).await.unwrap()
}

async fn ask(at: SocketAddr, path: &str, key: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    call(at, Method::GET, path, &[("authorization", &bearer)], Bytes::new()).await
}

/// Who asks with which key, and what the key may do.
const CALLERS: [(&str, &[&str]); 4] =
    [("looker", &["look"]), ("scorer", &["score"]), ("teller", &["feedback"]), ("nobody", &[])];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Unknown,
    Denied,
    In,
}

/// What a call that needs `right` (none: it is open) says to a key with `rights` (none: no good key).
fn expected(right: Option<&str>, rights: Option<&[&str]>) -> Answer {
    match (right, rights) {
        (None, _) => Answer::In,
        (Some(_), None) => Answer::Unknown,
        (Some(right), Some(rights)) if rights.contains(&right) => Answer::In,
        (Some(_), Some(_)) => Answer::Denied,
    }
}

/// Who asks, the header that it shows, and the rights of a good key.
type Credential = (String, Option<String>, Option<&'static [&'static str]>);

/// Every credential with the rights that it has.
fn credentials() -> Vec<Credential> {
    let secret_off_by_one = key("looker").replace('G', "H");
    let bad = [key("stranger"), secret_off_by_one, key("expired"), "tg_no".into(), String::new()];
    let mut all = vec![("none".to_owned(), None, None)];
    all.extend(bad.into_iter().map(|key| (format!("bad {key}"), Some(format!("Bearer {key}")), None)));
    all.extend(
        CALLERS
            .iter()
            .map(|(name, rights)| ((*name).to_owned(), Some(format!("Bearer {}", key(name))), Some(*rights))),
    );
    all
}

async fn guarded() -> (Home, Running) {
    let home = Home::served();
    let mut keys = table(&[&CALLERS[..], &[("expired", &["look", "score", "feedback"])]].concat());
    for key in keys["keys"].as_array_mut().unwrap() {
        if key["principal"] == "expired" {
            key["expires_at"] = json!(1_700_000_000);
        }
    }
    keep(&home, &keys);
    let server = Running::start(home.path(), with_keys).await;
    (home, server)
}

#[tokio::test]
async fn every_rest_call_asks_for_its_right() {
    let (_home, server) = guarded().await;
    let at = server.addresses.data;
    let (get, post) = (Method::GET, Method::POST);
    let calls = [
        (&get, "/v2/health/live", None),
        (&get, "/v2/health/ready", None),
        (&get, "/v2", Some("look")),
        (&get, "/v2/models/flight-delay", Some("look")),
        (&get, "/v2/models/flight-delay/versions/1", Some("look")),
        (&get, "/v2/models/flight-delay/ready", Some("look")),
        (&get, "/v1/endpoints/flight-delay", Some("look")),
        (&post, "/v2/models/flight-delay/infer", Some("score")),
        (&post, "/v2/models/flight-delay/versions/1/infer", Some("score")),
        (&post, "/v1/endpoints/flight-delay/score", Some("score")),
        (&post, "/v1/feedback", Some("feedback")),
        // The same call in other words, and names of nothing: the right is asked for first.
        (&get, "/v2/", Some("look")),
        (&get, "/v2/model/%66light-delay", Some("look")),
        (&get, "/v2/models/no-such-model", Some("look")),
        (&post, "/v2/models/no-such-model/infer", Some("score")),
    ];
    let mut number = 0;
    for (method, path, right) in calls {
        for (who, credential, rights) in credentials() {
            number += 1;
            let headers: Vec<_> = credential.iter().map(|value| ("authorization", &**value)).collect();
            let stream = from(number, at).await;
            let reply = call_over(stream, method.clone(), path, &headers, Bytes::new()).await;
            let answer = match reply.status {
                401 => Answer::Unknown,
                403 => Answer::Denied,
                _ => Answer::In,
            };
            assert_eq!(answer, expected(right, rights), "{method} {path} by {who}: {}", reply.status);
            assert_eq!(reply.headers.contains_key("www-authenticate"), answer == Answer::Unknown);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_grpc_method_asks_for_its_right() {
    let (_home, server) = guarded().await;
    let at = server.addresses.data;
    let mut number = 1000;
    let methods = methods();
    assert!(methods.iter().any(|path| path == "/inference.GRPCInferenceService/ModelInfer"), "{methods:?}");
    for path in &methods {
        let right = match path.rsplit('/').next().unwrap() {
            "ServerLive" | "ServerReady" | "Check" | "Watch" => None,
            "ModelInfer" | "ModelStreamInfer" | "Score" => Some("score"),
            "Feedback" => Some("feedback"),
            _ => Some("look"),
        };
        for (who, credential, rights) in credentials() {
            number += 1;
            let code = bare(from(number, at).await, path, credential.as_deref()).await;
            let answer = match code {
                Code::Unauthenticated => Answer::Unknown,
                Code::PermissionDenied => Answer::Denied,
                _ => Answer::In,
            };
            assert_eq!(answer, expected(right, rights), "{path} by {who}: {code:?}");
        }
    }
}

#[tokio::test]
async fn headers_that_can_be_read_in_two_ways_are_refused() {
    let (_home, server) = guarded().await;
    let at = server.addresses.data;
    let (bearer, good) = (format!("Bearer {}", key("looker")), key("looker"));
    let status =
        async |headers: &[(&str, &str)]| call(at, Method::GET, SERVER, headers, Bytes::new()).await.status;
    assert_eq!(status(&[("authorization", &bearer)]).await, 200);
    assert_eq!(status(&[("x-api-key", &good)]).await, 200);
    assert_eq!(status(&[("authorization", &bearer), ("authorization", &bearer)]).await, 401);
    assert_eq!(status(&[("authorization", &bearer), ("x-api-key", &good)]).await, 401);
    assert_eq!(status(&[("x-forwarded-for", "127.0.0.1"), ("x-original-url", "/v2/health/live")]).await, 401);
}

#[tokio::test]
async fn without_a_need_for_keys_a_bad_one_is_refused_all_the_same() {
    let home = Home::served();
    keep(&home, &table(&CALLERS));
    let server = Running::start(home.path(), |config| config.pepper = Some(Secret::new(PEPPER))).await;
    let at = server.addresses.data;
    assert_eq!(get(at, SERVER).await.status, 200);
    assert_eq!(ask(at, SERVER, &key("looker")).await.status, 200);
    assert_eq!(ask(at, SERVER, &key("nobody")).await.status, 403);
    assert_eq!(ask(at, SERVER, &key("stranger")).await.status, 401);
    assert_eq!(ask(at, "/v2/health/ready", &key("stranger")).await.status, 200);
    let denied = get(server.addresses.admin, "/status").await.json()["denied"].clone();
    let address = "127.0.0.1";
    let stranger = json!({"reason": "bad_key", "who": "00stranger", "address": address, "count": 1});
    let nobody = json!({"reason": "not_allowed", "who": "nobody", "address": address, "count": 1});
    assert_eq!(denied, json!([stranger, nobody]));
}

#[tokio::test]
async fn ten_failures_a_minute_and_good_keys_go_on() {
    let (_home, server) = guarded().await;
    let at = server.addresses.data;
    for _ in 0..10 {
        assert_eq!(ask(at, SERVER, &key("stranger")).await.status, 401);
    }
    let refused = ask(at, SERVER, &key("stranger")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["ratelimit-limit"], "10");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    let reset = refused.headers["ratelimit-reset"].to_str().unwrap().parse::<u64>().unwrap();
    assert!((1..=7).contains(&reset), "{reset}");
    assert_eq!(refused.headers["retry-after"], refused.headers["ratelimit-reset"]);
    assert_eq!(ask(at, SERVER, &key("looker")).await.status, 200);
    assert_eq!(call_over(from(1, at).await, Method::GET, SERVER, &[], Bytes::new()).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_has_its_rate_over_both_transports() {
    let home = Home::served();
    keep(&home, &table(&[("looker", &["look"]), ("other", &["look"])]));
    let server = Running::start(home.path(), |config| {
        with_keys(config);
        config.limits.rate_per_second = 0.001;
        config.limits.burst = 2;
    })
    .await;
    let at = server.addresses.data;
    assert_eq!(ask(at, SERVER, &key("looker")).await.status, 200);
    assert_eq!(ask(at, SERVER, &key("looker")).await.status, 200);
    let refused = ask(at, SERVER, &key("looker")).await;
    assert_eq!((refused.status, &refused.headers["ratelimit-limit"]), (429, &"2".parse().unwrap()));
    let metadata = "/inference.GRPCInferenceService/ServerMetadata";
    let bearer = |name| format!("Bearer {}", key(name));
    let code = bare(TcpStream::connect(at).await.unwrap(), metadata, Some(&bearer("looker"))).await;
    assert_eq!(code, Code::ResourceExhausted);
    let code = bare(TcpStream::connect(at).await.unwrap(), metadata, Some(&bearer("other"))).await;
    assert_eq!(code, Code::Ok);
}

#[tokio::test]
async fn a_table_comes_from_control_and_is_kept_for_a_start_without_it() {
    let home = Home::served();
    let control = FakeControl::start().await;
    let url = control.url();
    let follow = |config: &mut ServerConfig| {
        with_keys(config);
        config.control = Some(url.clone());
        config.node_key = Some(Secret::new(KEY));
    };
    let server = Running::start(home.path(), follow).await;
    let at = server.addresses.data;
    assert_eq!(ask(at, SERVER, &key("looker")).await.status, 401);
    let until = async |name: &str, status: u16| {
        let mut number = 0;
        loop {
            number += 1;
            let headers = [("x-api-key", &*key(name))];
            let reply = call_over(from(number, at).await, Method::GET, SERVER, &headers, Bytes::new()).await;
            if reply.status == status {
                break;
            }
        }
    };
    control.hand_out(&table(&[("looker", &["look"]), ("second", &["look"])]).to_string());
    until("looker", 200).await;
    // Revoked: it is in the next table no more.
    control.hand_out(&table(&[("second", &["look"])]).to_string());
    until("looker", 401).await;
    assert_eq!(ask(at, SERVER, &key("second")).await.status, 200);
    // What is no table changes nothing.
    control.hand_out("{\"format\": 7}");
    assert_eq!(ask(at, SERVER, &key("second")).await.status, 200);
    server.end();

    let kept = home.path().join(FILE);
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&kept).unwrap().contains("0123456789abcdef"), "no secret is kept");
    let server = Running::start(home.path(), with_keys).await;
    assert_eq!(ask(server.addresses.data, SERVER, &key("second")).await.status, 200);
    assert_eq!(ask(server.addresses.data, SERVER, &key("looker")).await.status, 401);
}
