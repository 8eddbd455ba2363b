//! From a value to its cell.

mod categories;
mod points;

pub(crate) use categories::CategoryTable;
pub(crate) use points::PointTable;
