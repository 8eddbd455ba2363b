//! Requests that are wrong in every way that JSON, tensors and HTTP allow: each is refused by the name of what is wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::support::home::Home;
use crate::support::http::{call, get, post};
use crate::support::server::Running;

const INFER: &str = "/v2/models/flight-delay/infer";

fn body(x: &str, more: &str) -> String {
    format!(
        r#"{{"inputs": [{{"name": "x", {x}}},
            {{"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]}}]{more}}}"#
    )
}

#[tokio::test]
async fn json_that_is_wrong_is_refused_with_its_place() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let fp32 = |data: &str| body(&format!(r#""shape": [1, 2], "datatype": "FP32", "data": {data}"#), "");
    let good = fp32("[1, 2]");
    assert_eq!(post(at, INFER, good.clone()).await.status, 200);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (body, expected) in [
        (format!("\u{feff}{good}"), "byte order mark"),
        (format!("{good} {{}}"), "trailing characters"),
        (fp32(&nested(250_000)), "more than 64 arrays and objects stand within each other at /inputs/0/data"),
        (
            good.replace("\"inputs\"", "\"id\": \"a\", \"id\": \"b\", \"inputs\""),
            "duplicate field `id` at /id",
        ),
        (
            good.replace("[1, 2], \"datatype\"", "[1, 2], \"shape\": [1], \"datatype\""),
            "duplicate field `shape` at /inputs/0",
        ),
        (fp32("[NaN, 1]"), "NaN is no JSON"),
        (fp32("[Infinity, 1]"), "Infinity is no JSON"),
        (fp32("[\"NaN\", 1]"), "input 'x' must be FP32, element 0 is \"NaN\""),
        (fp32("[1e400, 1]"), "input 'x' must be FP32, element 0 is 1e400"),
        (fp32("[1, 01]"), "at /inputs/0/data"),
        (
            good.replace("\"UA\"", "\"\\ud800\""),
            "input 'carrier' must be BYTES, element 0 is a string with a broken escape",
        ),
        (
            good.replace("\"UA\"", "\"\\ud800\"").replace("\"data\": [\"\\ud800\"]", "\"data\": [null, 7]"),
            "element 1 is 7",
        ),
        (fp32("{\"a\": 1}"), "input 'x'"),
        (good[..good.len() - 1].to_owned(), "EOF while parsing an object"),
    ] {
        let reply = post(at, INFER, body).await;
        assert_eq!(reply.status, 400, "{:?}", reply.body);
        assert!(reply.error().contains(expected), "{expected}: {}", reply.error());
        assert!(reply.error().len() < 600, "{}", reply.error().len());
    }
    let keys: Vec<_> = (0..100_000).map(|key| format!("\"k{key}\": 0")).collect();
    let many = good.replacen('{', &format!("{{\"parameters\": {{{}}},", keys.join(",")), 1);
    assert_eq!(post(at, INFER, many).await.status, 200, "unknown parameters are passed over, however many");
    assert_eq!(get(at, "/v2/health/live").await.status, 200);
}

#[tokio::test]
async fn tensors_that_are_wrong_are_refused_by_name() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    for (x, expected) in [
        (
            r#""shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]"#,
            "input 'x' must have shape [-1, 2], got [1, 3]",
        ),
        (
            r#""shape": [-1, 2], "datatype": "FP32", "data": [1, 2]"#,
            "input 'x' has shape [-1, 2]; no dimension may be negative",
        ),
        (r#""shape": [0, 2], "datatype": "FP32", "data": []"#, "rows"),
        (r#""shape": [4294967296, 4294967296], "datatype": "FP32", "data": [1, 2]"#, "input 'x'"),
        (
            r#""shape": [9223372036854775807, 2], "datatype": "FP32", "data": [1, 2]"#,
            "input 'x' has shape [9223372036854775807, 2] but 2 elements",
        ),
        (r#""shape": [18446744073709551616, 2], "datatype": "FP32", "data": [1, 2]"#, "at /inputs/0/shape/0"),
        (r#""shape": [1, 2], "datatype": "FP64", "data": [1, 2]"#, "input 'x' must be FP32, got FP64"),
        (r#""shape": [1, 2], "datatype": "fp32", "data": [1, 2]"#, "unknown datatype 'fp32'"),
        (r#""shape": [1, 2], "datatype": "FP32", "data": [1, 2, 3]"#, "but 3 elements"),
        (r#""shape": [1, 2], "datatype": "FP32""#, "input 'x' has no data"),
        (
            r#""shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 18446744073709551615}"#,
            "0 bytes are left",
        ),
    ] {
        let reply = post(at, INFER, body(x, "")).await;
        assert_eq!(reply.status, 400, "{x}: {:?}", reply.body);
        assert!(reply.error().contains(expected), "{x}: {}", reply.error());
    }
    let one = r#""shape": [1, 2], "datatype": "FP32", "data": [1, 2]"#;
    let twice =
        body(one, "").replace("\"carrier\"", "\"x\"").replace("BYTES", "FP32").replace("[\"UA\"]", "[1]");
    let extra = body(one, "").replace("\"carrier\"", "\"gate\"");
    let missing = format!(r#"{{"inputs": [{{"name": "x", {one}}}]}}"#);
    let output = body(one, r#", "outputs": [{"name": "p"}]"#);
    for (body, expected) in [
        (twice, "input 'x' came twice"),
        (extra, "unknown input 'gate'; the endpoint takes: x, carrier"),
        (missing, "input 'carrier' (BYTES) is missing"),
        (output, "unknown output 'p'"),
    ] {
        let reply = post(at, INFER, body).await;
        assert!(reply.status == 400 && reply.error().contains(expected), "{expected}: {}", reply.error());
    }
    for (length, expected) in [
        ("x", "must be a number of bytes"),
        ("999", "but the body has"),
        ("0", "needs an endpoint with one input"),
    ] {
        let headers = [("Inference-Header-Content-Length", length)];
        let reply = call(at, Method::POST, INFER, &headers, Bytes::from_static(b"{}")).await;
        assert!(reply.status == 400 && reply.error().contains(expected), "{length}: {}", reply.error());
    }
    assert_eq!(server.engine.status().endpoints[0].variants[0].requests, 0, "no model ran");
}

/// Each of these is one request for anybody who reads it, and is answered once or not at all.
#[test]
fn no_request_hides_in_another() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let home = Home::served();
    let server = runtime.block_on(Running::start(home.path(), |_| {}));
    let hidden = "GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n";
    let post = |headers: &str, body: &str| format!("POST {INFER} HTTP/1.1\r\nHost: h\r\n{headers}\r\n{body}");
    for (request, answers, status) in [
        (post("Content-Length: 4\r\nContent-Length: 46\r\n", hidden), 1, "400"),
        (post("Content-Length: 4, 46\r\n", hidden), 1, "400"),
        (post("Content-Length: +4\r\n", hidden), 1, "400"),
        (post("Content-Length: -1\r\n", hidden), 1, "400"),
        (
            post(&format!("Content-Length: {}\r\nTransfer-Encoding: xchunked\r\n", hidden.len()), hidden),
            1,
            "400",
        ),
        (post("Transfer-Encoding: chunked\r\n", "xyz\r\n"), 1, "400"),
        // Both framings: the chunks count, and the connection is closed before what may be hidden behind them.
        (
            post("Content-Length: 50\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{hidden}")),
            1,
            "400",
        ),
        ("GET /v2/health/live HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n".into(), 1, "400"),
        ("GET /v2/health/live\0 HTTP/1.1\r\nHost: h\r\n\r\n".into(), 1, "400"),
        ("GET /v2/health/live HTTP/1.1\r\n\r\n".into(), 1, "400"),
        ("GET /v2/health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), 1, "400"),
        ("GET /v2/models/%2e%2e%2fhealth HTTP/1.1\r\nHost: h\r\n\r\n".into(), 1, "404"),
        ("GET //v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n".into(), 1, "404"),
        ("GET http://other/v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n".into(), 1, "200"),
    ] {
        let mut stream = TcpStream::connect(server.addresses.data).unwrap();
        // The server may close or reset a connection whose rest it does not read; a client that has ended its side
        // before an answer came counts as gone.
        let _ = stream.write_all(request.as_bytes());
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while status_lines(&answer) < answers
            && let Ok(read @ 1..) = stream.read(&mut piece)
        {
            answer.extend_from_slice(&piece[..read]);
        }
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut answer);
        let lines = status_lines(&answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(lines, answers, "{request}\n{answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
    }
}

/// How many answers stand there; a text may speak of the protocol too.
fn status_lines(answer: &[u8]) -> usize {
    answer.windows(10).filter(|text| text.starts_with(b"HTTP/1.1 ") && text[9].is_ascii_digit()).count()
}
