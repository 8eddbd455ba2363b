//! Compressed bodies, in and out, and what a small one may unpack to.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http::Method;
use serde_json::json;

use crate::support::home::Home;
use crate::support::http::call;
use crate::support::server::Running;

const SCORE: &str = "/v1/endpoints/flight-delay/score";

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

fn deflate(body: &[u8]) -> Bytes {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

#[tokio::test]
async fn bodies_go_both_ways_compressed() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let row = json!({"distance": 1, "wind": 5, "carrier": "UA"});
    let body = json!({"records": vec![row; 100]}).to_string();
    let plain = call(server.addresses.data, Method::POST, SCORE, &[], body.clone().into()).await;
    assert!(!plain.headers.contains_key("content-encoding"));
    for (name, packed) in [("gzip", gzip(body.as_bytes())), ("deflate", deflate(body.as_bytes()))] {
        let headers = [("content-encoding", name), ("accept-encoding", name)];
        let reply = call(server.addresses.data, Method::POST, SCORE, &headers, packed).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        assert_eq!(reply.headers["content-encoding"], name);
        assert_eq!(reply.headers["content-length"], reply.body.len().to_string());
        let mut unpacked = String::new();
        match name {
            "gzip" => GzDecoder::new(&reply.body[..]).read_to_string(&mut unpacked).unwrap(),
            _ => ZlibDecoder::new(&reply.body[..]).read_to_string(&mut unpacked).unwrap(),
        };
        let predictions =
            |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["predictions"].clone();
        assert_eq!(predictions(&unpacked), plain.json()["predictions"]);
    }
}

/// A thousand to one: the limit holds for what comes out, and no more than that is made.
#[tokio::test]
async fn a_bomb_is_refused_at_the_limit() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.body_limit = 1 << 20).await;
    let spaces = vec![b' '; 64 << 20];
    let before = peak();
    for (name, bomb) in [("gzip", gzip(&spaces)), ("deflate", deflate(&spaces))] {
        assert!(bomb.len() * 500 < spaces.len(), "{}", bomb.len());
        for _ in 0..20 {
            let headers = [("content-encoding", name)];
            let reply = call(server.addresses.data, Method::POST, SCORE, &headers, bomb.clone()).await;
            assert_eq!(reply.status, 413, "{:?}", reply.body);
            assert!(reply.error().contains("unpacks to more than the limit of 1048576 bytes"));
        }
        let broken =
            call(server.addresses.data, Method::POST, SCORE, &[("content-encoding", name)], bomb.slice(..9))
                .await;
        assert_eq!(broken.status, 400, "{:?}", broken.body);
    }
    let live = call(server.addresses.data, Method::GET, "/v2/health/live", &[], Bytes::new()).await;
    assert_eq!(live.status, 200);
    assert!(peak() - before < 16 << 10, "grew by {} KiB", peak() - before);
}

/// The most memory that this process ever held, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
