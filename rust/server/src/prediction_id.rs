//! The id of a prediction, where clients of both transports find it.

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The header (or gRPC metadata) of an answer that carries its prediction id.
const HEADER: &str = "tidegate-prediction-id";

/// The prediction's id as a header, for clients that don't look into bodies or messages.
pub(crate) fn stamp(headers: &mut HeaderMap, id: Uuid) {
    let mut text = [0; Hyphenated::LENGTH];
    let id: &str = id.hyphenated().encode_lower(&mut text);
    if let Ok(mut id) = HeaderValue::from_str(id) {
        // No two are alike: kept out of the header tables that HTTP/2 connections share.
        id.set_sensitive(true);
        headers.insert(HEADER, id);
    }
}
