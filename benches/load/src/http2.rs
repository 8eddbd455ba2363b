//! gRPC over HTTP/2 with prior knowledge: one frame reader, request headers from the table after the first request.

use std::collections::HashMap;
use std::time::Duration;

use httlib_hpack::Decoder;

use crate::hpack::Headers;
use crate::plan::Plan;
use crate::tally::Ending;
use crate::wire::{Answer, Wire};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const LARGEST_FRAME: usize = 16_384;
const FIRST_WINDOW: i64 = 65_535;
/// What the server may send before it must wait, on a stream and on the connection.
const OUR_WINDOW: u32 = 1 << 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

const SETTING_WINDOW: u16 = 4;

/// The wire.
pub(crate) struct Http2 {
    headers: Headers,
    decoder: Decoder<'static>,
    streams: HashMap<u32, Stream>,
    next: u32,
    window: i64,
    stream_window: i64,
    unseen: u32,
    block: Vec<u8>,
}

/// A request in flight.
struct Stream {
    slot: usize,
    body: Vec<u8>,
    status: Option<u16>,
    ending: bool,
}

impl Http2 {
    /// A connection that sends the plan's requests.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            headers: Headers::new(plan),
            decoder: Decoder::default(),
            streams: HashMap::new(),
            next: 1,
            window: FIRST_WINDOW,
            stream_window: FIRST_WINDOW,
            unseen: 0,
            block: Vec::new(),
        }
    }

    /// One whole frame.
    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
        done: &mut dyn FnMut(Answer<'_>),
    ) -> Result<(), String> {
        match kind {
            DATA => {
                self.seen(payload.len() as u32, out);
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.body.extend(unpadded(flags & PADDED != 0, payload)?);
                }
                self.finish(id, flags & END_STREAM != 0, done);
            }
            HEADERS | CONTINUATION => {
                let mut block = payload;
                if kind == HEADERS {
                    block = unpadded(flags & PADDED != 0, payload)?;
                    block = if flags & PRIORITY == 0 { block } else { block.get(5..).unwrap_or_default() };
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.ending = flags & END_STREAM != 0;
                    }
                }
                self.block.extend(block);
                if flags & END_HEADERS != 0 {
                    self.decoded(id)?;
                    let ending = self.streams.get(&id).is_some_and(|stream| stream.ending);
                    self.finish(id, ending, done);
                }
            }
            RST_STREAM => {
                if let Some(stream) = self.streams.remove(&id) {
                    done(Answer { slot: stream.slot, ending: Ending::Reset(number(payload)), body: &[] });
                }
            }
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if u16::from_be_bytes([setting[0], setting[1]]) == SETTING_WINDOW {
                        self.stream_window = i64::from(number(&setting[2..]));
                    }
                }
                head(out, 0, SETTINGS, ACK, 0);
            }
            PING if flags & ACK == 0 => {
                head(out, payload.len(), PING, ACK, 0);
                out.extend(payload);
            }
            WINDOW_UPDATE if id == 0 => self.window += i64::from(number(payload)),
            GOAWAY => {
                return Err(format!("the server closes the connection, error {}", number(&payload[4..])));
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives the server its window back once half of it is used.
    fn seen(&mut self, bytes: u32, out: &mut Vec<u8>) {
        self.unseen += bytes;
        if self.unseen > OUR_WINDOW / 2 {
            head(out, 4, WINDOW_UPDATE, 0, 0);
            out.extend(self.unseen.to_be_bytes());
            self.unseen = 0;
        }
    }

    fn decoded(&mut self, id: u32) -> Result<(), String> {
        let mut found = Vec::new();
        self.decoder.decode(&mut self.block, &mut found).map_err(|error| format!("HPACK: {error:?}"))?;
        self.block.clear();
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        for (name, value, _) in found {
            let number = || std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
            match name.as_slice() {
                b"grpc-status" => stream.status = number(),
                b":status" if value != b"200" => {
                    return Err(format!("the server answered HTTP {:?}", number()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self, id: u32, ends: bool, done: &mut dyn FnMut(Answer<'_>)) {
        if ends && let Some(stream) = self.streams.remove(&id) {
            let ending = Ending::Status(stream.status.unwrap_or(u16::MAX));
            done(Answer { slot: stream.slot, ending, body: &stream.body });
        }
    }
}

impl Wire for Http2 {
    const GOOD: Ending = Ending::Status(0);

    fn greet(&mut self, out: &mut Vec<u8>) {
        out.extend(PREFACE);
        head(out, 6, SETTINGS, 0, 0);
        out.extend(SETTING_WINDOW.to_be_bytes());
        out.extend(OUR_WINDOW.to_be_bytes());
        head(out, 4, WINDOW_UPDATE, 0, 0);
        out.extend((OUR_WINDOW - FIRST_WINDOW as u32).to_be_bytes());
    }

    fn send(
        &mut self,
        slot: usize,
        body: &[u8],
        left: Option<Duration>,
        out: &mut Vec<u8>,
    ) -> Result<bool, String> {
        let length = i64::try_from(body.len()).map_err(|error| error.to_string())?;
        if length > self.stream_window {
            return Err(format!("a message of {length} bytes is over the window of {}", self.stream_window));
        }
        if length > self.window {
            return Ok(false);
        }
        self.window -= length;
        let block = self.headers.block(left);
        head(out, block.len(), HEADERS, END_HEADERS, self.next);
        out.extend(block);
        let mut rest = body;
        loop {
            let (part, more) = rest.split_at(rest.len().min(LARGEST_FRAME));
            head(out, part.len(), DATA, if more.is_empty() { END_STREAM } else { 0 }, self.next);
            out.extend(part);
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        self.streams.insert(self.next, Stream { slot, body: Vec::new(), status: None, ending: false });
        self.next += 2;
        Ok(true)
    }

    fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        done: &mut dyn FnMut(Answer<'_>),
    ) -> Result<usize, String> {
        let mut at = 0;
        while let Some(&[a, b, c, kind, flags, ref id @ ..]) = input[at..].first_chunk::<FRAME_HEAD>() {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let Some(payload) = input.get(at + FRAME_HEAD..at + FRAME_HEAD + length) else { break };
            self.frame(kind, flags, number(id) & 0x7fff_ffff, payload, out, done)?;
            at += FRAME_HEAD + length;
        }
        Ok(at)
    }
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, id: u32) {
    out.extend(&(length as u32).to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(id.to_be_bytes());
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn unpadded(padded: bool, payload: &[u8]) -> Result<&[u8], String> {
    if !padded {
        return Ok(payload);
    }
    let cut =
        payload.split_first().and_then(|(pad, rest)| rest.get(..rest.len().checked_sub(*pad as usize)?));
    cut.ok_or_else(|| "the server's padding is longer than its frame".into())
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod tests;
