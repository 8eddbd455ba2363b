//! Who waits for a model, and what becomes of them.
//!
//! A [`Line`] is one variant: how it is run, its queue, its breaker. The [`Pool`] holds the lines that have requests and
//! the threads, called lanes, that take turns at them. A request is a [`Job`] in a queue, and a [`Pending`] to its caller.

mod breaker;
mod calibrate;
mod codel;
mod lane;
mod line;
mod pending;
mod pool;
mod queue;
mod reference;
mod tally;
mod turns;

pub(crate) use calibrate::calibrate;
pub(crate) use lane::{start, watch};
pub(crate) use line::{Line, MOST_ROWS};
pub(crate) use pending::Slot;
pub use pending::{Pending, Submitted};
pub(crate) use pool::Pool;
pub(crate) use queue::Job;
pub(crate) use reference::rows;
