//! Faults as gRPC says them, and the gRPC library's own statuses brought into the table.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::frame::CODINGS;
use crate::ErrorKind;
use crate::body::Answer;
use crate::fault::Fault;
use crate::plane::REQUEST_ID;
use crate::request_id;

const GRPC_STATUS: HeaderName = super::frame::STATUS;
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The status of a failed request; writes its log line. `asked` are the request's headers.
pub(super) fn status(fault: &Fault, asked: &HeaderMap) -> Status {
    let id = request_id::request_id(asked);
    fault.log(request_id::text(&id));
    let codes = fault.kind.codes();
    let mut metadata = HeaderMap::new();
    metadata.insert(REQUEST_ID, id);
    fault.headers(&mut metadata);
    if fault.kind == ErrorKind::UnsupportedMedia {
        metadata.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
    }
    if let Some(seconds) = fault.retry_after() {
        metadata.insert(PUSHBACK, HeaderValue::from(seconds.saturating_mul(1000)));
    }
    Status::with_metadata(codes.grpc, fault.message.as_str(), MetadataMap::from_headers(metadata))
}

/// The whole answer of a failed request.
pub(super) fn failed(fault: &Fault, asked: &HeaderMap) -> Response<Answer> {
    status(fault, asked).into_http()
}

/// The trailers of a stream that failed.
pub(super) fn trailers(fault: &Fault, asked: &HeaderMap) -> HeaderMap {
    let mut headers = failed(fault, asked).into_parts().0.headers;
    headers.remove(CONTENT_TYPE);
    headers
}

/// Nothing has that path.
pub(super) fn unknown(path: &str) -> Fault {
    Fault::new(ErrorKind::UnknownCall, format!("nothing answers at '{path}'"))
}

/// An answer of the gRPC library. Statuses that are not ours (ours carry a request id) get the table's code.
pub(super) fn of_library(
    response: Response<tonic::body::Body>,
    asked: &HeaderMap,
    path: &str,
) -> Response<Answer> {
    let headers = response.headers();
    let foreign = headers.contains_key(GRPC_STATUS) && !headers.contains_key(REQUEST_ID);
    match Status::from_header_map(headers).filter(|_| foreign) {
        // Of a method that it does not know, the library says nothing.
        Some(status) if status.code() == Code::Unimplemented && status.message().is_empty() => {
            failed(&unknown(path), asked)
        }
        Some(status) => failed(&Fault::new(ErrorKind::from_grpc(status.code()), status.message()), asked),
        None => response.map(Answer::Library),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("r-1"));
        headers
    }

    #[test]
    fn every_kind_has_its_code_a_text_and_an_id() {
        for kind in ErrorKind::ALL {
            let response = failed(&Fault::new(kind, "what came: 7 %"), &asked());
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(status.code(), kind.codes().grpc);
            assert_ne!(status.code(), Code::Ok);
            assert_eq!(status.message(), "what came: 7 %");
            assert_eq!(response.headers()[REQUEST_ID], "r-1");
            assert_eq!(response.headers().contains_key(PUSHBACK), kind.codes().retry_after.is_some());
        }
    }

    #[test]
    fn the_library_s_statuses_get_the_table_s_codes() {
        for (code, expected) in [
            (Code::OutOfRange, Code::ResourceExhausted),
            (Code::Cancelled, Code::DeadlineExceeded),
            (Code::Internal, Code::InvalidArgument),
        ] {
            let response = of_library(Status::new(code, "library").into_http(), &asked(), "/s/M");
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!((status.code(), status.message()), (expected, "library"));
            assert_eq!(response.headers()[REQUEST_ID], "r-1");
        }
        let ours = status(&Fault::new(ErrorKind::Internal, "ours"), &asked());
        let response = of_library(ours.into_http(), &asked(), "/s/M");
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::Internal);
    }
}
