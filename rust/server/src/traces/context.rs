//! The W3C trace context of a request (level 1), read strictly: what is malformed was never sent.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Bytes of a `traceparent` of version 00: `00-<trace id>-<parent id>-<flags>`.
const LENGTH: usize = 55;
const SAMPLED: u128 = 1;
/// Members and bytes of a `tracestate` that is kept.
const MEMBERS: usize = 32;
const STATE_LENGTH: usize = 512;

/// Names one trace over all services; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(pub(super) u128);

/// Names one span; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(pub(super) u64);

/// What the caller said of its own span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) sampled: bool,
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl SpanId {
    pub(super) fn new() -> Self {
        Self(rand::random::<u64>().max(1))
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Parent {
    /// The caller's span, if exactly one well-formed `traceparent` names it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(TRACEPARENT).iter();
        let only = sent.next().filter(|_| sent.next().is_none())?;
        Self::parse(only.as_bytes())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let version = hex(&known[..2])?;
        // Versions to come may add fields behind a dash; 00 has none, and ff is none.
        let whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        if !whole || [2, 35, 52].iter().any(|&dash| known[dash] != b'-') {
            return None;
        }
        let (trace, span, flags) = (hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..])?);
        if trace == 0 || span == 0 {
            return None;
        }
        let span = SpanId(u64::try_from(span).ok()?);
        Some(Self { trace: TraceId(trace), span, sampled: flags & SAMPLED == SAMPLED })
    }
}

/// Lower-case digits alone.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// What the systems before say to each other, as one text; `None` where any of it is malformed or there is too much.
pub(super) fn state(headers: &HeaderMap) -> Option<String> {
    let mut members: Vec<&str> = Vec::new();
    for sent in headers.get_all(TRACESTATE) {
        let sent = HeaderValue::to_str(sent).ok()?;
        members.extend(sent.split(',').map(|member| member.trim_matches([' ', '\t'])));
    }
    members.retain(|member| !member.is_empty());
    let mut keys: Vec<&str> = members.iter().filter_map(|member| key(member)).collect();
    keys.sort_unstable();
    let distinct = keys.windows(2).all(|pair| pair[0] != pair[1]);
    if keys.len() != members.len() || !distinct || members.is_empty() || members.len() > MEMBERS {
        return None;
    }
    let text = members.join(",");
    (text.len() <= STATE_LENGTH).then_some(text)
}

/// The key of a well-formed `key=value`.
fn key(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    let rest = |part: &str, longest: usize| {
        part.len() <= longest
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte))
    };
    let letter = |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase());
    let good_key = match key.split_once('@') {
        None => letter(key) && rest(key, 256),
        Some((tenant, system)) => {
            let first =
                tenant.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
            first && rest(tenant, 241) && letter(system) && rest(system, 14)
        }
    };
    let good_value = !value.is_empty()
        && value.len() <= 256
        && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'=');
    (good_key && good_value).then_some(key)
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
