//! Who waits for a model, and what becomes of them.

mod line;
mod tally;

pub(crate) use line::Line;
