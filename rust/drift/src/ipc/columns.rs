//! Columns of a record batch by name, checked.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};

/// Why bytes are refused, in words.
pub(crate) type Problem = String;

pub(crate) fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// Typed access to the rows of a batch whose schema has been checked.
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl<'a> Columns<'a> {
    fn array(&self, name: &str) -> Result<&'a ArrayRef, Problem> {
        self.0.column_by_name(name).ok_or_else(|| format!("column `{name}`: expected, none came"))
    }

    fn value(&self, name: &str, row: usize) -> Result<&'a ArrayRef, Problem> {
        let array = self.array(name)?;
        if row >= array.len() || array.is_null(row) {
            return Err(format!("column `{name}`, row {row}: expected a value, got null"));
        }
        Ok(array)
    }

    pub(crate) fn text(&self, name: &str, row: usize) -> Result<&'a str, Problem> {
        let array: &StringArray =
            self.value(name, row)?.as_string_opt().ok_or_else(|| wrong(name, "utf8"))?;
        Ok(array.value(row))
    }

    pub(crate) fn boolean(&self, name: &str, row: usize) -> Result<bool, Problem> {
        Ok(self.value(name, row)?.as_boolean_opt().ok_or_else(|| wrong(name, "bool"))?.value(row))
    }

    pub(crate) fn count(&self, name: &str, row: usize) -> Result<u64, Problem> {
        let array = self.value(name, row)?.as_primitive_opt::<UInt64Type>();
        Ok(array.ok_or_else(|| wrong(name, "uint64"))?.value(row))
    }

    fn items(&self, name: &str, row: usize) -> Result<ArrayRef, Problem> {
        let items =
            self.value(name, row)?.as_list_opt::<i32>().ok_or_else(|| wrong(name, "list"))?.value(row);
        if items.null_count() > 0 {
            return Err(format!("column `{name}`, row {row}: expected no null within the list"));
        }
        Ok(items)
    }

    pub(crate) fn counts(&self, name: &str, row: usize) -> Result<Vec<u64>, Problem> {
        let items = self.items(name, row)?;
        let items = items.as_primitive_opt::<UInt64Type>().ok_or_else(|| wrong(name, "list of uint64"))?;
        Ok(items.values().to_vec())
    }

    pub(crate) fn numbers(&self, name: &str, row: usize) -> Result<Vec<f64>, Problem> {
        let items = self.items(name, row)?;
        let items = items.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong(name, "list of float64"))?;
        Ok(items.values().to_vec())
    }

    pub(crate) fn byte_strings(&self, name: &str, row: usize) -> Result<Vec<Box<[u8]>>, Problem> {
        let items = self.items(name, row)?;
        let items = items.as_binary_opt::<i32>().ok_or_else(|| wrong(name, "list of binary"))?;
        Ok(items.iter().flatten().map(Box::from).collect())
    }
}

fn wrong(name: &str, expected: &str) -> Problem {
    format!("column `{name}`: expected {expected}")
}
