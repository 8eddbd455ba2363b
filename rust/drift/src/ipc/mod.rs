//! Profiles and counts as Arrow IPC bytes.

pub(crate) mod columns;
pub mod counts;
pub(crate) mod profile;
