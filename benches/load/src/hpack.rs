//! The header block of a request: written out once, afterwards by its places in the server's table.

use std::time::Duration;

use crate::plan::Plan;

const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;
const INDEXED: u8 = 0x80;
const LITERAL_INDEXING: u8 = 0x40;
const LITERAL: u8 = 0;
/// The first place after the static table: the header that came last.
const FIRST_DYNAMIC: usize = 62;

/// The headers of every request on a connection.
pub(crate) struct Headers {
    first: Vec<u8>,
    later: Vec<u8>,
    sent: bool,
    block: Vec<u8>,
}

impl Headers {
    /// Those that the plan and gRPC ask for.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut headers = vec![
            (":path", plan.path.as_str()),
            (":authority", &plan.address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ];
        headers.extend(plan.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let (mut first, mut later) = (vec![METHOD_POST, SCHEME_HTTP], vec![METHOD_POST, SCHEME_HTTP]);
        for (index, (name, value)) in headers.iter().enumerate() {
            first.push(LITERAL_INDEXING);
            text(&mut first, name);
            text(&mut first, value);
            integer(&mut later, INDEXED, 7, FIRST_DYNAMIC + headers.len() - 1 - index);
        }
        Self { first, later, sent: false, block: Vec::new() }
    }

    /// The block of the next request, with the time it has `left`.
    pub(crate) fn block(&mut self, left: Option<Duration>) -> &[u8] {
        self.block.clear();
        self.block.extend(if self.sent { &self.later } else { &self.first });
        self.sent = true;
        if let Some(left) = left {
            self.block.push(LITERAL);
            text(&mut self.block, "grpc-timeout");
            text(&mut self.block, &format!("{}u", left.as_micros().clamp(1, 99_999_999)));
        }
        &self.block
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    integer(out, 0, 7, text.len());
    out.extend(text.as_bytes());
}

/// An integer with a prefix of `bits` bits, below the `flags`.
fn integer(out: &mut Vec<u8>, flags: u8, bits: u8, value: usize) {
    let most = (1usize << bits) - 1;
    if value < most {
        return out.push(flags | value as u8);
    }
    out.push(flags | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use httlib_hpack::Decoder;

    use super::*;

    #[test]
    fn a_server_reads_the_same_headers_from_every_block() {
        let long = "x".repeat(300);
        let plan = format!(
            r#"{{"address": "a:1", "protocol": "grpc", "path": "/s/m", "messages": "m", "connections": 1,
            "seconds": 1, "headers": [["authorization", "{long}"]]}}"#
        );
        let mut headers = Headers::new(&Plan::parse(&plan).unwrap());
        let mut server = Decoder::default();
        let expected = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/s/m"),
            (":authority", "a:1"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("authorization", &long),
        ];
        let mut lengths = Vec::new();
        for left in [None, None, Some(Duration::from_millis(25))] {
            let mut block = headers.block(left).to_vec();
            lengths.push(block.len());
            let mut found = Vec::new();
            server.decode(&mut block, &mut found).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|(name, value, _)| {
                    (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap())
                })
                .collect();
            assert_eq!(found[..expected.len()], expected);
            assert_eq!(found.get(expected.len()).copied(), left.map(|_| ("grpc-timeout", "25000u")));
        }
        assert_eq!(lengths[1], expected.len(), "a byte each once the table holds them");
    }
}
