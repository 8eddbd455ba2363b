//! Protocol buffers, read field by field. Total on any bytes: no panic, and no allocation by a size that bytes claim.

use crate::TreesError;

/// A field's value; groups are refused.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of one message, in order.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, TreesError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.array::<8>()?;
                Value::Fixed64
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| TreesError::Damaged)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(TreesError::Damaged),
        };
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], TreesError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TreesError::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TreesError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TreesError::Damaged)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn varint(&mut self) -> Result<u64, TreesError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(TreesError::Damaged)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(TreesError::Damaged)
    }
}

impl<'a> Value<'a> {
    pub(crate) const fn bytes(self) -> Result<&'a [u8], TreesError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(TreesError::Damaged),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, TreesError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| TreesError::Damaged)
    }

    pub(crate) const fn integer(self) -> Result<i64, TreesError> {
        match self {
            Self::Varint(value) => Ok(value.cast_signed()),
            _ => Err(TreesError::Damaged),
        }
    }

    pub(crate) const fn float(self) -> Result<f32, TreesError> {
        match self {
            Self::Fixed32(bits) => Ok(f32::from_bits(bits)),
            _ => Err(TreesError::Damaged),
        }
    }

    /// Appends integers, packed or single.
    pub(crate) fn integers(self, to: &mut Vec<i64>) -> Result<(), TreesError> {
        if let Self::Bytes(bytes) = self {
            let mut fields = Fields::new(bytes);
            while !fields.rest.is_empty() {
                to.push(fields.varint()?.cast_signed());
            }
        } else {
            to.push(self.integer()?);
        }
        Ok(())
    }

    /// Appends floats, packed or single.
    pub(crate) fn floats(self, to: &mut Vec<f32>) -> Result<(), TreesError> {
        if let Self::Bytes(bytes) = self {
            let (whole, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(TreesError::Damaged);
            }
            to.extend(whole.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        } else {
            to.push(self.float()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<u64>, TreesError> {
        let mut fields = Fields::new(bytes);
        let mut numbers = Vec::new();
        while let Some((number, _)) = fields.next()? {
            numbers.push(number);
        }
        Ok(numbers)
    }

    #[test]
    fn fields_of_every_kind_are_read() {
        let bytes = [0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, 9, 9, 0x25, 1, 2, 3, 4];
        assert_eq!(all(&bytes).unwrap(), [1, 2, 3, 4]);
    }

    #[test]
    fn every_cut_is_an_error_or_a_shorter_message() {
        let bytes = [0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, 9, 9, 0x25, 1, 2, 3, 4];
        for length in 0..bytes.len() {
            let whole = [0, 3, 12, 16].contains(&length);
            assert_eq!(all(&bytes[..length]).is_ok(), whole, "{length}");
        }
    }

    #[test]
    fn claims_are_no_sizes() {
        assert!(all(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(all(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).is_err());
        assert!(all(&[0x0b]).is_err());
    }

    #[test]
    fn numbers_come_packed_or_single() {
        let (mut integers, mut floats) = (Vec::new(), Vec::new());
        Value::Bytes(&[1, 0xac, 0x02]).integers(&mut integers).unwrap();
        Value::Varint(u64::MAX).integers(&mut integers).unwrap();
        Value::Bytes(&1.5_f32.to_le_bytes()).floats(&mut floats).unwrap();
        Value::Fixed32(0).floats(&mut floats).unwrap();
        assert_eq!((integers, floats), (vec![1, 300, -1], vec![1.5, 0.0]));
        assert!(Value::Bytes(&[1, 2, 3]).floats(&mut Vec::new()).is_err());
    }
}
