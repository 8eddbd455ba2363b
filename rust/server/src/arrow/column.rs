//! One named column of a stream, laid into the elements of a tensor.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::DataType as ArrowType;
use tidegate_model::{BytesColumn, DataType};

use super::number::Number;
use crate::fault::Fault;

/// A column: its pieces, one per record batch.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) pieces: Vec<&'a ArrayRef>,
    /// What the contract wants.
    pub(super) datatype: DataType,
}

/// Elements of a matrix that belong to one column.
struct Slots<'a, T> {
    values: &'a mut [T],
    step: usize,
}

impl Column<'_> {
    /// Whether every value is null.
    pub(super) fn is_null(&self) -> bool {
        self.pieces.iter().all(|piece| piece.logical_null_count() == piece.len())
    }

    /// Lays the column into every `step`th element from `first` on.
    pub(super) fn lay<T: Number>(&self, values: &mut [T], first: usize, step: usize) -> Result<(), Fault> {
        let mut row = 0;
        for piece in &self.pieces {
            let mut slots = Slots { values: values.get_mut(row * step + first..).unwrap_or_default(), step };
            macro_rules! numbers {
                ($type:ty, $of:expr) => {
                    slots.lay(piece.as_primitive::<$type>(), $of)
                };
            }
            let laid = match piece.data_type() {
                ArrowType::Null => slots.missing(piece.len()),
                ArrowType::Int8 => numbers!(Int8Type, |value| T::of_signed(value.into())),
                ArrowType::Int16 => numbers!(Int16Type, |value| T::of_signed(value.into())),
                ArrowType::Int32 => numbers!(Int32Type, |value| T::of_signed(value.into())),
                ArrowType::Int64 => numbers!(Int64Type, T::of_signed),
                ArrowType::UInt8 => numbers!(UInt8Type, |value| T::of_unsigned(value.into())),
                ArrowType::UInt16 => numbers!(UInt16Type, |value| T::of_unsigned(value.into())),
                ArrowType::UInt32 => numbers!(UInt32Type, |value| T::of_unsigned(value.into())),
                ArrowType::UInt64 => numbers!(UInt64Type, T::of_unsigned),
                ArrowType::Float16 => numbers!(Float16Type, |value| T::of_float(value.into())),
                ArrowType::Float32 => numbers!(Float32Type, |value| T::of_float(value.into())),
                ArrowType::Float64 => numbers!(Float64Type, T::of_float),
                other => return Err(self.mistyped(other)),
            };
            laid.map_err(|(index, shown)| match shown {
                // A floating column in place of an integer one is wrong whatever it holds.
                Some(_) if piece.data_type().is_floating() && !self.datatype.is_float() => {
                    self.mistyped(piece.data_type())
                }
                shown => self.refused(row + index, shown.as_deref().unwrap_or("null")),
            })?;
            row += piece.len();
        }
        Ok(())
    }

    /// Lays a boolean column into every `step`th element from `first` on.
    pub(super) fn lay_booleans(&self, values: &mut [bool], first: usize, step: usize) -> Result<(), Fault> {
        let mut row = 0;
        for piece in &self.pieces {
            let Some(array) = piece.as_boolean_opt() else {
                return Err(self.mistyped(piece.data_type()));
            };
            let slots = values.get_mut(row * step + first..).unwrap_or_default();
            for (index, (slot, value)) in slots.iter_mut().step_by(step).zip(array).enumerate() {
                *slot = value.ok_or_else(|| self.refused(row + index, "null"))?;
            }
            row += piece.len();
        }
        Ok(())
    }

    /// The strings of the column, `missing` for null. Fails when they are more than `room` bytes, which it lessens.
    pub(super) fn strings(&self, missing: Option<&str>, room: &mut usize) -> Result<BytesColumn, Fault> {
        let rows = self.pieces.iter().map(Array::len).sum();
        let mut column = BytesColumn::with_capacity(rows, 0);
        for piece in &self.pieces {
            let values = strings(piece).ok_or_else(|| self.mistyped(piece.data_type()))?;
            for index in 0..piece.len() {
                let value = match (values(index), missing) {
                    (Some(value), _) => value,
                    (None, Some(missing)) => missing.as_bytes(),
                    (None, None) => return Err(self.refused(column.len(), "null")),
                };
                *room = room.checked_sub(value.len()).ok_or_else(|| self.too_long())?;
                column.push(value);
            }
        }
        Ok(column)
    }

    fn refused(&self, row: usize, shown: &str) -> Fault {
        Fault::invalid(format!("column '{}' must be {}, row {row} is {shown}", self.name, self.datatype))
    }

    fn mistyped(&self, actual: &ArrowType) -> Fault {
        let actual: String = actual.to_string().chars().take(80).collect();
        Fault::invalid(format!("column '{}' must be {}, got Arrow's {actual}", self.name, self.datatype))
    }

    fn too_long(&self) -> Fault {
        let message = format!("the strings of column '{}' unpack to more than a body may hold", self.name);
        Fault::new(crate::ErrorKind::TooLarge, message)
    }
}

/// The value that is refused, as text; `None` is null.
type Shown = Option<String>;

impl<T: Number> Slots<'_, T> {
    fn lay<A: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<A>,
        of: impl Fn(A::Native) -> Option<T>,
    ) -> Result<(), (usize, Shown)> {
        let slots = self.values.iter_mut().step_by(self.step);
        if array.null_count() == 0 {
            for (index, (slot, value)) in slots.zip(array.values()).enumerate() {
                *slot = of(*value).ok_or_else(|| (index, Some(format!("{value:?}"))))?;
            }
            return Ok(());
        }
        for (index, (slot, value)) in slots.zip(array).enumerate() {
            *slot = match value {
                Some(value) => of(value).ok_or_else(|| (index, Some(format!("{value:?}"))))?,
                None => T::MISSING.ok_or((index, None))?,
            };
        }
        Ok(())
    }

    fn missing(&mut self, rows: usize) -> Result<(), (usize, Shown)> {
        for slot in self.values.iter_mut().step_by(self.step).take(rows) {
            *slot = T::MISSING.ok_or((0, None))?;
        }
        Ok(())
    }
}

type Strings<'a> = Box<dyn Fn(usize) -> Option<&'a [u8]> + 'a>;

/// The string at each index of a column of text; `None` where the column is none.
fn strings(array: &ArrayRef) -> Option<Strings<'_>> {
    macro_rules! at {
        ($array:expr) => {{
            let array = $array;
            Box::new(move |index| array.is_valid(index).then(|| array.value(index).as_ref()))
        }};
    }
    macro_rules! keyed {
        ($type:ty) => {{
            let array = array.as_dictionary::<$type>();
            let values = strings(array.values())?;
            Box::new(move |index| values(array.key(index)?))
        }};
    }
    Some(match array.data_type() {
        ArrowType::Null => Box::new(|_| None),
        ArrowType::Utf8 => at!(array.as_string::<i32>()),
        ArrowType::LargeUtf8 => at!(array.as_string::<i64>()),
        ArrowType::Utf8View => at!(array.as_string_view()),
        ArrowType::Binary => at!(array.as_binary::<i32>()),
        ArrowType::LargeBinary => at!(array.as_binary::<i64>()),
        ArrowType::BinaryView => at!(array.as_binary_view()),
        ArrowType::Dictionary(key, _) => match **key {
            ArrowType::Int8 => keyed!(Int8Type),
            ArrowType::Int16 => keyed!(Int16Type),
            ArrowType::Int32 => keyed!(Int32Type),
            ArrowType::Int64 => keyed!(Int64Type),
            ArrowType::UInt8 => keyed!(UInt8Type),
            ArrowType::UInt16 => keyed!(UInt16Type),
            ArrowType::UInt32 => keyed!(UInt32Type),
            ArrowType::UInt64 => keyed!(UInt64Type),
            _ => return None,
        },
        _ => return None,
    })
}
