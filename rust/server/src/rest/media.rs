//! What kind of body came, and which kind is asked for.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::ErrorKind;
use crate::arrow;
use crate::fault::Fault;

/// A kind of body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// JSON, or JSON with tensors behind it. Also what is not named, and what curl says of any body.
    Json,
    /// An Arrow IPC stream.
    Arrow,
    /// Comma-separated values.
    Csv,
}

impl Media {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Arrow => arrow::MEDIA,
            Self::Csv => "text/csv",
        }
    }

    fn is(self, essence: &[u8]) -> bool {
        let names: &[&str] = match self {
            Self::Json => {
                &["application/json", "application/octet-stream", "application/x-www-form-urlencoded", ""]
            }
            Self::Arrow => &[arrow::MEDIA],
            Self::Csv => &["text/csv"],
        };
        names.iter().any(|name| essence.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The kind that the headers tell, which must be one of `taken`.
    pub(super) fn of(headers: &HeaderMap, taken: &[Self]) -> Result<Self, Fault> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Self::Json) };
        taken.iter().copied().find(|media| media.is(essence(value.as_bytes()))).ok_or_else(|| {
            let names: Vec<_> = taken.iter().map(|media| media.name()).collect();
            unread("Content-Type", value, &names.join(" or "))
        })
    }
}

/// Whether an answer in Arrow is asked for by name.
pub(super) fn asks_arrow(headers: &HeaderMap) -> bool {
    let asked = headers.get_all(ACCEPT).into_iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    asked.map(essence).any(|media| media.eq_ignore_ascii_case(arrow::MEDIA.as_bytes()))
}

/// A header whose value is not read here.
pub(super) fn unread(header: &str, value: &HeaderValue, expected: &str) -> Fault {
    let value: String = String::from_utf8_lossy(value.as_bytes()).chars().take(80).collect();
    Fault::new(ErrorKind::UnsupportedMedia, format!("{header} '{value}' is not read here; send {expected}"))
}

/// A media type without its parameters.
fn essence(media: &[u8]) -> &[u8] {
    media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_unless_it_says_otherwise() {
        let of = |value: &'static str, taken: &[Media]| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            Media::of(&headers, taken).map_err(|fault| fault.message)
        };
        let all = [Media::Json, Media::Arrow, Media::Csv];
        assert_eq!(Media::of(&HeaderMap::new(), &all).unwrap(), Media::Json);
        assert_eq!(of("Application/JSON; charset=utf-8", &all), Ok(Media::Json));
        assert_eq!(of("application/vnd.apache.arrow.stream", &all), Ok(Media::Arrow));
        assert_eq!(of("text/csv; charset=utf-8", &all), Ok(Media::Csv));
        let message = of("text/csv", &[Media::Json, Media::Arrow]).unwrap_err();
        assert_eq!(
            message,
            "Content-Type 'text/csv' is not read here; send application/json or application/vnd.apache.arrow.stream"
        );
    }

    #[test]
    fn arrow_is_answered_where_it_is_accepted_by_name() {
        let asks = |value: &'static str| {
            asks_arrow(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]))
        };
        assert!(asks("application/json;q=0.5, application/vnd.apache.arrow.stream"));
        assert!(!asks("*/*"));
        assert!(!asks_arrow(&HeaderMap::new()));
    }
}
