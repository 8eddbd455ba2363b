//! Request parameters that mean something here; others are passed over, as the protocol wants.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The parameters of a request.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Parameters {
    /// Microseconds UTC.
    pub(super) event_time: Option<i64>,
    pub(super) routing_key: Option<RoutingKey>,
    /// Whether all outputs come in binary.
    pub(super) binary_data_output: Option<bool>,
}

/// A routing key: text, or an integer in decimal. A float has no one text, so it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoutingKey(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for RoutingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = RoutingKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a routing key: a string or an integer")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RoutingKey, E> {
        Ok(RoutingKey(text.as_bytes().to_vec()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RoutingKey, E> {
        Ok(RoutingKey(number.to_string().into_bytes()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RoutingKey, E> {
        Ok(RoutingKey(number.to_string().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Parameters, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_text_or_integers() {
        let key = |text: &str| read(text).unwrap().routing_key.unwrap().0;
        assert_eq!(key(r#"{"routing_key": "N14228"}"#), b"N14228");
        assert_eq!(key(r#"{"routing_key": -7, "other": [1]}"#), b"-7");
        assert_eq!(key(r#"{"routing_key": 18446744073709551615}"#), b"18446744073709551615");
        assert!(read(r#"{"routing_key": 1.5}"#).unwrap_err().contains("a string or an integer"));
    }

    #[test]
    fn event_time_is_an_integer() {
        assert_eq!(
            read(r#"{"event_time": 1357034400000000}"#).unwrap().event_time,
            Some(1_357_034_400_000_000)
        );
        assert_eq!(read(r#"{"event_time": null}"#), Ok(Parameters::default()));
        assert!(read(r#"{"event_time": 1.5}"#).is_err());
    }
}
