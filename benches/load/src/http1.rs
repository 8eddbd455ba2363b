//! HTTP/1.1 over a kept connection, one request at a time.

use std::io::Write as _;
use std::time::Duration;

use httparse::{Response, Status, parse_chunk_size};

use crate::plan::Plan;
use crate::tally::Ending;
use crate::wire::{Answer, Wire};

const MOST_HEADERS: usize = 64;

/// The wire.
pub(crate) struct Http1 {
    head: Vec<u8>,
}

impl Http1 {
    /// A connection that sends the plan's requests.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", plan.path, plan.address).into_bytes();
        for (name, value) in &plan.headers {
            for part in [name, ": ", value, "\r\n"] {
                head.extend(part.as_bytes());
            }
        }
        Self { head }
    }
}

impl Wire for Http1 {
    const GOOD: Ending = Ending::Status(200);

    fn greet(&mut self, _: &mut Vec<u8>) {}

    fn send(
        &mut self,
        _: usize,
        body: &[u8],
        left: Option<Duration>,
        out: &mut Vec<u8>,
    ) -> Result<bool, String> {
        out.extend(&self.head);
        if let Some(left) = left {
            let ms = left.as_millis().max(1);
            write!(out, "tidegate-timeout-ms: {ms}\r\n").map_err(|error| error.to_string())?;
        }
        write!(out, "content-length: {}\r\n\r\n", body.len()).map_err(|error| error.to_string())?;
        out.extend(body);
        Ok(true)
    }

    fn receive(
        &mut self,
        input: &[u8],
        _: &mut Vec<u8>,
        done: &mut dyn FnMut(Answer<'_>),
    ) -> Result<usize, String> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = Response::new(&mut headers);
        let parsed = response.parse(input).map_err(|error| format!("the server's header: {error}"))?;
        let Status::Complete(start) = parsed else { return Ok(0) };
        let value = |name: &str| {
            let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let ending = Ending::Status(response.code.unwrap_or(0));
        if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            let Some((body, end)) = unchunked(&input[start..])? else { return Ok(0) };
            done(Answer { slot: 0, ending, body: &body });
            return Ok(start + end);
        }
        let length: usize = value("content-length")
            .and_then(|text| text.parse().ok())
            .ok_or("the server's answer has no length")?;
        let Some(body) = input.get(start..start + length) else { return Ok(0) };
        done(Answer { slot: 0, ending, body });
        Ok(start + length)
    }
}

/// A chunked body and how many bytes it took, once it is whole.
fn unchunked(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let parsed = parse_chunk_size(&input[at..]).map_err(|_| "the server's chunk has no size")?;
        let Status::Complete((head, size)) = parsed else { return Ok(None) };
        let (start, size) = (at + head, size as usize);
        let Some(chunk) = input.get(start..start + size + 2) else { return Ok(None) };
        body.extend(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Http1 {
        let plan = r#"{"address": "a:1", "protocol": "http", "path": "/p", "messages": "m", "connections": 1,
            "seconds": 1, "headers": [["x", "y"]]}"#;
        Http1::new(&Plan::parse(plan).unwrap())
    }

    /// What is understood of `input`: bytes and answers.
    fn received(input: &[u8]) -> (usize, Vec<(Ending, Vec<u8>)>) {
        let mut found = Vec::new();
        let taken = wire()
            .receive(input, &mut Vec::new(), &mut |answer| found.push((answer.ending, answer.body.to_vec())))
            .unwrap();
        (taken, found)
    }

    #[test]
    fn a_request_has_its_headers_its_time_and_its_length() {
        let mut out = Vec::new();
        assert!(wire().send(0, b"abc", Some(Duration::from_micros(24_900)), &mut out).unwrap());
        let expected = b"POST /p HTTP/1.1\r\nhost: a:1\r\nx: y\r\ntidegate-timeout-ms: 24\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(out, expected);
    }

    #[test]
    fn an_answer_is_taken_once_it_is_whole() {
        let whole = b"HTTP/1.1 429 Too Many\r\nContent-Length: 4\r\n\r\nbusyHTTP";
        for end in 0..whole.len() - 4 {
            assert_eq!(received(&whole[..end]), (0, vec![]), "{end}");
        }
        let answers = vec![(Ending::Status(429), b"busy".to_vec())];
        assert_eq!(received(whole), (whole.len() - 4, answers));
    }

    #[test]
    fn chunks_are_joined() {
        let whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(received(&whole[..end]), (0, vec![]), "{end}");
        }
        assert_eq!(received(whole), (whole.len(), vec![(Ending::Status(200), b"abc".to_vec())]));
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        let error = wire().receive(b"HTTP/1.1 200 OK\r\n\r\n", &mut Vec::new(), &mut |_| ()).unwrap_err();
        assert!(error.contains("no length"));
    }
}
