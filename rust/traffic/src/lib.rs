//! Weights to slots, keys to variants. Pure.
//!
//! A key is hashed to one of `S` slots and each slot is owned by one arm: one hash and one table read per request,
//! sticky, with the fewest possible moves when weights change and an exact undo.
//!
//! ```
//! use tidegate_traffic::{Assignment, SlotTable, seed};
//!
//! let mut assignment = Assignment::start(10_000, 2)?;
//! assert_eq!(assignment.reassign(&[0.9, 0.1])?, 1_000);
//! assert_eq!(assignment.ranges(), [vec![(0, 8_999)], vec![(9_000, 9_999)]]);
//!
//! let table = SlotTable::from_ranges(10_000, &[(0, 0, 8_999), (1, 9_000, 9_999)])?;
//! let slot = table.slot(seed("drift-demo/v1"), b"user-1");
//! assert_eq!((slot, table.owner(slot)), (2_485, Some(0)));
//! # Ok::<(), tidegate_traffic::TrafficError>(())
//! ```

mod assignment;
mod error;
mod slot_table;

pub use assignment::{Assignment, targets};
pub use error::TrafficError;
pub use slot_table::{SlotTable, seed, slot};
