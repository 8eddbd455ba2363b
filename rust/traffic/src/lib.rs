//! Weights to slots, keys to variants. Pure.
//!
//! A key is hashed to one of `S` slots and each slot is owned by one arm: one hash and one table read per request,
//! sticky, with the fewest possible moves when weights change and an exact undo.

mod assignment;
mod error;
mod slot_table;

pub use assignment::{Assignment, targets};
pub use error::TrafficError;
pub use slot_table::{SlotTable, seed, slot};
