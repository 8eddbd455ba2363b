//! The five bytes before a message, its compression, and the headers and trailers around it.

use std::io::Read as _;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;

use crate::ErrorKind;
use crate::body::Answer;
use crate::fault::Fault;

/// A flag for compression and the length in 4 bytes.
pub(super) const PREFIX: usize = 5;
/// How messages may come.
pub(super) const CODINGS: &str = "identity,gzip";

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(super) const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// How messages with the flag are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// What the request's headers say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        match headers.get(ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(other) => {
                let other: String = String::from_utf8_lossy(other).chars().take(40).collect();
                let message = format!("grpc-encoding '{other}' is not read here; send identity or gzip");
                Err(Fault::new(ErrorKind::UnsupportedMedia, message))
            }
        }
    }

    /// The message behind a prefix with this flag; at most `limit` bytes are ever made of it.
    fn unpack(self, flag: u8, message: Bytes, limit: usize) -> Result<Bytes, Fault> {
        match (flag, self) {
            (0, _) => Ok(message),
            (1, Self::Gzip) => {
                let mut unpacked = Vec::new();
                let most = (limit as u64).saturating_add(1);
                GzDecoder::new(&message[..])
                    .take(most)
                    .read_to_end(&mut unpacked)
                    .map_err(|_| Fault::invalid("the message is not whole gzip data"))?;
                if unpacked.len() > limit {
                    return Err(too_large(limit));
                }
                Ok(unpacked.into())
            }
            (1, Self::Identity) => {
                Err(Fault::invalid("the message says that it is compressed, grpc-encoding does not"))
            }
            _ => Err(Fault::invalid(format!("the message begins with {flag}, expected 0 or 1"))),
        }
    }
}

fn too_large(limit: usize) -> Fault {
    Fault::new(ErrorKind::TooLarge, format!("the message is over the limit of {limit} bytes"))
}

/// The one message of a unary request's body.
pub(super) fn message(mut body: Bytes, coding: Coding, limit: usize) -> Result<Bytes, Fault> {
    if body.len() < PREFIX {
        return Err(Fault::invalid("the request has no message"));
    }
    let flag = body.get_u8();
    let declared = body.get_u32() as usize;
    if declared != body.len() {
        return Err(Fault::invalid(format!(
            "the message is {declared} bytes by its prefix, {} by its body",
            body.len()
        )));
    }
    coding.unpack(flag, body, limit)
}

/// The first message of a stream's bytes, if it is there whole.
pub(super) fn next(bytes: &mut BytesMut, coding: Coding, limit: usize) -> Result<Option<Bytes>, Fault> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let [flag, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(too_large(limit));
    }
    if rest.len() < length {
        return Ok(None);
    }
    bytes.advance(PREFIX);
    coding.unpack(flag, bytes.split_to(length).freeze(), limit).map(Some)
}

/// A message with its prefix.
pub(super) fn framed(message: &impl Message) -> Result<Bytes, Fault> {
    let length = message.encoded_len();
    let mut data = BytesMut::with_capacity(PREFIX + length);
    data.put_u8(0);
    data.put_u32(u32::try_from(length).map_err(|error| Fault::internal(&error))?);
    message.encode(&mut data).map_err(|error| Fault::internal(&error))?;
    Ok(data.freeze())
}

/// The answer of a unary call that went well.
pub(super) fn answer(message: &impl Message) -> Result<Response<Answer>, Fault> {
    Ok(streamed(Answer::Whole { data: Some(framed(message)?), trailers: Some(good()) }))
}

/// The trailers of a call that went well.
pub(super) fn good() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// An answer whose status comes in its trailers.
pub(super) fn streamed(body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn body(flag: u8, message: &[u8]) -> Bytes {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[flag][..], &length, message].concat().into()
    }

    #[test]
    fn a_message_is_taken_whole_or_refused() {
        let read = |bytes: &[u8]| message(Bytes::copy_from_slice(bytes), Coding::Identity, 100);
        assert_eq!(read(b"\0\0\0\0\x02ab").unwrap(), "ab");
        assert_eq!(read(b"\0\0\0\0\0").unwrap(), "");
        for bad in
            [&b"\0\0\0"[..], b"\0\0\0\0\x03ab", b"\0\0\0\0\x01ab", b"\x01\0\0\0\x02ab", b"\x02\0\0\0\x02ab"]
        {
            assert_eq!(read(bad).unwrap_err().kind, ErrorKind::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn a_compressed_message_is_unpacked_up_to_the_limit() {
        let read = |flag, message_bytes: &[u8]| message(body(flag, message_bytes), Coding::Gzip, 1000);
        assert_eq!(read(1, &packed(b"ab")).unwrap(), "ab");
        assert_eq!(read(0, b"ab").unwrap(), "ab", "the flag decides");
        assert_eq!(read(1, &packed(&[7; 1000])).unwrap().len(), 1000);
        assert_eq!(read(1, &packed(&[7; 1001])).unwrap_err().kind, ErrorKind::TooLarge);
        assert_eq!(read(1, &packed(&vec![0; 10 << 20])).unwrap_err().kind, ErrorKind::TooLarge);
        assert_eq!(read(1, b"ab").unwrap_err().kind, ErrorKind::InvalidInput);
        assert_eq!(read(1, &packed(b"ab")[..10]).unwrap_err().kind, ErrorKind::InvalidInput);
    }

    #[test]
    fn only_known_codings_are_spoken() {
        let of = |value: &'static str| {
            Coding::of(&HeaderMap::from_iter([(ENCODING, HeaderValue::from_static(value))]))
        };
        assert_eq!(of("gzip").unwrap(), Coding::Gzip);
        assert_eq!(of("identity").unwrap(), Coding::Identity);
        assert_eq!(Coding::of(&HeaderMap::new()).unwrap(), Coding::Identity);
        assert_eq!(of("br").unwrap_err().kind, ErrorKind::UnsupportedMedia);
    }

    #[test]
    fn a_stream_s_messages_come_out_in_order_however_they_were_cut() {
        let sent = [body(0, b"one"), body(0, b""), body(1, &packed(b"three"))].concat();
        for cut in 1..sent.len() {
            let (mut bytes, mut found) = (BytesMut::new(), Vec::new());
            for piece in sent.chunks(cut) {
                bytes.extend_from_slice(piece);
                while let Some(message) = next(&mut bytes, Coding::Gzip, 100).unwrap() {
                    found.push(message);
                }
            }
            assert_eq!(found, ["one", "", "three"]);
        }
        let mut long = BytesMut::from(&b"\0\0\0\0\x65"[..]);
        assert_eq!(next(&mut long, Coding::Gzip, 100).unwrap_err().kind, ErrorKind::TooLarge);
    }
}
