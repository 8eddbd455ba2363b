//! Request parameters that mean something here; others are passed over, as the protocol wants.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tidegate_engine::Priority;

/// The parameters of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Microseconds UTC.
    pub(super) event_time: Option<i64>,
    pub(super) routing_key: Option<RoutingKey>,
    /// Whether all outputs come in binary.
    pub(super) binary_data_output: Option<bool>,
    /// Microseconds that the client waits. Zero says nothing, as with Triton.
    pub(super) timeout: Option<i64>,
    /// Lower is more urgent: 0 (the default) and 1 are interactive.
    pub(super) priority: Option<Priority>,
}

/// A routing key: text, or an integer in decimal. A float has no one text, so it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoutingKey(pub(super) Vec<u8>);

/// A parameter's value, whatever it is.
enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Text(String),
    /// A float, an array or an object: no parameter of ours is one.
    Other,
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Parameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
        let mut parameters = Parameters::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<Value>()?;
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("parameter '{name}' came twice")));
            }
            parameters.set(&name, value).map_err(|expected| {
                A::Error::custom(format_args!("parameter '{name}' must be {expected}"))
            })?;
            seen.insert(name);
        }
        Ok(parameters)
    }
}

impl Parameters {
    /// Takes a parameter that is ours; fails with what it must be.
    fn set(&mut self, name: &str, value: Value) -> Result<(), &'static str> {
        if matches!(value, Value::Null) {
            return Ok(());
        }
        match name {
            "event_time" => self.event_time = Some(value.integer("an integer: microseconds UTC")?),
            "routing_key" => self.routing_key = Some(value.key()?),
            "binary_data_output" => self.binary_data_output = Some(value.boolean()?),
            "timeout" => {
                let expected = "an integer from 0 up: microseconds";
                let microseconds: u64 = value.integer(expected)?;
                self.timeout = Some(i64::try_from(microseconds).map_err(|_| expected)?);
            }
            "priority" => {
                let priority: u64 = value.integer("an integer from 0 up")?;
                self.priority = Some(if priority > 1 { Priority::Batch } else { Priority::Interactive });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Value {
    fn integer<T: TryFrom<i128>>(&self, expected: &'static str) -> Result<T, &'static str> {
        match self {
            Self::Integer(number) => T::try_from(*number).map_err(|_| expected),
            _ => Err(expected),
        }
    }

    fn boolean(&self) -> Result<bool, &'static str> {
        if let Self::Bool(value) = self { Ok(*value) } else { Err("true or false") }
    }

    fn key(self) -> Result<RoutingKey, &'static str> {
        match self {
            Self::Text(text) => Ok(RoutingKey(text.into_bytes())),
            Self::Integer(number) => Ok(RoutingKey(number.to_string().into_bytes())),
            Self::Null | Self::Bool(_) | Self::Other => Err("a string or an integer"),
        }
    }
}

impl<'de> Deserialize<'de> for RoutingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |expected| D::Error::custom(format_args!("'routing_key' must be {expected}"));
        Value::deserialize(deserializer)?.key().map_err(refused)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
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
    }

    #[test]
    fn each_has_its_meaning() {
        let read = |text: &str| read(text).unwrap();
        assert_eq!(read(r#"{"event_time": 1357034400000000}"#).event_time, Some(1_357_034_400_000_000));
        assert_eq!(read(r#"{"timeout": 2500}"#).timeout, Some(2500));
        for (priority, expected) in
            [(0, Priority::Interactive), (1, Priority::Interactive), (2, Priority::Batch)]
        {
            assert_eq!(read(&format!(r#"{{"priority": {priority}}}"#)).priority, Some(expected));
        }
        assert_eq!(read(r#"{"event_time": null, "sequence_id": {"a": [1.5]}}"#), Parameters::default());
    }

    #[test]
    fn a_wrong_type_is_refused_by_name() {
        for (text, expected) in [
            (r#"{"event_time": 1.5}"#, "parameter 'event_time' must be an integer: microseconds UTC"),
            (r#"{"routing_key": 1.5}"#, "parameter 'routing_key' must be a string or an integer"),
            (r#"{"routing_key": true}"#, "parameter 'routing_key' must be a string or an integer"),
            (r#"{"timeout": "1s"}"#, "parameter 'timeout' must be an integer from 0 up: microseconds"),
            (r#"{"timeout": -1}"#, "parameter 'timeout' must be an integer from 0 up: microseconds"),
            (r#"{"priority": {}}"#, "parameter 'priority' must be an integer from 0 up"),
            (r#"{"binary_data_output": 1}"#, "parameter 'binary_data_output' must be true or false"),
            (r#"{"a": 1, "a": 2}"#, "parameter 'a' came twice"),
            ("[]", "an object of parameters"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
