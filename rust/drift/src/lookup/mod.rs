//! From a value to its cell: tables that are built once with the profile and shared by all its counters.

mod buckets;
mod categories;
mod integers;
mod keys;
mod points;

pub(crate) use categories::CategoryTable;
pub(crate) use points::PointTable;
