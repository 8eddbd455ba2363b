//! Gathers JSON values into the elements of one tensor: the type decides what is accepted.

use half::f16;
use tidegate_model::{BytesColumn, DataType, TensorData};

use super::tokens::Token;

/// A value that the column can't hold, as text for the message.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(pub(super) String);

/// Elements of one type, in order of arrival.
pub(super) struct Column {
    data: TensorData,
    missing: Option<String>,
}

impl Column {
    /// An empty column. `missing` is the string that null stands for in a `BYTES` column.
    pub(super) fn new(datatype: DataType, missing: Option<&str>, capacity: usize) -> Self {
        let data = match datatype {
            DataType::Bool => TensorData::Bool(Vec::with_capacity(capacity)),
            DataType::Uint8 => TensorData::Uint8(Vec::with_capacity(capacity)),
            DataType::Uint16 => TensorData::Uint16(Vec::with_capacity(capacity)),
            DataType::Uint32 => TensorData::Uint32(Vec::with_capacity(capacity)),
            DataType::Uint64 => TensorData::Uint64(Vec::with_capacity(capacity)),
            DataType::Int8 => TensorData::Int8(Vec::with_capacity(capacity)),
            DataType::Int16 => TensorData::Int16(Vec::with_capacity(capacity)),
            DataType::Int32 => TensorData::Int32(Vec::with_capacity(capacity)),
            DataType::Int64 => TensorData::Int64(Vec::with_capacity(capacity)),
            DataType::Fp16 => TensorData::Fp16(Vec::with_capacity(capacity)),
            DataType::Fp32 => TensorData::Fp32(Vec::with_capacity(capacity)),
            DataType::Fp64 => TensorData::Fp64(Vec::with_capacity(capacity)),
            DataType::Bytes => TensorData::Bytes(BytesColumn::with_capacity(capacity, 0)),
        };
        Self { data, missing: missing.map(ToOwned::to_owned) }
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    pub(super) fn datatype(&self) -> DataType {
        self.data.datatype()
    }

    pub(super) fn into_data(self) -> TensorData {
        self.data
    }

    /// Appends one value: integers must be written as integers and fit, null is NaN in a floating column.
    pub(super) fn push(&mut self, token: &Token<'_>) -> Result<(), Refused> {
        let pushed = match &mut self.data {
            TensorData::Bool(values) => boolean(token).map(|v| values.push(v)),
            TensorData::Uint8(values) => integer(token).map(|v| values.push(v)),
            TensorData::Uint16(values) => integer(token).map(|v| values.push(v)),
            TensorData::Uint32(values) => integer(token).map(|v| values.push(v)),
            TensorData::Uint64(values) => integer(token).map(|v| values.push(v)),
            TensorData::Int8(values) => integer(token).map(|v| values.push(v)),
            TensorData::Int16(values) => integer(token).map(|v| values.push(v)),
            TensorData::Int32(values) => integer(token).map(|v| values.push(v)),
            TensorData::Int64(values) => integer(token).map(|v| values.push(v)),
            TensorData::Fp16(values) => half_precision(token).map(|v| values.push(v)),
            TensorData::Fp32(values) => single_precision(token).map(|v| values.push(v)),
            TensorData::Fp64(values) => double_precision(token).map(|v| values.push(v)),
            TensorData::Bytes(values) => {
                text(token, self.missing.as_deref()).map(|v| values.push(v.as_bytes()))
            }
        };
        pushed.ok_or_else(|| Refused(describe(token)))
    }
}

fn boolean(token: &Token<'_>) -> Option<bool> {
    match token {
        Token::Bool(value) => Some(*value),
        _ => None,
    }
}

fn integer<T: std::str::FromStr>(token: &Token<'_>) -> Option<T> {
    match token {
        Token::Number(number) => number.parse().ok(),
        _ => None,
    }
}

fn double_precision(token: &Token<'_>) -> Option<f64> {
    match token {
        Token::Null => Some(f64::NAN),
        Token::Number(number) => number.parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

/// Parsed as single precision at once: rounding twice could end an ulp away.
fn single_precision(token: &Token<'_>) -> Option<f32> {
    match token {
        Token::Null => Some(f32::NAN),
        Token::Number(number) => number.parse().ok().filter(|value: &f32| value.is_finite()),
        _ => None,
    }
}

fn half_precision(token: &Token<'_>) -> Option<u16> {
    let value = double_precision(token)?;
    let half = f16::from_f64(value);
    (value.is_nan() || half.is_finite()).then(|| half.to_bits())
}

fn text<'t>(token: &'t Token<'_>, missing: Option<&'t str>) -> Option<&'t str> {
    match token {
        Token::Text(text) => Some(text),
        Token::Null => missing,
        _ => None,
    }
}

/// The value as a message shows it: never longer than a line.
fn describe(token: &Token<'_>) -> String {
    match token {
        Token::Null => "null".into(),
        Token::Bool(value) => value.to_string(),
        Token::Number(number) => number.chars().take(40).collect(),
        Token::Text(text) => format!("\"{}\"", text.chars().take(40).collect::<String>()),
        Token::BrokenText => "a string with a broken escape".into(),
        Token::ArrayStart | Token::ArrayEnd => "an array".into(),
        Token::ObjectStart | Token::ObjectEnd => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(datatype: DataType, missing: Option<&str>, token: &Token<'_>) -> Result<TensorData, Refused> {
        let mut column = Column::new(datatype, missing, 1);
        column.push(token).map(|()| column.into_data())
    }

    #[test]
    fn integers_are_exact_over_their_whole_range() {
        let number = |text| Token::Number(text);
        assert_eq!(
            push(DataType::Uint64, None, &number("18446744073709551615")),
            Ok(TensorData::Uint64(vec![u64::MAX]))
        );
        assert_eq!(
            push(DataType::Int64, None, &number("-9223372036854775808")),
            Ok(TensorData::Int64(vec![i64::MIN]))
        );
        for (datatype, text) in [
            (DataType::Int8, "128"),
            (DataType::Uint8, "-1"),
            (DataType::Int32, "1.0"),
            (DataType::Int64, "1e3"),
            (DataType::Uint64, "18446744073709551616"),
        ] {
            assert_eq!(push(datatype, None, &number(text)), Err(Refused(text.into())), "{datatype}");
        }
    }

    #[test]
    fn null_is_nan_or_the_missing_token_or_refused() {
        let nan = |data| match data {
            TensorData::Fp16(v) => f16::from_bits(v[0]).is_nan(),
            TensorData::Fp32(v) => v[0].is_nan(),
            TensorData::Fp64(v) => v[0].is_nan(),
            _ => false,
        };
        for datatype in DataType::ALL {
            let taken = push(datatype, None, &Token::Null);
            if datatype.is_float() {
                assert!(nan(taken.unwrap()), "{datatype}");
            } else {
                assert_eq!(taken, Err(Refused("null".into())), "{datatype}");
            }
        }
        let taken = push(DataType::Bytes, Some("?"), &Token::Null);
        assert_eq!(taken, Ok(TensorData::Bytes(["?"].iter().collect())));
    }

    #[test]
    fn floats_round_once_and_stay_finite() {
        // Halfway between two singles after rounding to double: 1 + 2^-24 + a bit that only the decimal shows.
        let text = "1.00000005960464477540";
        let taken = push(DataType::Fp32, None, &Token::Number(text)).unwrap();
        assert_eq!(taken, TensorData::Fp32(vec![1.000_000_1]));
        for (datatype, text) in
            [(DataType::Fp32, "1e39"), (DataType::Fp64, "1e309"), (DataType::Fp16, "65520")]
        {
            assert!(push(datatype, None, &Token::Number(text)).is_err(), "{datatype}");
        }
    }

    #[test]
    fn a_type_takes_only_its_own_values() {
        assert!(push(DataType::Bool, None, &Token::Number("1")).is_err());
        assert!(push(DataType::Fp32, None, &Token::Text("1".into())).is_err());
        assert!(push(DataType::Bytes, None, &Token::Number("1")).is_err());
        assert!(push(DataType::Fp32, None, &Token::ObjectStart).is_err());
    }
}
