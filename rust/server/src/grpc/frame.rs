//! The five bytes before a message, and the headers and trailers around it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;

use crate::ErrorKind;
use crate::body::Answer;
use crate::fault::Fault;

/// A flag for compression and the length in 4 bytes.
pub(super) const PREFIX: usize = 5;

/// The one message of a unary request's body.
pub(super) fn message(mut body: Bytes) -> Result<Bytes, Fault> {
    if body.len() < PREFIX {
        return Err(Fault::invalid("the request has no message"));
    }
    if body.get_u8() != 0 {
        return Err(Fault::new(
            ErrorKind::UnsupportedMedia,
            "compressed messages are not read here; send them as they are",
        ));
    }
    let declared = body.get_u32() as usize;
    if declared != body.len() {
        return Err(Fault::invalid(format!(
            "the message is {declared} bytes by its prefix, {} by its body",
            body.len()
        )));
    }
    Ok(body)
}

/// The answer of a unary call that went well.
pub(super) fn answer(message: &impl Message) -> Result<Response<Answer>, Fault> {
    let length = message.encoded_len();
    let mut data = BytesMut::with_capacity(PREFIX + length);
    data.put_u8(0);
    data.put_u32(u32::try_from(length).map_err(|error| Fault::internal(&error))?);
    message.encode(&mut data).map_err(|error| Fault::internal(&error))?;

    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let mut response = Response::new(Answer::Whole { data: Some(data.freeze()), trailers: Some(trailers) });
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_whole_or_refused() {
        let body = |bytes: &[u8]| message(Bytes::copy_from_slice(bytes));
        assert_eq!(body(b"\0\0\0\0\x02ab").unwrap(), "ab");
        assert_eq!(body(b"\0\0\0\0\0").unwrap(), "");
        assert_eq!(body(b"\0\0\0").unwrap_err().kind, ErrorKind::InvalidInput);
        assert_eq!(body(b"\0\0\0\0\x03ab").unwrap_err().kind, ErrorKind::InvalidInput);
        assert_eq!(body(b"\0\0\0\0\x01ab").unwrap_err().kind, ErrorKind::InvalidInput);
        assert_eq!(body(b"\x01\0\0\0\x02ab").unwrap_err().kind, ErrorKind::UnsupportedMedia);
    }
}
