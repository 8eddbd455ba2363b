//! The name of a request in errors and logs: the client's, or one made when it is needed.

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::plane::REQUEST_ID;

/// Longest id that is taken from a client.
const LONGEST: usize = 128;

/// The client's id where it is short and printable, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= LONGEST && bytes.iter().all(u8::is_ascii_graphic)
    });
    match given {
        Some(value) => value.clone(),
        None => {
            HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
        }
    }
}

/// The id as text.
pub(crate) fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_printable_id_is_taken() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            request_id(&headers)
        };
        assert_eq!(with("abc-1"), "abc-1");
        for value in ["", "a b", &"x".repeat(129)] {
            assert!(Uuid::parse_str(text(&with(value))).is_ok(), "{value:?}");
        }
        assert!(Uuid::parse_str(text(&request_id(&HeaderMap::new()))).is_ok());
    }
}
