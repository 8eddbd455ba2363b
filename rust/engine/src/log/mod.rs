//! The prediction log: what is written for each row, and how rows become columns.

mod batch;
mod columns;
mod layout;
mod policy;
mod record;

pub(crate) use batch::encode;
pub(crate) use layout::Layout;
pub(crate) use policy::Policy;
pub use policy::{LogSpec, Mask, MaskError, MaskSpec};
pub(crate) use record::{Record, Request, RowRole, data_bytes};
