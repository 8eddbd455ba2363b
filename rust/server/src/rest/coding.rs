//! Bodies that come or go compressed, as gzip or deflate. The limit holds for what they unpack to.

use std::io::{BufRead, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use http::{HeaderMap, HeaderValue, Response};

use super::media::unread;
use crate::ErrorKind;
use crate::body::Answer;
use crate::fault::Fault;

/// Shorter answers go as they are: they fit into a packet or two.
const LEAST: usize = 1024;

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// With zlib's frame, as HTTP means it.
    Deflate,
}

impl Coding {
    const ALL: [Self; 2] = [Self::Gzip, Self::Deflate];

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// How a request's body is compressed, if it is.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut values = headers.get_all(CONTENT_ENCODING).into_iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = second.or(first) else { return Ok(None) };
        let is = |name: &str| value.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        let found = Self::ALL.into_iter().find(|coding| is(coding.name()));
        if second.is_none() && (found.is_some() || is("identity")) {
            return Ok(found);
        }
        Err(unread("Content-Encoding", value, "the body as it is, or once compressed with gzip or deflate"))
    }

    /// How an answer may be compressed: the first of ours that the client takes.
    pub(super) fn asked(headers: &HeaderMap) -> Option<Self> {
        let takes = |coding: &Self| {
            let lists = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
            lists.flat_map(|list| list.split(',')).any(|item| {
                let (name, quality) = item.split_once(';').unwrap_or((item, ""));
                let refused = quality.split_once('=').is_some_and(|(_, q)| q.trim().parse() == Ok(0.0_f32));
                name.trim().eq_ignore_ascii_case(coding.name()) && !refused
            })
        };
        Self::ALL.into_iter().find(takes)
    }

    /// What `body` unpacks to, at most `limit` bytes; no more are ever made.
    pub(super) fn unpack(self, body: &Bytes, limit: usize) -> Result<Bytes, Fault> {
        match self {
            Self::Gzip => {
                let mut decoder = GzDecoder::new(&body[..]);
                let unpacked = read(&mut decoder, limit);
                self.finish(unpacked, decoder.get_mut(), limit)
            }
            Self::Deflate => {
                let mut decoder = ZlibDecoder::new(&body[..]);
                let unpacked = read(&mut decoder, limit);
                self.finish(unpacked, decoder.get_mut(), limit)
            }
        }
    }

    fn finish(
        self,
        unpacked: std::io::Result<Vec<u8>>,
        mut rest: &[u8],
        limit: usize,
    ) -> Result<Bytes, Fault> {
        let name = self.name();
        let unpacked = unpacked.map_err(|_| Fault::invalid(format!("the body is not whole {name} data")))?;
        if unpacked.len() > limit {
            let message = format!("the body unpacks to more than the limit of {limit} bytes");
            return Err(Fault::new(ErrorKind::TooLarge, message));
        }
        match rest.fill_buf() {
            Ok([]) => Ok(unpacked.into()),
            _ => Err(Fault::invalid(format!("{} bytes stand behind the {name} data", rest.len()))),
        }
    }

    fn pack(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let out = Vec::with_capacity(body.len() / 2);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

fn read(decoder: &mut impl Read, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    decoder.take((limit as u64).saturating_add(1)).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Compresses an answer where the request asks for it and it is long enough to gain.
pub(super) fn pack(asked: Option<Coding>, mut response: Response<Answer>) -> Response<Answer> {
    let Some(coding) = asked else { return response };
    let Answer::Whole { data: Some(data), .. } = response.body_mut() else { return response };
    if data.len() < LEAST {
        return response;
    }
    if let Ok(packed) = coding.pack(data) {
        *data = packed.into();
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &http::HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_limit() {
        let body = vec![b'x'; 10_000];
        for coding in Coding::ALL {
            let packed = Bytes::from(coding.pack(&body).unwrap());
            assert!(packed.len() < 200);
            assert_eq!(coding.unpack(&packed, 10_000).unwrap(), body);
            let fault = coding.unpack(&packed, 9_999).unwrap_err();
            assert_eq!(fault.kind, ErrorKind::TooLarge, "{fault:?}");
            for cut in 0..packed.len() {
                assert!(coding.unpack(&packed.slice(..cut), 10_000).is_err(), "{cut}");
            }
            let more = Bytes::from([&packed[..], b"more"].concat());
            let message = coding.unpack(&more, 10_000).unwrap_err().message;
            assert!(message.contains("4 bytes stand behind"), "{message}");
        }
    }

    #[test]
    fn only_one_coding_of_ours_is_taken() {
        let of = |values: &[&'static str]| {
            Coding::of(&headers(&CONTENT_ENCODING, values)).map_err(|fault| fault.message)
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["identity"]), Ok(None));
        assert_eq!(of(&["GZIP"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["deflate"]), Ok(Some(Coding::Deflate)));
        for bad in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"]] {
            assert!(of(bad).unwrap_err().contains("once compressed"), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_packed_where_it_is_asked_and_long() {
        let asked = |value: &'static str| Coding::asked(&headers(&ACCEPT_ENCODING, &[value]));
        assert_eq!(asked("deflate, gzip;q=0.5"), Some(Coding::Gzip));
        assert_eq!(asked("br, deflate"), Some(Coding::Deflate));
        assert_eq!(asked("gzip;q=0, identity"), None);
        for (length, packed) in [(LEAST - 1, false), (LEAST, true)] {
            let response = pack(Some(Coding::Gzip), Response::new(Answer::whole(vec![b'x'; length])));
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), packed, "{length}");
        }
    }
}
