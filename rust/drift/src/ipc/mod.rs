//! Profiles and counts as Arrow IPC bytes.

pub(crate) mod columns;
pub mod counts;
mod messages;
pub(crate) mod profile;
